//! GLib's loop with a channel and a local future for each pipe, as GTK's documents have it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use glib::thread_guard::ThreadGuard;
use glib::{ControlFlow, MainContext, MainLoop, Priority};

use super::{Loop, Peer, Sender};
use crate::app::{App, Message, callback};

pub struct GlibChannel;

impl Peer for GlibChannel {
    type Loop<M: Message> = GlibLoop;
}

/// A main loop whose callbacks share the application.
pub struct GlibLoop {
    pub(super) context: MainContext,
    pub(super) state: Rc<State>,
}

pub(super) struct State {
    main_loop: MainLoop,
    app: RefCell<App>,
}

impl State {
    /// Calls a callback, and ends the loop when the application is done.
    pub(super) fn call<M>(&self, callback: impl FnOnce(&mut App, M), message: M) {
        let app = &mut *self.app.borrow_mut();
        callback(app, message);
        if app.is_done() {
            self.main_loop.quit();
        }
    }
}

impl GlibLoop {
    pub(super) fn new() -> Self {
        let context = MainContext::new();
        let main_loop = MainLoop::new(Some(&context), false);
        Self { context, state: Rc::new(State { main_loop, app: RefCell::default() }) }
    }

    pub(super) fn run_loop(&self, app: App) -> App {
        let has_ticks = app.has_ticks();
        self.state.app.replace(app);
        let run = || {
            if has_ticks {
                tick(self.state.clone());
            }
            self.state.main_loop.run();
        };
        self.context.with_thread_default(run).expect("no other thread has the context");
        self.state.app.take()
    }
}

/// A timer beside the messages. Its resolution is a millisecond.
fn tick(state: Rc<State>) {
    state.app.borrow_mut().tick_if_due();
    let next = state.app.borrow().next_tick();
    after(next, move || tick(state));
}

/// Calls back at a time, or soon, in the context of the thread; `timeout_add_local` would do it in the default one.
pub fn after(time: Option<Instant>, call: impl FnOnce() + 'static) {
    let wait = time.map_or(Duration::ZERO, |time| time.saturating_duration_since(Instant::now()));
    let call = ThreadGuard::new(Cell::new(Some(call)));
    let source =
        glib::timeout_source_new(wait + Duration::from_millis(1), None, Priority::DEFAULT, move || {
            if let Some(call) = call.get_ref().take() {
                call();
            }
            ControlFlow::Break
        });
    source.attach(Some(&MainContext::ref_thread_default()));
}

impl<M: Message> Loop<M> for GlibLoop {
    type Sender = async_channel::Sender<M>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let this = Self::new();
        let senders = (0..pipes).map(|_| {
            let (sender, receiver) = async_channel::unbounded();
            let state = this.state.clone();
            this.context.spawn_local(async move {
                let mut callback = callback();
                while let Ok(message) = receiver.recv().await {
                    state.call(&mut callback, message);
                }
            });
            sender
        });
        let senders = senders.collect();
        (this, senders)
    }

    fn run(&mut self, app: App) -> App {
        self.run_loop(app)
    }
}

impl<M: Message> Sender<M> for async_channel::Sender<M> {
    fn send(&self, message: M) {
        assert!(self.try_send(message).is_ok(), "the future is there");
    }
}
