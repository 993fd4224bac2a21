//! The behaviours of the core, one module a behaviour. No display is needed.

mod bounded;
mod budget;
mod closing;
mod common;
mod documents;
mod ends;
mod inbox;
mod latest;
mod life;
mod order;
mod panics;
mod reentrancy;
mod route_until;
mod shared;
mod stats;
mod stress;
mod testing;
mod texts;
mod traits_futures;
mod wakers;
mod wakes;
mod watchdog;
