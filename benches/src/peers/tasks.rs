//! Ways to run work on threads of a pool, and to have its result in a callback on the thread that submitted it.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use crossbeam_channel::{Receiver, Sender};
use foreground::tasks::TaskExecutor;
use foreground::{MessageRouter, Waker};
use rayon_core::ThreadPoolBuilder;
use slab::Slab;

use super::foreground::run_in;
use crate::app::App;
use crate::host::{Guest, Host, Park};

/// What a call returns: its number, or `None` if it was cancelled.
pub type Outcome = Option<NonZeroU64>;

/// The loop of this thread, and workers.
pub trait Tasks: Sized {
    fn new(workers: usize) -> Self;

    /// Has `call` done by a worker, and then `on_done` by the loop.
    fn submit(
        &mut self,
        call: impl FnOnce() -> Outcome + Send + 'static,
        on_done: impl FnOnce(&mut App, Outcome) + 'static,
    );

    /// Cancels all calls. Where nobody does that for them, the calls themselves are to look whether they are wanted.
    fn cancel_all(&mut self) {}

    /// Runs until the application is done.
    fn run(&mut self, app: App) -> App;
}

/// The executor of this crate, in a thread that parks.
pub struct Executor {
    pub host: Park,
    pub router: MessageRouter<App>,
    pub executor: TaskExecutor<App>,
}

impl Tasks for Executor {
    fn new(workers: usize) -> Self {
        let host = Park::new();
        let router = MessageRouter::new(host.waker());
        router.start().expect("it was not started");
        let executor = TaskExecutor::builder(&router).workers(workers).build().expect("there are workers");
        Self { host, router, executor }
    }

    fn submit(
        &mut self,
        call: impl FnOnce() -> Outcome + Send + 'static,
        on_done: impl FnOnce(&mut App, Outcome) + 'static,
    ) {
        let call = self.executor.submit_call(call).expect("the executor runs");
        call.on_done(|app, outcome| on_done(app, outcome.completed().flatten()));
        call.detach();
    }

    fn cancel_all(&mut self) {
        self.executor.stop().expect("it was not stopped");
    }

    fn run(&mut self, app: App) -> App {
        run_in(&mut self.host, &self.router, app)
    }
}

/// Threads that run closures, and no more.
pub trait Pool {
    fn new(workers: usize) -> Self;

    fn spawn(&self, work: impl FnOnce() + Send + 'static);
}

impl Pool for rayon_core::ThreadPool {
    fn new(workers: usize) -> Self {
        ThreadPoolBuilder::new().num_threads(workers).build().expect("the system starts threads")
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        self.spawn(work);
    }
}

impl Pool for threadpool::ThreadPool {
    fn new(workers: usize) -> Self {
        Self::new(workers)
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        self.execute(work);
    }
}

type OnDone = Box<dyn FnOnce(&mut App, Outcome)>;

/// A pool, one channel for all results, and the callbacks by the number of the call. With rayon's pool, the
/// yardstick: the least that standard parts can do.
pub struct Shared<P> {
    pool: P,
    sender: Sender<(usize, Outcome)>,
    receiver: Receiver<(usize, Outcome)>,
    callbacks: Slab<OnDone>,
}

impl<P: Pool> Shared<P> {
    /// Submits a call, and does something on the worker when its result is in the channel.
    fn submit_then(
        &mut self,
        call: impl FnOnce() -> Outcome + Send + 'static,
        on_done: impl FnOnce(&mut App, Outcome) + 'static,
        then: impl FnOnce() + Send + 'static,
    ) {
        let id = self.callbacks.insert(Box::new(on_done));
        let sender = self.sender.clone();
        self.pool.spawn(move || {
            // Nobody is there to be told if the measurement is over.
            let _ = sender.send((id, call()));
            then();
        });
    }
}

impl<P: Pool> Tasks for Shared<P> {
    fn new(workers: usize) -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self { pool: P::new(workers), sender, receiver, callbacks: Slab::new() }
    }

    fn submit(
        &mut self,
        call: impl FnOnce() -> Outcome + Send + 'static,
        on_done: impl FnOnce(&mut App, Outcome) + 'static,
    ) {
        self.submit_then(call, on_done, || {});
    }

    fn run(&mut self, mut app: App) -> App {
        while !app.is_done() {
            let (id, outcome) = self.receiver.recv().expect("the sender is there");
            self.callbacks.remove(id)(&mut app, outcome);
        }
        app
    }
}

/// The same for an event loop, which cannot wait in a channel: it is woken for each result.
pub struct Woken<P> {
    host: Park,
    shared: Shared<P>,
}

impl<P: Pool> Tasks for Woken<P> {
    fn new(workers: usize) -> Self {
        Self { host: Park::new(), shared: Shared::new(workers) }
    }

    fn submit(
        &mut self,
        call: impl FnOnce() -> Outcome + Send + 'static,
        on_done: impl FnOnce(&mut App, Outcome) + 'static,
    ) {
        let waker = self.host.waker();
        self.shared.submit_then(call, on_done, move || waker.wake());
    }

    fn run(&mut self, app: App) -> App {
        let mut drained = Drained { shared: &mut self.shared, app };
        self.host.run(&mut drained);
        drained.app
    }
}

struct Drained<'a, P> {
    shared: &'a mut Shared<P>,
    app: App,
}

impl<P> Guest for Drained<'_, P> {
    fn app(&mut self) -> &mut App {
        &mut self.app
    }

    fn woken(&mut self, (): ()) {
        while let Ok((id, outcome)) = self.shared.receiver.try_recv() {
            self.shared.callbacks.remove(id)(&mut self.app, outcome);
        }
    }
}

/// A pool, and for each call a channel of its own, as many write a future.
pub struct Oneshot<P> {
    pool: P,
    calls: VecDeque<(Receiver<Outcome>, OnDone)>,
}

impl<P: Pool> Tasks for Oneshot<P> {
    fn new(workers: usize) -> Self {
        Self { pool: P::new(workers), calls: VecDeque::new() }
    }

    fn submit(
        &mut self,
        call: impl FnOnce() -> Outcome + Send + 'static,
        on_done: impl FnOnce(&mut App, Outcome) + 'static,
    ) {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        self.calls.push_back((receiver, Box::new(on_done)));
        self.pool.spawn(move || {
            let _ = sender.send(call());
        });
    }

    fn run(&mut self, mut app: App) -> App {
        while !app.is_done() {
            let (receiver, on_done) = self.calls.pop_front().expect("it was submitted");
            on_done(&mut app, receiver.recv().expect("the call is done"));
        }
        app
    }
}
