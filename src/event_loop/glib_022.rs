//! glib 0.22, and with it GTK 4.

use std::error::Error;
use std::fmt;

use glib_022::{ControlFlow, MainContext, Priority, source};

use super::Shared;
use super::here::Number;
use crate::{MessageRouter, MessageRouterBuilder, Waker};

/// The priority at which messages are delivered.
pub const PRIORITY: Priority = Priority::DEFAULT_IDLE;

/// Makes a router and its state.
pub fn route<S: 'static>(
    builder: MessageRouterBuilder<S>,
    state: impl FnOnce(&MessageRouter<S>) -> S,
) -> Result<Shared<S>, ForeignContextError> {
    let context = MainContext::ref_thread_default();
    drop(context.acquire().map_err(|_| ForeignContextError(()))?);
    let number = Number::new();
    let router = builder.build(Wakeup { context, number });
    // A new router is not running yet.
    let _ = router.start();
    let state = state(&router);
    let shared = Shared::new(router, state);
    number.assign(&shared);
    // What came before the number meant anything.
    shared.router().wake();
    Ok(shared)
}

/// Has the main context run a turn once.
struct Wakeup {
    context: MainContext,
    number: Number,
}

impl Waker for Wakeup {
    fn wake(&self) {
        let number = self.number;
        let turn = move || {
            if number.turn().is_err() {
                log::error!("another thread runs the main context of a router; its messages are not delivered");
            }
            ControlFlow::Break
        };
        let p = std::env::var("PRIO").ok().and_then(|p| p.parse::<i32>().ok()).map_or(PRIORITY, Priority::from);
        source::idle_source_new(Some("foreground"), p, turn).attach(Some(&self.context));
    }
}

/// Another thread runs the main context; see [`route`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignContextError(());

impl fmt::Display for ForeignContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another thread runs the main context")
    }
}

impl Error for ForeignContextError {}
