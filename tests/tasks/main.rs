//! The behaviours of background tasks, one module a behaviour. No display is needed.

mod ask;
mod awaiting;
mod cancel_token;
mod common;
mod entangled;
mod executor;
mod handle;
mod iterations;
mod model;
mod panics;
mod pool;
mod programs;
mod progress;
mod routers;
mod shutdown;
mod states;
mod stress;
