//! The end of a program: shutdown waits, in time, and without an event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use foreground::tasks::{ExecutorState, Progress, ShutdownError, TaskState};

use crate::common::{End, Events, Kind, PATIENCE, Seen, Stage, Verdict, no_deadlock, steered};

#[test]
fn a_task_that_had_started_has_ended_when_it_returns() {
    no_deadlock(|| {
        let stage = Stage::<Vec<ExecutorState>>::new(4);
        let ended = Arc::new(AtomicUsize::new(0));
        let mut wheels = Vec::new();
        for _ in 0..4 {
            let (steered, wheel) = steered();
            let ended = Arc::clone(&ended);
            let work = move |progress: &Progress<'_, u32>| {
                let _ = steered.obey();
                let slept = progress.sleep(Duration::MAX);
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(slept?)
            };
            stage.executor.submit_progress(work).unwrap().detach();
            wheel.wait_for_begin();
            wheel.end(Verdict::Return);
            wheels.push(wheel);
        }
        stage.executor.on_state(|seen: &mut Vec<ExecutorState>, state| seen.push(state));
        let mut seen = Vec::new();
        stage.executor.shutdown(&mut seen, None).unwrap();
        assert_eq!(ended.load(Ordering::SeqCst), 4);
        assert_eq!((stage.executor.state(), stage.executor.running()), (ExecutorState::Stopped, 0));
        assert_eq!(seen, [ExecutorState::Stopping, ExecutorState::Stopped]);
    });
}

#[test]
fn it_tells_the_callbacks_and_afterwards_nothing_changes() {
    let stage = Stage::new(1);
    let mut tasks = Vec::new();
    for kind in Kind::ALL {
        let (task, wheel) = kind.submit(&stage.executor);
        task.on_done(Box::new(|seen, end| seen.push(Seen::Done(end))));
        wheel.end(Verdict::Return);
        tasks.push((task, wheel));
    }
    let mut seen = Events::new();
    stage.executor.shutdown(&mut seen, PATIENCE).unwrap();
    assert_eq!(seen, [Seen::Done(End::Cancelled); 8]);
    let states = || tasks.iter().map(|(task, _)| task.state()).collect::<Vec<_>>();
    let before = states();
    assert_eq!(before, [TaskState::Cancelled; 8]);
    stage.fence();
    stage.dispatch(&mut seen);
    assert_eq!((states(), seen.len()), (before, 8));
    assert!(tasks.iter().all(|(task, _)| !task.cancel()));
}

#[test]
fn what_had_ended_before_is_not_told_as_an_end() {
    let stage = Stage::new(1);
    let (task, wheel) = Kind::Call.submit(&stage.executor);
    task.on_done(Box::new(|seen, end| seen.push(Seen::Done(end))));
    wheel.end(Verdict::Return);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |seen| !seen.is_empty());
    stage.executor.shutdown(&mut seen, PATIENCE).unwrap();
    assert_eq!((seen, task.state()), (vec![Seen::Done(End::Completed)], TaskState::Completed));
}

#[test]
fn at_the_timeout_it_says_how_many_still_run_and_a_second_call_finishes() {
    no_deadlock(|| {
        let stage = Stage::new(2);
        let started: Vec<_> = (0..2)
            .map(|_| {
                let (task, wheel) = Kind::Call.submit(&stage.executor);
                wheel.wait_for_begin();
                (task, wheel)
            })
            .collect();
        let mut seen = Events::new();
        let error = stage.executor.shutdown(&mut seen, Duration::ZERO).unwrap_err();
        assert!(matches!(error, ShutdownError::Timeout { running: 2, .. }));
        assert!(error.to_string().starts_with("2 cancelled tasks have not ended in time"));
        assert_eq!(stage.executor.state(), ExecutorState::Stopping);
        assert!(started.iter().all(|(task, _)| task.state() == TaskState::Cancelling));
        started[0].1.end(Verdict::Return);
        let running = || stage.executor.running();
        stage.router.route_until(&mut seen, |_| running() == 1, PATIENCE).unwrap();
        let error = stage.executor.shutdown(&mut seen, Duration::ZERO).unwrap_err();
        assert!(matches!(error, ShutdownError::Timeout { running: 1, .. }));
        assert!(error.to_string().starts_with("1 cancelled task has not ended in time"));
        started[1].1.end(Verdict::Panic);
        stage.executor.shutdown(&mut seen, PATIENCE).unwrap();
        assert_eq!(stage.executor.state(), ExecutorState::Stopped);
    });
}

