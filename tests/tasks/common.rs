//! What the tests share: an executor whose workers do what the test says, what callbacks saw, counted drops.

use std::convert::Infallible;
use std::iter;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use foreground::tasks::{
    AskError, Item, Progress, Report, Task, TaskContext, TaskExecutor, TaskFuture, TaskOutcome, TaskState,
    WorkerPool,
};
use foreground::testing::{CountingWaker, TestLoop};
use foreground::{Budget, MessageRouter};

/// Longer than anything takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A dispatch that never ends for want of time, and does end if a task sends faster than the foreground receives.
const PATIENT: Budget = Budget::new(Duration::MAX, 1024);

/// A router with its loop, and an executor.
pub struct Stage<S: 'static> {
    pub router: MessageRouter<S>,
    pub test_loop: TestLoop<S>,
    pub executor: TaskExecutor<S>,
    pub pool: WorkerPool,
    /// Uses the same threads; nobody drives its router.
    aside: TaskExecutor,
}

impl<S: 'static> Stage<S> {
    pub fn new(workers: usize) -> Self {
        Self::within(PATIENT, workers)
    }

    /// Makes one whose dispatches deliver no more than `budget` allows.
    pub fn within(budget: Budget, workers: usize) -> Self {
        let waker = CountingWaker::new();
        let router = MessageRouter::builder().budget(budget).build(waker.clone());
        router.start().unwrap();
        let test_loop = TestLoop::driving(&router, waker).with_patience(PATIENCE);
        let pool = WorkerPool::new("stage", workers).unwrap();
        let executor = TaskExecutor::builder(&router).pool(&pool).build().unwrap();
        let undriven: MessageRouter = MessageRouter::new(|| {});
        undriven.start().unwrap();
        let aside = TaskExecutor::builder(&undriven).pool(&pool).build().unwrap();
        Self { router, test_loop, executor, pool, aside }
    }

    /// Waits until a pool of one worker has done with what it was given, without dispatching anything.
    pub fn fence(&self) {
        assert_eq!(self.pool.size(), 1);
        let (done, is_done) = channel();
        self.aside.submit_call(move || done.send(())).unwrap().detach();
        wait_for(&is_done);
    }

    /// Keeps a worker busy until the returned sender is dropped or used.
    pub fn occupy(&self) -> Sender<()> {
        let (begun, has_begun) = channel();
        let (release, released) = channel();
        let stay = move || {
            begun.send(()).unwrap();
            released.recv()
        };
        self.aside.submit_call(stay).unwrap().detach();
        wait_for(&has_begun);
        release
    }

    /// Delivers what is queued.
    pub fn dispatch(&self, state: &mut S) {
        self.test_loop.run_until_idle(state).unwrap();
    }

    /// Turns the loop until `condition` holds.
    pub fn run_until(&self, state: &mut S, condition: impl FnMut(&mut S) -> bool) {
        self.test_loop.run_until(state, condition).unwrap();
    }
}

/// Waits for what a worker sends by other means than the router.
pub fn wait_for<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(PATIENCE).expect("the worker says so in time")
}

/// Fails if `body`, whose thread becomes the foreground, does not end in time.
pub fn no_deadlock(body: impl FnOnce() + Send + 'static) {
    let (alive, is_over) = channel::<()>();
    let foreground = thread::spawn(move || {
        let _alive = alive;
        body();
    });
    assert_eq!(is_over.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "a deadlock");
    if let Err(panic) = foreground.join() {
        resume_unwind(panic);
    }
}

/// Returns what `action` panics with.
pub fn panic_text(action: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(action)).expect_err("it panics");
    panic.downcast_ref::<&str>().map_or_else(|| "not a &str".into(), |text| (*text).into())
}

/// What the callbacks of a task were told, in order.
pub type Events = Vec<Seen>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    State(TaskState),
    Message(u32),
    Uncancellable,
    Done(End),
}

