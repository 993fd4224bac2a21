//! The seven runs of a task, as its callbacks see them, for every kind of task.
//!
//! In the name of a run: S the task starts, R it returns, X it fails or panics, A a worker drops it unrun, C the
//! user cancels.

use std::rc::Rc;

use foreground::tasks::TaskState::{self, Cancelled, Cancelling, Completed, Executing, Failed, Waiting};

use crate::common::{AnyTask, Census, End, Events, Kind, Seen, Stage, Verdict, observe, steered};

/// What is seen of a run whose task ends as `verdict` says.
fn play(kind: Kind, run: &str, verdict: Verdict, is_eager: bool) -> (Events, Vec<TaskState>) {
    let stage = Stage::new(1);
    let mut seen = Events::new();
    let worker = run.ends_with('A').then(|| stage.occupy());
    let (task, wheel) = kind.submit(&stage.executor);
    let task: Rc<dyn AnyTask> = Rc::from(task);
    observe(&task);
    if worker.is_none() {
        wheel.wait_for_begin();
    }
    let mut worker = worker;
    let mut states = vec![task.state()];
    for letter in run.chars() {
        match letter {
            'C' => {
                assert!(task.cancel());
                assert!(!task.cancel());
            }
            'R' | 'X' => {
                wheel.end(verdict);
                stage.fence();
            }
            'A' => {
                drop(worker.take());
                stage.fence();
            }
            // The worker has begun; what counts is when the foreground hears of it.
            _ => {}
        }
        if is_eager || run.starts_with("SC") {
            stage.dispatch(&mut seen);
        }
        states.push(task.state());
    }
    stage.dispatch(&mut seen);
    states.push(task.state());
    states.dedup();
    assert!(!task.cancel());
    assert_eq!(task.try_end(), None, "on_done took it");
    (seen, states)
}

fn run_is_seen_as(run: &str, states: &[TaskState]) {
    for kind in Kind::ALL {
        let verdicts = if run.contains('X') {
            &[Verdict::Fail, Verdict::Panic][usize::from(!kind.can_fail())..]
        } else {
            &[Verdict::Return]
        };
        for (&verdict, is_eager) in verdicts.iter().flat_map(|verdict| [(verdict, true), (verdict, false)]) {
            let end = match (run, verdict) {
                (_, _) if run.contains('C') => End::Cancelled,
                (_, Verdict::Return) => End::Completed,
                (_, Verdict::Fail) => End::Failed,
                (_, Verdict::Panic) => End::Panicked,
            };
            let mut expected = Events::new();
            for (before, &after) in states.iter().zip(&states[1..]) {
                expected.push(Seen::State(after));
                if before.is_cancellable() && !after.is_cancellable() {
                    expected.push(Seen::Uncancellable);
                }
            }
            expected.push(Seen::Done(end));
            let (seen, met) = play(kind, run, verdict, is_eager);
            assert_eq!(seen, expected, "{kind:?} {run} {verdict:?}, eager: {is_eager}");
            if is_eager {
                assert_eq!(met, states, "{kind:?} {run} {verdict:?}");
            }
        }
    }
}

#[test]
fn sr_started_and_returned() {
    run_is_seen_as("SR", &[Waiting, Executing, Completed]);
}

#[test]
fn sx_started_and_failed() {
    run_is_seen_as("SX", &[Waiting, Executing, Failed]);
}

#[test]
fn scr_cancelled_while_executing_and_returned() {
    run_is_seen_as("SCR", &[Waiting, Executing, Cancelling, Cancelled]);
}

#[test]
fn scx_cancelled_while_executing_and_failed() {
    run_is_seen_as("SCX", &[Waiting, Executing, Cancelling, Cancelled]);
}

#[test]
fn csr_cancelled_before_the_news_of_the_start_and_returned() {
    run_is_seen_as("CSR", &[Waiting, Cancelling, Cancelled]);
}

#[test]
fn csx_cancelled_before_the_news_of_the_start_and_failed() {
    run_is_seen_as("CSX", &[Waiting, Cancelling, Cancelled]);
}

#[test]
fn ca_cancelled_before_a_worker_took_it() {
    run_is_seen_as("CA", &[Waiting, Cancelling, Cancelled]);
}

#[test]
fn a_task_that_has_ended_cannot_be_cancelled_before_the_news_of_that() {
    for (verdict, kind) in [(Verdict::Return, Kind::Call), (Verdict::Panic, Kind::Progress)] {
        let stage = Stage::new(1);
        let (task, wheel) = kind.submit(&stage.executor);
        wheel.end(verdict);
        stage.fence();
        // As the foreground knows it, the task still waits: the cancel counts, and the result does not.
        assert!(task.cancel());
        stage.dispatch(&mut Events::new());
        assert_eq!((task.state(), task.try_end()), (Cancelled, Some(End::Cancelled)));
    }
}

#[test]
fn the_closure_of_a_task_that_no_worker_took_never_runs_and_is_dropped_before_done() {
    for kind in Kind::ALL {
        let stage = Stage::new(1);
        let census = Census::default();
        let worker = stage.occupy();
        let (mut steered, wheel) = steered();
        steered.member = Some(census.member());
        let task = kind.submit_steered(&stage.executor, steered);
        let counted = census.clone();
        task.on_done(Box::new(move |seen, end| {
            assert_eq!(counted.alive(), 0, "{kind:?}");
            seen.push(Seen::Done(end));
        }));
        task.cancel();
        let mut seen = Events::new();
        stage.dispatch(&mut seen);
        assert_eq!((census.alive(), seen.len()), (1, 0));
        drop(worker);
        stage.fence();
        assert_eq!(census.alive(), 0, "{kind:?}");
        stage.dispatch(&mut seen);
        assert_eq!(seen, [Seen::Done(End::Cancelled)]);
        assert!(!wheel.has_begun(), "{kind:?}");
    }
}

#[test]
fn what_a_cancelled_task_returns_is_dropped_and_never_seen() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    for fails in [false, true] {
        let (steered, wheel) = steered();
        let member = census.member();
        let call = stage.executor.submit_try_call(move || {
            let _ = steered.obey();
            if fails { Err(member) } else { Ok(member) }
        });
        let call = call.unwrap();
        wheel.wait_for_begin();
        stage.dispatch(&mut Events::new());
        assert_eq!(call.state(), Executing);
        call.cancel();
        wheel.end(Verdict::Return);
        stage.fence();
        stage.dispatch(&mut Events::new());
        assert!(call.try_outcome().unwrap().is_cancelled());
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn on_state_may_be_set_late_and_then_tells_only_what_is_new() {
    let stage = Stage::new(1);
    let (task, wheel) = Kind::Call.submit(&stage.executor);
    let task: Rc<dyn AnyTask> = Rc::from(task);
    wheel.wait_for_begin();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    observe(&task);
    wheel.end(Verdict::Return);
    stage.fence();
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Seen::State(Completed), Seen::Uncancellable, Seen::Done(End::Completed)]);
}

#[test]
fn the_states_have_texts() {
    let texts = [Waiting, Executing, Completed, Failed, Cancelling, Cancelled].map(|state| state.to_string());
    assert_eq!(texts, ["waiting", "executing", "completed", "failed", "cancelling", "cancelled"]);
}
