//! Whatever is done to tasks, what is seen of each is one of the runs that the tasks layer has.

use foreground::process::ProcessError;
use foreground::tasks::{TaskOutcome, TaskState};
use proptest::prelude::*;

use crate::common::{builder, router, until};
use crate::functions::Table;

#[derive(Clone, Copy, Debug)]
enum Work {
    Return,
    Raise,
    Panic,
    Crash,
    Wait,
}

/// What is done with one task: its work, and after how many turns of the router it is cancelled.
fn task() -> impl Strategy<Value = (Work, Option<u8>)> {
    let work = prop_oneof![
        4 => Just(Work::Return),
        2 => Just(Work::Raise),
        2 => Just(Work::Panic),
        1 => Just(Work::Crash),
        2 => Just(Work::Wait),
    ];
    (work, prop::option::of(0_u8..20))
}

#[derive(Default)]
struct Seen {
    states: Vec<TaskState>,
    outcome: Option<&'static str>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn complete_runs_are_those_of_tasks(tasks in prop::collection::vec(task(), 1..12)) {
        let (table, router) = (Table::new(), router::<Vec<Seen>>());
        let executor = builder(&router).workers(2).build().unwrap();
        let mut seen: Vec<Seen> = tasks.iter().map(|_| Seen::default()).collect();
        let mut handles: Vec<Box<dyn Fn() -> bool>> = Vec::new();
        macro_rules! submit {
            ($at:expr, $task:expr) => {{
                let task = $task.unwrap();
                task.on_state(move |seen: &mut Vec<Seen>, state| seen[$at].states.push(state));
                task.on_done(move |seen, outcome| seen[$at].outcome = Some(match outcome {
                    TaskOutcome::Completed(_) => "completed",
                    TaskOutcome::Failed(ProcessError::Function(_)) => "failed",
                    TaskOutcome::Failed(ProcessError::Lost(Some(_))) => "lost",
                    TaskOutcome::Failed(other) => panic!("{other:?}"),
                    TaskOutcome::Panicked { .. } => "panicked",
                    TaskOutcome::Cancelled => "cancelled",
                    _ => "something new",
                }));
                handles.push(Box::new(move || task.cancel()));
            }};
        }
        for (at, (work, _)) in tasks.iter().enumerate() {
            match work {
                Work::Return => submit!(at, executor.submit_call_in_process(&table.square, 3)),
                Work::Raise => submit!(at, executor.submit_call_in_process(&table.divide, (1, 0))),
                Work::Panic => submit!(at, executor.submit_call_in_process(&table.panics, "on purpose".into())),
                Work::Crash => submit!(at, executor.submit_call_in_process(&table.crash, Some("kill".into()))),
                Work::Wait => submit!(at, executor.submit_progress_in_process(&table.patient, ())),
            }
        }
        let mut turn = 0;
        until(&router, &mut seen, |seen| {
            for ((_, cancel), handle) in tasks.iter().zip(&handles) {
                if *cancel == Some(turn) {
                    handle();
                }
            }
            turn = turn.saturating_add(1);
            // What waits for ever is cancelled in the end: it has the workers, which the others wait for.
            if turn > 20 {
                for ((work, _), handle) in tasks.iter().zip(&handles) {
                    if matches!(work, Work::Wait) {
                        handle();
                    }
                }
            }
            seen.iter().all(|seen| seen.outcome.is_some())
        });
        use TaskState::{Cancelled, Cancelling, Completed, Executing, Failed};
        for ((work, cancel), seen) in tasks.iter().zip(&seen) {
            let natural = match work {
                Work::Return => "completed",
                Work::Raise => "failed",
                Work::Panic => "panicked",
                Work::Crash => "lost",
                Work::Wait => "cancelled",
            };
            let outcome = seen.outcome.unwrap();
            match (outcome, &seen.states[..]) {
                ("completed", [Executing, Completed]) | ("failed" | "panicked" | "lost", [Executing, Failed]) => {
                    prop_assert_eq!(outcome, natural);
                }
                ("cancelled", [Executing, Cancelling, Cancelled] | [Cancelling, Cancelled]) => {
                    prop_assert!(cancel.is_some() || natural == "cancelled");
                }
                other => prop_assert!(false, "{:?} of {:?}", other, work),
            }
        }
    }
}
