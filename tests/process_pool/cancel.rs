//! A cancel reaches the function, and if that does not end, its process.

use std::time::{Duration, Instant};

use foreground::tasks::{ExecutorState, TaskState};

use crate::common::{WAIT, builder, executor, outcome, router, until};
use crate::functions::Table;

#[test]
fn a_function_that_looks_ends_and_its_worker_goes_on() {
    let (table, router) = (Table::new(), router::<Vec<u32>>());
    let executor = executor(&router, 1);
    let patient = executor.submit_progress_in_process(&table.patient, ()).unwrap();
    patient.on_progress(|ids: &mut Vec<u32>, id| ids.push(id));
    let mut ids = Vec::new();
    until(&router, &mut ids, |ids| !ids.is_empty());
    assert!(patient.cancel());
    assert_eq!(patient.state(), TaskState::Cancelling);
    until(&router, &mut ids, |_| patient.state().is_done());
    assert!(patient.try_outcome().unwrap().is_cancelled());
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    assert_eq!(outcome(&router, &id).completed(), Some(ids[0]));
}

#[test]
fn a_function_that_talks_faster_than_it_is_heard_is_cancelled_and_its_worker_goes_on() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = builder(&router).workers(1).grace(WAIT).build().unwrap();
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    let id = outcome(&router, &id).completed();
    let talks = executor.submit_iteration_in_process(&table.talks, ()).unwrap();
    until(&router, &mut (), |()| talks.try_recv().is_some());
    talks.cancel();
    assert!(outcome(&router, &talks).is_cancelled());
    let again = executor.submit_call_in_process(&table.id, ()).unwrap();
    assert_eq!(outcome(&router, &again).completed(), id);
}

#[test]
fn a_task_that_waits_for_a_worker_never_runs() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let patient = executor.submit_progress_in_process(&table.patient, ()).unwrap();
    let count = executor.submit_call_in_process(&table.count, ()).unwrap();
    until(&router, &mut (), |()| patient.try_recv().is_some());
    count.cancel();
    patient.cancel();
    assert!(outcome(&router, &count).is_cancelled());
    let count = executor.submit_call_in_process(&table.count, ()).unwrap();
    assert_eq!(outcome(&router, &count).completed(), Some(1));
}

#[test]
fn a_function_that_does_not_look_is_killed_after_its_grace() {
    let (table, router) = (Table::new(), router::<()>());
    let grace = Duration::from_millis(200);
    let executor = builder(&router).workers(1).grace(grace).build().unwrap();
    let stubborn = executor.submit_call_in_process(&table.stubborn, ()).unwrap();
    until(&router, &mut (), |()| {
        stubborn.state() == TaskState::Executing && !executor.worker_ids().is_empty()
    });
    let began = Instant::now();
    stubborn.cancel();
    assert!(outcome(&router, &stubborn).is_cancelled());
    assert!(began.elapsed() < WAIT / 2);
    let square = executor.submit_call_in_process(&table.square, 5).unwrap();
    assert_eq!(outcome(&router, &square).completed(), Some(25));
}

#[test]
fn a_cancel_before_the_worker_is_ready_ends_the_task() {
    let (table, router) = (Table::new(), router::<()>());
    for _ in 0..20 {
        let executor = executor(&router, 1);
        let square = executor.submit_call_in_process(&table.square, 5).unwrap();
        until(&router, &mut (), |()| square.state() == TaskState::Executing);
        square.cancel();
        assert!(outcome(&router, &square).is_cancelled());
        executor.shutdown(&mut (), WAIT).unwrap();
        assert_eq!(executor.worker_ids(), [0_u32; 0]);
        restart(&router);
    }
}

/// After a `route_until`, for the next executor.
fn restart(router: &foreground::MessageRouter<()>) {
    router.stop().unwrap();
    router.start().unwrap();
}

#[test]
fn a_shutdown_ends_running_functions_and_all_processes() {
    let (table, router) = (Table::new(), router::<Vec<u32>>());
    let executor = builder(&router).workers(3).grace(Duration::from_millis(300)).build().unwrap();
    let patient = executor.submit_progress_in_process(&table.patient, ()).unwrap();
    patient.on_progress(|ids: &mut Vec<u32>, id| ids.push(id));
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    id.on_done(|ids: &mut Vec<u32>, outcome| ids.push(outcome.completed().unwrap()));
    let mut ids = Vec::new();
    until(&router, &mut ids, |ids| ids.len() == 2);
    let stubborn = executor.submit_call_in_process(&table.stubborn, ()).unwrap();
    let queued: Vec<_> =
        (0..10).map(|n| executor.submit_call_in_process(&table.square, n).unwrap()).collect();
    until(&router, &mut ids, |_| stubborn.state() == TaskState::Executing);
    executor.shutdown(&mut ids, WAIT).unwrap();
    assert_eq!(executor.state(), ExecutorState::Stopped);
    assert!(patient.try_outcome().unwrap().is_cancelled() && stubborn.try_outcome().unwrap().is_cancelled());
    assert!(queued.iter().all(|task| task.state().is_done()));
    assert_eq!(executor.worker_ids(), [0_u32; 0]);
    for id in ids {
        assert!(!is_there(id), "{id}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_shutdown_ends_a_worker_that_is_suspended() {
    let (table, router) = (Table::new(), router::<()>());
    // Nothing but the shutdown kills it.
    let executor = builder(&router).workers(1).grace(Duration::MAX).build().unwrap();
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    let id = outcome(&router, &id).completed().unwrap();
    let worker = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
    rustix::process::kill_process(worker, rustix::process::Signal::STOP).unwrap();
    until(&router, &mut (), |()| {
        std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap().contains(") T ")
    });
    executor.shutdown(&mut (), Duration::from_millis(50)).unwrap();
    until(&router, &mut (), |()| executor.worker_ids().is_empty() && !is_there(id));
}

/// Whether there is a process, be it a zombie.
pub fn is_there(id: u32) -> bool {
    let id = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
    rustix::process::test_kill_process(id).is_ok()
}
