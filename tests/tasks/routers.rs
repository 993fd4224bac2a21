//! A router that is stopped or dropped ends the tasks that it spoke for.

use std::sync::mpsc::{Receiver, Sender, channel};

use foreground::tasks::{Progress, ProgressFuture, TaskCancelled, TaskOutcome, TaskState};

use crate::common::{Census, End, Events, Kind, Seen, Stage, Verdict, wait_for};

/// What it finds: whether it was cancelled, and whether it could report.
type Found = (bool, Result<(), TaskCancelled>);

/// A task, the news of its begin, what lets it go on, and what it finds then.
type Looker = (ProgressFuture<u32, (), Events>, Receiver<()>, Sender<()>, Receiver<Found>);

/// A task that looks, when it may go on, whether it was cancelled.
fn looker(stage: &Stage<Events>) -> Looker {
    let ((begun, has_begun), (go, may_go), (told, is_told)) = (channel(), channel(), channel());
    let job = stage.executor.submit_progress(move |progress: &Progress<'_, u32>| {
        begun.send(()).unwrap();
        may_go.recv().unwrap();
        told.send((progress.is_cancelled(), progress.report(1))).unwrap();
        Ok(())
    });
    (job.unwrap(), has_begun, go, is_told)
}

#[test]
fn stopping_it_cancels_what_runs_and_what_waits() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let (running, has_begun, go, is_told) = looker(&stage);
    let queued = Kind::ALL.map(|kind| {
        let (mut steered, wheel) = crate::common::steered();
        steered.member = Some(census.member());
        let task = kind.submit_steered(&stage.executor, steered);
        let member = census.member();
        task.on_done(Box::new(move |_, _| drop(member)));
        (task, wheel)
    });
    let member = census.member();
    running.on_done(move |seen, _| {
        drop(member);
        seen.push(Seen::Uncancellable);
    });
    wait_for(&has_begun);
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    assert_eq!((running.state(), stage.executor.running()), (TaskState::Executing, 9));
    stage.router.stop().unwrap();
    assert_eq!((running.state(), stage.executor.running()), (TaskState::Cancelled, 0));
    assert!(queued.iter().all(|(task, _)| task.state() == TaskState::Cancelled));
    assert!(!running.cancel());
    // The callbacks are dropped at once, the closures when the worker comes to them.
    assert_eq!(census.alive(), 8);
    go.send(()).unwrap();
    assert_eq!(wait_for(&is_told), (true, Err(TaskCancelled)));
    stage.fence();
    assert_eq!(census.alive(), 0);
    assert!(queued.iter().all(|(_, wheel)| !wheel.has_begun()));
    assert!(seen.is_empty(), "nobody can be told");
    assert_eq!(running.try_outcome(), Some(TaskOutcome::Cancelled));
    assert!(queued.iter().all(|(task, _)| task.try_end() == Some(End::Cancelled)));
}

#[test]
fn started_again_it_serves_new_tasks_of_the_same_executor() {
    let stage = Stage::<Events>::new(1);
    let (_old, has_begun, go, _told) = looker(&stage);
    wait_for(&has_begun);
    stage.router.stop().unwrap();
    stage.router.start().unwrap();
    let (task, wheel) = Kind::Progress.submit(&stage.executor);
    task.on_done(Box::new(|seen, end| seen.push(Seen::Done(end))));
    wheel.end(Verdict::Return);
    go.send(()).unwrap();
    let mut seen = Events::new();
    stage.run_until(&mut seen, |seen| !seen.is_empty());
    assert_eq!(seen, [Seen::Done(End::Completed)]);
}

#[test]
fn stopped_in_a_callback_of_a_task_it_ends_that_too() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let (router, member) = (stage.router.clone(), census.member());
    let items = std::rc::Rc::new(stage.executor.submit_iteration(|| 1..=3_u32).unwrap());
    let own = std::rc::Rc::clone(&items);
    items.on_item(move |seen: &mut Events, n| {
        let _ = (&own, &member);
        seen.push(Seen::Message(n));
        router.stop().unwrap();
    });
    items.on_done(|seen, _| seen.push(Seen::Uncancellable));
    stage.fence();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    assert_eq!((seen, items.state()), (vec![Seen::Message(1)], TaskState::Cancelled));
    assert_eq!((census.alive(), stage.executor.running()), (0, 0));
}

#[test]
fn dropping_everything_with_tasks_under_way_leaves_nothing() {
    let census = Census::default();
    for (is_started, is_kept) in [(false, false), (false, true), (true, false), (true, true)] {
        let stage = Stage::<Events>::new(1);
        let worker = stage.occupy();
        let mut kept = Vec::new();
        for kind in Kind::ALL {
            let (mut steered, wheel) = crate::common::steered();
            steered.member = Some(census.member());
            let task = kind.submit_steered(&stage.executor, steered);
            let member = census.member();
            task.on_done(Box::new(move |_, _| drop(member)));
            wheel.end(Verdict::Return);
            if is_kept {
                kept.push(task);
            } else {
                task.detach();
            }
        }
        let fence = channel();
        let Stage { router, test_loop, executor, pool, .. } = stage;
        let undriven: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
        undriven.start().unwrap();
        let aside = foreground::tasks::TaskExecutor::builder(&undriven).pool(&pool).build().unwrap();
        aside.submit_call(move || fence.0.send(())).unwrap().detach();
        if is_started {
            drop(worker);
            wait_for(&fence.1);
            drop((router, test_loop, executor));
        } else {
            drop((router, test_loop, executor));
            drop(worker);
            wait_for(&fence.1);
        }
        drop(kept);
        assert_eq!(census.alive(), 0, "started: {is_started}, kept: {is_kept}");
    }
}
