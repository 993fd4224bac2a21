//! glib 0.22, and with it GTK 4.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use glib_022::{ControlFlow, MainContext, Priority, Source, source};

use super::Shared;
use super::here::Number;
use crate::{MessageRouter, MessageRouterBuilder, Waker};

const DRAWING: i32 = 120;
const PATIENCE: Duration = Duration::from_millis(16);
const NAME: Option<&str> = Some("foreground");

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

/// Has the main context run a turn.
struct Wakeup {
    context: MainContext,
    number: Number,
}

impl Waker for Wakeup {
    fn wake(&self) {
        let number = self.number;
        if !number.is_here() {
            let turn = move || turn(number);
            return self.attach(source::idle_source_new(NAME, DRAWING.into(), turn));
        }
        // From the settling, mostly: a turn was not enough. Idle functions go first, unless drawing never rests.
        let is_due = Arc::new(AtomicBool::new(true));
        let once = move || if is_due.swap(false, Relaxed) { turn(number) } else { ControlFlow::Break };
        self.attach(source::idle_source_new(NAME, Priority::DEFAULT_IDLE, once.clone()));
        self.attach(source::timeout_source_new(PATIENCE, NAME, DRAWING.into(), once));
    }
}

impl Wakeup {
    fn attach(&self, source: Source) {
        source.attach(Some(&self.context));
    }
}

fn turn(number: Number) -> ControlFlow {
    if number.turn().is_err() {
        log::error!("another thread runs the main context of a router; its messages are not delivered");
    }
    ControlFlow::Break
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
