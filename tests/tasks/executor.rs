//! The executor's states, what it takes and what it gives back, and its scale.

use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foreground::tasks::{
    AlreadyStopped, ExecutorState, Progress, SubmitError, Task, TaskCancelled, TaskContext, TaskExecutor,
    TaskState,
};
use foreground::{MessageRouter, PipeError};

use crate::common::{Census, End, Events, Kind, Member, Seen, Stage, Verdict};
use crate::common::{steered, wait_for};

use ExecutorState::{Running, Stopped, Stopping};

#[test]
fn stopped_with_nothing_to_do_it_changes_twice_at_once_and_tells_each_change_once() {
    let stage = Stage::<Vec<ExecutorState>>::new(1);
    let executor = &stage.executor;
    executor.on_state(|seen: &mut Vec<ExecutorState>, state| seen.push(state));
    assert_eq!(executor.state(), Running);
    assert_eq!(executor.stop(), Ok(()));
    assert_eq!(executor.state(), Stopped);
    let mut seen = Vec::new();
    stage.dispatch(&mut seen);
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Stopping, Stopped]);
    assert_eq!(executor.stop(), Err(AlreadyStopped));
    stage.dispatch(&mut seen);
    assert_eq!(seen.len(), 2);
    assert_eq!(
        [Running, Stopping, Stopped].map(|state| state.to_string()),
        ["running", "stopping", "stopped"]
    );
}

#[derive(Default)]
struct Told {
    executor: Vec<ExecutorState>,
    done: Vec<End>,
}

#[test]
fn stopped_while_a_task_runs_it_waits_for_the_end() {
    let stage = Stage::<Told>::new(1);
    let executor = &stage.executor;
    executor.on_state(|told: &mut Told, state| {
        assert_eq!(told.done.is_empty(), state == Stopping, "stopped after the last task's end");
        told.executor.push(state);
    });
    let (steered, wheel) = steered();
    let call = executor.submit_call(move || steered.obey()).unwrap();
    call.on_done(|told, outcome| told.done.push(End::of(&outcome)));
    wheel.wait_for_begin();
    let mut told = Told::default();
    stage.dispatch(&mut told);
    assert_eq!(call.state(), TaskState::Executing);
    executor.stop().unwrap();
    assert_eq!((call.state(), executor.state()), (TaskState::Cancelling, Stopping));
    assert_eq!(executor.stop(), Err(AlreadyStopped));
    stage.dispatch(&mut told);
    assert_eq!((&told.executor[..], executor.running()), (&[Stopping][..], 1));
    wheel.end(Verdict::Return);
    stage.fence();
    stage.dispatch(&mut told);
    assert_eq!((call.state(), executor.state()), (TaskState::Cancelled, Stopped));
    assert_eq!(told.executor, [Stopping, Stopped]);
    assert_eq!(told.done, [End::Cancelled]);
}

#[test]
fn a_hundred_queued_tasks_all_end_cancelled_and_unrun() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let worker = stage.occupy();
    let mut tasks = Vec::new();
    for n in 0..100 {
        let (mut steered, wheel) = steered();
        steered.member = Some(census.member());
        let task = Kind::ALL[n % Kind::ALL.len()].submit_steered(&stage.executor, steered);
        task.on_done(Box::new(|seen, end| seen.push(Seen::Done(end))));
        tasks.push((task, wheel));
    }
    stage.executor.stop().unwrap();
    assert!(tasks.iter().all(|(task, _)| task.state() == TaskState::Cancelling));
    drop(worker);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| stage.executor.state() == Stopped);
    assert_eq!(seen, [Seen::Done(End::Cancelled); 100]);
    assert!(tasks.iter().all(|(task, wheel)| task.state() == TaskState::Cancelled && !wheel.has_begun()));
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_state_callback_may_replace_itself() {
    let stage = Stage::<Vec<ExecutorState>>::new(1);
    let executor = stage.executor.clone();
    stage.executor.on_state(move |seen: &mut Vec<ExecutorState>, _| {
        executor.on_state(|seen, state| seen.push(state));
        seen.push(Running);
    });
    stage.executor.stop().unwrap();
    let mut seen = Vec::new();
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Running, Stopped]);
}

/// A task of one's own that only holds something.
struct Holding(Member);

impl Task for Holding {
    type Message = ();
    type Output = ();
    type Error = TaskCancelled;

