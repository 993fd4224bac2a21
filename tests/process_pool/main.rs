//! Functions that run in other processes, which these tests start: this very program, told by its environment to serve.

mod calls;
mod common;
mod functions;