/// A [`TaskOutcome`] without what it carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Completed,
    Failed,
    Panicked,
    Cancelled,
}

impl End {
    pub fn of<R, E>(outcome: &TaskOutcome<R, E>) -> Self {
        match outcome {
            TaskOutcome::Completed(_) => Self::Completed,
            TaskOutcome::Failed(_) => Self::Failed,
            TaskOutcome::Panicked { .. } => Self::Panicked,
            _ => Self::Cancelled,
        }
    }
}

pub type Callback<T> = Box<dyn FnMut(&mut Events, T)>;

pub type LastCallback<T> = Box<dyn FnOnce(&mut Events, T)>;

/// A task of any kind.
pub trait AnyTask {
    fn state(&self) -> TaskState;
    fn cancel(&self) -> bool;
    fn try_end(&self) -> Option<End>;
    fn detach(self: Box<Self>);
    fn on_state(&self, callback: Callback<TaskState>);
    fn on_uncancellable(&self, callback: Box<dyn FnOnce(&mut Events)>);
    fn on_done(&self, callback: LastCallback<End>);
    fn on_number(&self, callback: Callback<u32>);
    fn try_number(&self) -> Option<u32>;
}

/// The messages of the kinds of tasks are numbers.
pub trait Number: 'static {
    fn number(self) -> u32;
}

impl Number for Infallible {
    fn number(self) -> u32 {
        match self {}
    }
}

impl Number for Item<u32> {
    fn number(self) -> u32 {
        self.0
    }
}

impl Number for Report<u32> {
    fn number(self) -> u32 {
        self.0
    }
}

impl Number for u32 {
    fn number(self) -> u32 {
        self
    }
}

impl<M: Number, R, E> AnyTask for TaskFuture<M, R, E, Events> {
    fn state(&self) -> TaskState {
        self.state()
    }

    fn cancel(&self) -> bool {
        self.cancel()
    }

    fn try_end(&self) -> Option<End> {
        self.try_outcome().map(|outcome| End::of(&outcome))
    }

    fn detach(self: Box<Self>) {
        TaskFuture::detach(*self);
    }

    fn on_state(&self, callback: Callback<TaskState>) {
        self.on_state(callback);
    }

    fn on_uncancellable(&self, callback: Box<dyn FnOnce(&mut Events)>) {
        self.on_uncancellable(callback);
    }

    fn on_done(&self, callback: LastCallback<End>) {
        self.on_done(|seen, outcome| callback(seen, End::of(&outcome)));
    }

    fn on_number(&self, mut callback: Callback<u32>) {
        self.on_message(move |seen, message| callback(seen, message.number()));
    }

    fn try_number(&self) -> Option<u32> {
        self.try_recv().map(Number::number)
    }
}