    fn run(self, context: &TaskContext<'_, ()>) -> Result<(), TaskCancelled> {
        let Self(_member) = self;
        context.check()
    }
}

/// Submits a task of each kind, each with a member of `census`, and returns what each error is after it gave its task
/// back, complete.
fn refusals<S: 'static>(executor: &TaskExecutor<S>, census: &Census) -> Vec<String> {
    fn refused<T, F>(result: Result<T, SubmitError<F>>, census: &Census) -> String {
        let error = result.err().expect("it is refused");
        assert_eq!(census.alive(), 1, "the error has the task");
        let text = format!("{error:?}: {error}; {}", error.source().is_some());
        drop(error.into_inner());
        assert_eq!(census.alive(), 0);
        text
    }
    let m = census.member();
    let call = refused(executor.submit_call(move || m), census);
    let m = census.member();
    let try_call = refused(executor.submit_try_call(move || Ok::<_, ()>(m)), census);
    let m = census.member();
    let iteration = refused(executor.submit_iteration(move || [m]), census);
    let m = census.member();
    let try_iteration = refused(executor.submit_try_iteration(move || [Ok::<_, ()>(m)]), census);
    let mut m = Some(census.member());
    let steps = move || move || ControlFlow::<_, ()>::Break(m.take());
    let steps = refused(executor.submit_steps(steps), census);
    let m = census.member();
    let progress = refused(executor.submit_progress(move |_: &Progress<'_, ()>| Ok(m)), census);
    let m = census.member();
    let work = move |_: &Progress<'_, ()>| Ok::<_, ()>(m);
    let try_progress = refused(executor.submit_try_progress(work), census);
    let custom = refused(executor.submit(Holding(census.member())), census);
    vec![call, try_call, iteration, try_iteration, steps, progress, try_progress, custom]
}

#[test]
fn what_is_submitted_after_the_stop_is_given_back() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let (call, wheel) = Kind::Call.submit(&stage.executor);
    wheel.wait_for_begin();
    stage.executor.stop().unwrap();
    let text = "NotRunning(..): the executor was stopped and takes no more tasks; make a new one; false";
    assert_eq!(stage.executor.state(), Stopping);
    assert_eq!(refusals(&stage.executor, &census), [text; 8]);
    wheel.end(Verdict::Return);
    stage.run_until(&mut Events::new(), |_| stage.executor.state() == Stopped);
    assert_eq!(refusals(&stage.executor, &census), [text; 8]);
    drop(call);
}

#[test]
fn what_is_submitted_to_a_router_that_does_not_run_is_given_back() {
    let router: MessageRouter = MessageRouter::new(|| {});
    let executor = TaskExecutor::new(&router);
    let census = Census::default();
    let text =
        "Pipe(\"..\", NotRunning): no pipe for the task: the router is not running; start it first; true";
    assert_eq!(refusals(&executor, &census), [text; 8]);
    router.start().unwrap();
    executor.submit_call(|| ()).unwrap().detach();
    router.stop().unwrap();
    assert_eq!(refusals(&executor, &census), [text; 8]);
    let error = executor.submit_call(|| 7).unwrap_err();
    assert!(matches!(error, SubmitError::Pipe(_, PipeError::NotRunning)));
    assert_eq!(error.into_inner()(), 7);
    assert_eq!(executor.running(), 0);
}

#[test]
fn a_hundred_tasks_on_four_workers_complete_each_with_its_own_result() {
    let stage = Stage::<Vec<(u64, u64)>>::new(4);
    for n in 0..100_u64 {
        let call = stage.executor.submit_call(move || n * n).unwrap();
        call.on_done(move |seen: &mut Vec<(u64, u64)>, outcome| seen.push((n, outcome.completed().unwrap())));
        call.detach();
    }
    assert_eq!(stage.executor.running(), 100);
    let mut seen = Vec::new();
    stage.run_until(&mut seen, |seen| seen.len() == 100);
    seen.sort();
    assert_eq!(seen, (0..100).map(|n| (n, n * n)).collect::<Vec<_>>());
    assert_eq!(stage.executor.running(), 0);
}

#[test]
fn a_hundred_thousand_queued_tasks_complete() {
    const TASKS: usize = 100_000;
    let stage = Stage::<usize>::new(2);
    let workers = [stage.occupy(), stage.occupy()];
    for n in 0..TASKS {
        let call = stage.executor.submit_call(move || n).unwrap();
        call.on_done(|sum: &mut usize, outcome| *sum += outcome.completed().unwrap());
        call.detach();
    }
    assert_eq!(stage.executor.running(), TASKS);
    drop(workers);
    let mut sum = 0;
    stage.run_until(&mut sum, |_| stage.executor.running() == 0);
    assert_eq!(sum, TASKS * (TASKS - 1) / 2);
}

