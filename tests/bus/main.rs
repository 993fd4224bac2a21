//! The behaviours of the bus, one module a behaviour. No display is needed.

mod common;
mod deliver_on;
mod disconnect;
mod give_up;
mod local;
mod own_thread;
mod serve_on;
mod serving_ends;
mod sharing;
mod stress;
