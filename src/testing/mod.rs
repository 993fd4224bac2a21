//! Tests message handlers: an event loop without a window, time that moves when it is told to, wakes that
//! are counted.
//!
//! [`TestLoop`] turns as a GUI's loop does, on the thread of the test; [`VirtualClock`] stands for the time that
//! passes; [`CountingWaker`] tells whether a router wakes its loop. The page [testing](crate::guide::testing)
//! shows how to test a handler, a worker, time and the shutdown.
//!
//! The module needs no feature: it has no dependency of its own, and what a program does not use is not linked.
//!
//! # Examples
//!
//! ```
//! use foreground::testing::TestLoop;
//!
//! #[derive(Default)]
//! struct App { progress: u32 }
//!
//! let test_loop = TestLoop::<App>::new();
//! let (sender, receiver) = test_loop.router().pipe::<u32>()?;
//! receiver.on_message(|app: &mut App, percent| app.progress = app.progress.max(percent));
//!
//! let (mut app, sender) = (App::default(), sender.start());
//! for percent in [10, 40, 30] {
//!     sender.send(percent)?;
//! }
//! test_loop.run_until_idle(&mut app)?;
//! assert_eq!(app.progress, 40);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod conformance;
mod counting_waker;
mod run_error;
mod test_loop;
mod timers;

pub use self::counting_waker::{CountingWaker, NotWokenError};
pub use self::run_error::{RunError, RunErrorReason};
pub use self::test_loop::{Ran, TestLoop, Turn};
pub use self::timers::{Timer, Timers};
pub use crate::clock::VirtualClock;
