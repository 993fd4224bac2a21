//! tokio: a channel and a local task for each pipe, on a runtime of one thread.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;
use tokio::time::{sleep, sleep_until};

use super::{Loop, Peer, Sender};
use crate::app::{App, Message, callback};

pub struct Tokio;

impl Peer for Tokio {
    type Loop<M: Message> = TokioLoop;
}

pub struct TokioLoop {
    runtime: Runtime,
    tasks: LocalSet,
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    app: RefCell<App>,
    done: Notify,
}

impl Shared {
    /// Calls a callback, and tells when the application is done.
    fn call<M>(&self, callback: &mut impl FnMut(&mut App, M), message: M) {
        let app = &mut *self.app.borrow_mut();
        callback(app, message);
        if app.is_done() {
            self.done.notify_one();
        }
    }
}

/// A timer beside the messages.
async fn tick(shared: Rc<Shared>) {
    loop {
        let next = shared.app.borrow().next_tick();
        match next {
            Some(due) => sleep_until(due.into()).await,
            None => sleep(Duration::from_millis(1)).await, // The first message has not come.
        }
        shared.app.borrow_mut().tick_if_due();
    }
}

impl<M: Message> Loop<M> for TokioLoop {
    type Sender = mpsc::UnboundedSender<M>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let runtime = Builder::new_current_thread().enable_time().build().expect("it needs no more");
        let this = Self { runtime, tasks: LocalSet::new(), shared: Rc::default() };
        let senders = (0..pipes).map(|_| {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let shared = this.shared.clone();
            this.tasks.spawn_local(async move {
                let mut callback = callback();
                while let Some(message) = receiver.recv().await {
                    shared.call(&mut callback, message);
                }
            });
            sender
        });
        let senders = senders.collect();
        (this, senders)
    }

    fn run(&mut self, app: App) -> App {
        let has_ticks = app.has_ticks();
        self.shared.app.replace(app);
        if has_ticks {
            self.tasks.spawn_local(tick(self.shared.clone()));
        }
        self.tasks.block_on(&self.runtime, self.shared.done.notified());
        self.shared.app.take()
    }
}

impl<M: Message> Sender<M> for mpsc::UnboundedSender<M> {
    fn send(&self, message: M) {
        assert!(self.send(message).is_ok(), "the task is there");
    }
}