#[test]
fn after_a_stop_it_waits_for_what_still_runs() {
    no_deadlock(|| {
        let stage = Stage::new(1);
        let (task, wheel) = Kind::Iteration.submit(&stage.executor);
        wheel.wait_for_begin();
        stage.executor.stop().unwrap();
        assert!(stage.executor.shutdown(&mut Events::new(), Duration::ZERO).is_err());
        wheel.end(Verdict::Return);
        stage.executor.shutdown(&mut Events::new(), None).unwrap();
        assert_eq!(task.state(), TaskState::Cancelled);
    });
}

#[test]
fn of_a_stopped_executor_it_does_nothing_and_the_event_loop_goes_on() {
    let stage = Stage::<Vec<u32>>::new(1);
    stage.executor.stop().unwrap();
    stage.dispatch(&mut Vec::new());
    stage.executor.shutdown(&mut Vec::new(), None).unwrap();
    stage.executor.shutdown(&mut Vec::new(), Duration::ZERO).unwrap();
    let (sender, receiver) = stage.router.pipe::<u32>().unwrap();
    receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
    sender.start().send(7).unwrap();
    let mut seen = Vec::new();
    stage.dispatch(&mut seen);
    assert_eq!(seen, [7]);
}

#[test]
fn after_the_router_was_stopped_it_waits_for_the_workers_alone() {
    let stage = Stage::new(1);
    let (task, wheel) = Kind::Call.submit(&stage.executor);
    wheel.wait_for_begin();
    stage.router.stop().unwrap();
    let short = stage.executor.shutdown(&mut Events::new(), Duration::from_millis(1));
    assert!(matches!(short, Err(ShutdownError::Timeout { running: 1, .. })), "{short:?}");
    drop(wheel);
    stage.executor.shutdown(&mut Events::new(), None).unwrap();
    assert_eq!((stage.executor.state(), task.state()), (ExecutorState::Stopped, TaskState::Cancelled));
}

struct App {
    result: Option<Result<(), ShutdownError>>,
}

#[test]
fn it_can_be_called_in_a_callback_of_a_task_that_has_ended() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let executor = stage.executor.clone();
        let call = stage.executor.submit_call(|| 1).unwrap();
        call.on_done(move |app: &mut App, _| app.result = Some(executor.shutdown(app, None)));
        let other = stage.executor.submit_iteration(|| 0_u64..).unwrap();
        let mut app = App { result: None };
        stage.run_until(&mut app, |app| app.result.is_some());
        assert_eq!(app.result, Some(Ok(())));
        assert_eq!((other.state(), stage.executor.running()), (TaskState::Cancelled, 0));
    });
}

#[test]
fn in_a_callback_of_a_task_that_runs_it_ends_all_others_and_says_so() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(2);
        let executor = stage.executor.clone();
        let other = stage.executor.submit_iteration(|| 0_u64..).unwrap();
        let job = stage.executor.submit_progress(|progress| Ok(progress.report(1)?)).unwrap();
        job.on_progress(move |app: &mut App, _| app.result = Some(executor.shutdown(app, None)));
        let mut app = App { result: None };
        stage.run_until(&mut app, |app| app.result.is_some());
        let Some(Err(error @ ShutdownError::InCallback { running: 1, .. })) = app.result else {
            panic!("{:?}", app.result)
        };
        assert!(error.to_string().starts_with("1 task has a callback that waits for its own task's end"));
        assert_eq!((other.state(), stage.executor.state()), (TaskState::Cancelled, ExecutorState::Stopping));
        stage.executor.shutdown(&mut app, None).unwrap();
        assert_eq!(job.state(), TaskState::Cancelled);
    });
}