/// Notes what a task's callbacks are told; each looks whether the task's state agrees with that.
pub fn observe(task: &Rc<dyn AnyTask>) {
    let weak = Rc::downgrade(task);
    let known = move || weak.upgrade().map(|task| task.state());
    let state = known.clone();
    task.on_state(Box::new(move |seen, told| {
        assert_eq!(state().unwrap_or(told), told);
        seen.push(Seen::State(told));
    }));
    let state = known.clone();
    task.on_uncancellable(Box::new(move |seen| {
        assert!(state().is_none_or(|state| !state.is_cancellable()));
        seen.push(Seen::Uncancellable);
    }));
    task.on_done(Box::new(move |seen, end| {
        assert!(known().is_none_or(TaskState::is_done));
        seen.push(Seen::Done(end));
    }));
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Call,
    TryCall,
    Iteration,
    TryIteration,
    Steps,
    Progress,
    TryProgress,
    Custom,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Call,
        Self::TryCall,
        Self::Iteration,
        Self::TryIteration,
        Self::Steps,
        Self::Progress,
        Self::TryProgress,
        Self::Custom,
    ];

    /// Whether it can end by an error of its own.
    pub fn can_fail(self) -> bool {
        !matches!(self, Self::Call | Self::Iteration | Self::Steps)
    }

    /// Submits a task that tells when it runs, and ends as it is told.
    pub fn submit(self, executor: &TaskExecutor<Events>) -> (Box<dyn AnyTask>, Wheel) {
        let (steered, wheel) = steered();
        (self.submit_steered(executor, steered), wheel)
    }

    pub fn submit_steered(self, executor: &TaskExecutor<Events>, steered: Steered) -> Box<dyn AnyTask> {
        match self {
            Self::Call => Box::new(executor.submit_call(move || steered.obey().unwrap()).unwrap()),
            Self::TryCall => Box::new(executor.submit_try_call(move || steered.obey()).unwrap()),
            Self::Iteration => {
                let items = move || iter::from_fn(move || (steered.obey().unwrap() == 0).then_some(0_u32));
                Box::new(executor.submit_iteration(items).unwrap())
            }
            Self::TryIteration => {
                let items = move || iter::from_fn(move || steered.obey().err().map(Err::<u32, _>));
                Box::new(executor.submit_try_iteration(items).unwrap())
            }
            Self::Steps => {
                let steps = move || move || ControlFlow::<_, u32>::Break(steered.obey().unwrap());
                Box::new(executor.submit_steps(steps).unwrap())
            }
            Self::Progress => {
                let work = move |_: &Progress<u32>| steered.obey().map_err(|_| AskError::Unanswered);
                Box::new(executor.submit_progress(work).unwrap())
            }
            Self::TryProgress => {
                let work = move |_: &Progress<u32>| steered.obey();
                Box::new(executor.submit_try_progress(work).unwrap())
            }
            Self::Custom => Box::new(executor.submit(steered).unwrap()),
        }
    }
}

/// How a steered task is to end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    Return,
    Fail,
    Panic,
}

/// The error of a steered task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steer;

/// Work that says that it has begun, and ends as it is told.
pub struct Steered {
    begun: Sender<()>,
    verdict: Receiver<Verdict>,
    /// Counts it, if wanted.
    pub member: Option<Member>,
}

/// Steers a task.
pub struct Wheel {
    begun: Receiver<()>,
    verdict: Sender<Verdict>,
}

pub fn steered() -> (Steered, Wheel) {
    let (begun, has_begun) = channel();
    let (verdict, is_told) = channel();
    (Steered { begun, verdict: is_told, member: None }, Wheel { begun: has_begun, verdict })
}

impl Steered {
    pub fn obey(&self) -> Result<u32, Steer> {
        // The test has ended if nobody hears this; then the worker may go on.
        let _ = self.begun.send(());
        match self.verdict.recv() {
            Ok(Verdict::Fail) => Err(Steer),
            Ok(Verdict::Panic) => panic!("as steered"),
            Ok(Verdict::Return) | Err(_) => Ok(7),
        }
    }
}

impl Wheel {
    pub fn wait_for_begin(&self) {
        wait_for(&self.begun);
    }

    pub fn has_begun(&self) -> bool {
        self.begun.try_recv().is_ok()
    }

    pub fn end(&self, verdict: Verdict) {
        // It fails if the task never ran.
        let _ = self.verdict.send(verdict);
    }
}

impl Task for Steered {
    type Message = u32;
    type Output = u32;
    type Error = Steer;

    fn run(self, _: &TaskContext<'_, u32>) -> Result<u32, Steer> {
        self.obey()
    }
}

/// Counts its instances alive.
#[derive(Clone, Default)]
pub struct Census(Arc<AtomicUsize>);

impl Census {
    pub fn member(&self) -> Member {
        self.0.fetch_add(1, Ordering::SeqCst);
        Member(Arc::clone(&self.0))
    }

    pub fn alive(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counted while it lives.
#[derive(Debug)]
pub struct Member(Arc<AtomicUsize>);

impl Member {
    /// True, to be asked by closures that are to own it.
    pub fn is_counted(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