#[test]
fn a_hundred_thousand_queued_tasks_are_cancelled_at_once() {
    const TASKS: usize = 100_000;
    let stage = Stage::<usize>::new(1);
    let worker = stage.occupy();
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..TASKS {
        let ran = Arc::clone(&ran);
        let call = stage.executor.submit_call(move || ran.fetch_add(1, Ordering::SeqCst)).unwrap();
        call.on_done(|cancelled: &mut usize, outcome| *cancelled += usize::from(outcome.is_cancelled()));
        call.detach();
    }
    stage.executor.stop().unwrap();
    drop(worker);
    let mut cancelled = 0;
    stage.run_until(&mut cancelled, |_| stage.executor.state() == Stopped);
    assert_eq!((cancelled, ran.load(Ordering::SeqCst), stage.executor.running()), (TASKS, 0, 0));
}

#[test]
fn dropping_the_last_handle_cancels_all() {
    let stage = Stage::<Events>::new(1);
    let executor = TaskExecutor::builder(&stage.router).pool(&stage.pool).build().unwrap();
    let last = executor.clone();
    let (running, wheel) = Kind::Progress.submit(&executor);
    let (queued, _queued_wheel) = Kind::Call.submit(&executor);
    for task in [&running, &queued] {
        task.on_done(Box::new(|seen, end| seen.push(Seen::Done(end))));
    }
    wheel.wait_for_begin();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    drop(executor);
    assert_eq!((running.state(), queued.state()), (TaskState::Executing, TaskState::Waiting));
    drop(last);
    assert_eq!((running.state(), queued.state()), (TaskState::Cancelling, TaskState::Cancelling));
    wheel.end(Verdict::Return);
    stage.fence();
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Seen::Done(End::Cancelled); 2]);
}

#[test]
fn a_task_may_own_the_executor_in_its_callbacks() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let executor = TaskExecutor::builder(&stage.router).pool(&stage.pool).build().unwrap();
    let (task, wheel) = Kind::Call.submit(&executor);
    let held = (executor.clone(), census.member());
    task.on_done(Box::new(move |seen, end| {
        let (executor, _member) = held;
        executor.stop().unwrap();
        seen.push(Seen::Done(end));
    }));
    drop(executor);
    task.detach();
    wheel.end(Verdict::Return);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |seen| !seen.is_empty());
    assert_eq!((seen, census.alive()), (vec![Seen::Done(End::Completed)], 0));
}

#[test]
fn an_executor_dropped_with_its_router_before_it_told_its_stop_leaves_nothing() {
    let census = Census::default();
    let stage = Stage::<Events>::new(1);
    let member = census.member();
    let executor = TaskExecutor::builder(&stage.router).pool(&stage.pool).build().unwrap();
    executor.on_state(move |_, _| {
        let _ = &member;
    });
    let (_sender, receiver) = stage.router.pipe::<()>().unwrap();
    let member = census.member();
    receiver.on_message(move |_, ()| {
        let _ = &member;
    });
    receiver.detach();
    executor.stop().unwrap();
    drop((executor, stage));
    assert_eq!(census.alive(), 0);
}

#[test]
fn an_executor_that_is_dropped_after_its_stop_still_tells_it() {
    let stage = Stage::<Vec<ExecutorState>>::new(1);
    let executor = TaskExecutor::builder(&stage.router).pool(&stage.pool).build().unwrap();
    executor.on_state(|seen: &mut Vec<ExecutorState>, state| seen.push(state));
    executor.stop().unwrap();
    drop(executor);
    let mut seen = Vec::new();
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Stopping, Stopped]);
}

#[test]
fn an_executor_says_in_debug_what_it_does() {
    let stage = Stage::<Events>::new(1);
    let (_task, wheel) = Kind::Call.submit(&stage.executor);
    assert_eq!(format!("{:?}", stage.executor), "TaskExecutor { state: Running, running: 1, .. }");
    wheel.end(Verdict::Return);
    let (told, is_told) = std::sync::mpsc::channel();
    stage.executor.submit_call(move || told.send(())).unwrap().detach();
    wait_for(&is_told);
}
