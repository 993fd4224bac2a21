//! A worker that ends fails its own task, and no other.

use std::os::unix::process::ExitStatusExt;

use foreground::process::{Command, ProcessError};
use foreground::tasks::TaskOutcome;

use crate::common::{executor, outcome, router, until, worker_that};
use crate::functions::Table;

#[test]
fn a_crash_is_told_with_its_status_and_the_next_task_gets_another_worker() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    for (way, signal, code) in [
        ("abort", Some(6), None),
        ("kill", Some(9), None),
        ("exit", None, Some(3)),
        ("overflow", Some(6), None),
    ] {
        let id = executor.submit_call_in_process(&table.id, ()).unwrap();
        let id = outcome(&router, &id).completed().unwrap();
        let crash = executor.submit_call_in_process(&table.crash, Some(way.into())).unwrap();
        let error = outcome(&router, &crash).failed().unwrap();
        let ProcessError::Lost(Some(status)) = error else { panic!("{way}: {error:?}") };
        assert_eq!((status.signal(), status.code()), (signal, code), "{way}");
        let next = executor.submit_call_in_process(&table.id, ()).unwrap();
        assert_ne!(outcome(&router, &next).completed().unwrap(), id);
    }
}

#[test]
fn of_a_hundred_tasks_exactly_those_fail_that_kill_their_worker() {
    let (table, router) = (Table::new(), router::<Vec<(u32, bool)>>());
    let executor = executor(&router, 3);
    for n in 0..100 {
        let way = (n % 3 == 2).then(|| String::from(if n % 2 == 0 { "kill" } else { "exit" }));
        let crash = executor.submit_call_in_process(&table.crash, way).unwrap();
        crash.on_done(move |ends: &mut Vec<(u32, bool)>, outcome| match outcome {
            TaskOutcome::Completed(_) => ends.push((n, true)),
            TaskOutcome::Failed(ProcessError::Lost(Some(_))) => ends.push((n, false)),
            other => panic!("{n}: {other:?}"),
        });
        crash.detach();
    }
    let mut ends = Vec::new();
    until(&router, &mut ends, |ends| ends.len() == 100);
    ends.sort();
    assert_eq!(ends, (0..100).map(|n| (n, n % 3 != 2)).collect::<Vec<_>>());
}

#[test]
fn a_worker_that_dies_while_it_waits_is_replaced() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let mut last = 0;
    for _ in 0..20 {
        let id = executor.submit_call_in_process(&table.id, ()).unwrap();
        let id = outcome(&router, &id).completed().unwrap();
        assert_ne!(id, last);
        // The next task comes while it dies.
        assert!(executor.kill_worker(id));
        last = id;
    }
}

#[test]
fn a_worker_is_killed_from_the_foreground_and_its_task_fails() {
    let (table, router) = (Table::new(), router::<Vec<u32>>());
    let executor = executor(&router, 1);
    let patient = executor.submit_progress_in_process(&table.patient, ()).unwrap();
    patient.on_progress(|ids: &mut Vec<u32>, id| ids.push(id));
    let mut ids = Vec::new();
    until(&router, &mut ids, |ids| !ids.is_empty());
    assert!(executor.kill_worker(ids[0]));
    let error = outcome(&router, &patient).failed().unwrap();
    assert!(matches!(error, ProcessError::Lost(Some(status)) if status.signal() == Some(9)), "{error:?}");
    assert!(!executor.kill_worker(ids[0]));
}

#[test]
fn a_program_that_is_not_there_fails_each_task() {
    let (table, router) = (Table::new(), router::<()>());
    let executor =
        crate::common::builder(&router).command(|| Ok(Command::new("/no/such/program"))).build().unwrap();
    for _ in 0..3 {
        let call = executor.submit_call_in_process(&table.square, 1).unwrap();
        let error = outcome(&router, &call).failed().unwrap();
        let ProcessError::NotStarted(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}

#[test]
fn a_program_that_does_not_serve_fails_its_task_and_is_ended() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = crate::common::builder(&router).command(|| Ok(worker_that("ends"))).build().unwrap();
    let call = executor.submit_call_in_process(&table.square, 1).unwrap();
    let error = outcome(&router, &call).failed().unwrap();
    assert!(matches!(error, ProcessError::NotStarted(_)), "{error:?}");
    assert!(error.to_string().contains("serve_if_worker"), "{error}");

    let time = std::time::Duration::from_millis(300);
    let executor = crate::common::builder(&router)
        .command(|| Ok(worker_that("sleeps")))
        .start_timeout(time)
        .grace(time)
        .build()
        .unwrap();
    let call = executor.submit_call_in_process(&table.square, 1).unwrap();
    let error = outcome(&router, &call).failed().unwrap();
    let ProcessError::NotStarted(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    until(&router, &mut (), |()| executor.worker_ids().is_empty());
}

#[test]
fn a_worker_that_does_not_know_what_it_is_builds_no_executor() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = crate::common::builder(&router).command(|| Ok(worker_that("unaware"))).build().unwrap();
    let call = executor.submit_call_in_process(&table.square, 1).unwrap();
    let error = outcome(&router, &call).failed().unwrap();
    assert!(error.to_string().contains("17"), "{error}");
}
