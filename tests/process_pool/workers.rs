//! How worker processes come and go.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use foreground::tasks::TaskOutcome;

#[cfg(target_os = "linux")]
use crate::belongings::Belongings;
use crate::cancel::is_there;
use crate::common::{WAIT, builder, executor, outcome, router, until, worker_that};
use crate::functions::Table;

#[test]
fn workers_start_with_the_first_task_and_end_with_the_executor() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 2);
    assert_eq!(executor.worker_ids(), [0_u32; 0]);
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    let id = outcome(&router, &id).completed().unwrap();
    assert_eq!(executor.worker_ids(), [id]);
    drop(executor.clone());
    assert!(is_there(id));
    drop(executor);
    // Nobody waits for it but the thread that was started with it.
    until(&router, &mut (), |()| !is_there(id));
}

#[test]
fn a_stop_ends_the_workers_that_wait() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    outcome(&router, &id).completed().unwrap();
    executor.stop().unwrap();
    until(&router, &mut (), |()| executor.worker_ids().is_empty());
}

#[test]
fn a_worker_that_has_waited_for_long_ends() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = builder(&router).workers(1).idle_timeout(Duration::from_millis(50)).build().unwrap();
    let first = executor.submit_call_in_process(&table.id, ()).unwrap();
    let first = outcome(&router, &first).completed().unwrap();
    until(&router, &mut (), |()| executor.worker_ids().is_empty());
    assert!(!is_there(first));
    let count = executor.submit_call_in_process(&table.count, ()).unwrap();
    assert_eq!(outcome(&router, &count).completed(), Some(1));
}

#[test]
fn a_worker_that_has_done_its_share_is_replaced() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = builder(&router).workers(1).tasks_per_worker(3).build().unwrap();
    for n in 0..9 {
        let count = executor.submit_call_in_process(&table.count, ()).unwrap();
        assert_eq!(outcome(&router, &count).completed(), Some(n % 3 + 1));
    }
    executor.shutdown(&mut (), WAIT).unwrap();
    assert_eq!(executor.worker_ids(), [0_u32; 0]);
}

#[test]
fn two_executors_have_workers_of_their_own() {
    let (table, router) = (Table::new(), router::<()>());
    let (one, two) = (executor(&router, 1), executor(&router, 1));
    let first = one.submit_call_in_process(&table.id, ()).unwrap();
    let second = two.submit_call_in_process(&table.id, ()).unwrap();
    let ids = [outcome(&router, &first).completed().unwrap(), outcome(&router, &second).completed().unwrap()];
    assert_ne!(ids[0], ids[1]);
    assert!(!one.kill_worker(ids[1]));
}

/// Counted in a process of its own, where no other test runs, with folders of its own.
#[test]
#[cfg(target_os = "linux")]
fn workers_leave_no_descriptors_threads_folders_and_zombies() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = worker_that("counts");
    command.env("TMPDIR", folder.path()).env_remove("XDG_RUNTIME_DIR").stdout(Stdio::null()).log_stderr(None);
    let child = command.spawn().unwrap();
    let status = child.wait_timeout(2 * WAIT).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}; it has said why");
}

/// In a child: what workers leave that come and go.
#[cfg(target_os = "linux")]
pub fn count() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use foreground::process::ProcessError;

    let (table, router) = (Table::new(), router::<()>());
    // It opens the door, and keeps it open.
    let _kept = router.remote_pipe::<u8>().unwrap();
    let has_begun = AtomicBool::new(false);
    let command = move || match has_begun.swap(true, Ordering::SeqCst) {
        false => Err(std::io::Error::other("not yet")),
        true => Ok(worker_that("serves")),
    };
    let executor = builder(&router).workers(1).tasks_per_worker(1).command(command).build().unwrap();
    // It starts the thread of the executor, and no worker.
    let square = executor.submit_call_in_process(&table.square, 1).unwrap();
    assert!(matches!(outcome(&router, &square), TaskOutcome::Failed(ProcessError::NotStarted(_))));
    let before = Belongings::now();
    assert_eq!((before.folders, before.children), (1, 0));
    for n in 0..100 {
        let way = (n % 3 == 0).then(|| "kill".to_owned());
        let crash = executor.submit_call_in_process(&table.crash, way).unwrap();
        assert_eq!(outcome(&router, &crash).completed().is_some(), n % 3 != 0);
    }
    Belongings::wait_until_as(&before);
}

#[test]
fn what_a_worker_starts_has_not_its_ticket() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = executor(&router, 1);
    let inherited = executor.submit_call_in_process(&table.inherited, ()).unwrap();
    assert_eq!(outcome(&router, &inherited).completed().unwrap(), "none\n");
}

/// In a child: has one worker that waits, and one that is at work, and says which they are.
pub fn be_an_executor(workers: &'static str) -> ! {
    let (table, router) = (Table::new(), router::<Vec<u32>>());
    let executor = builder(&router).workers(2).command(move || Ok(worker_that(workers))).build().unwrap();
    let patient = executor.submit_progress_in_process(&table.patient, ()).unwrap();
    patient.on_progress(|ids: &mut Vec<u32>, id| ids.push(id));
    let id = executor.submit_call_in_process(&table.id, ()).unwrap();
    id.on_done(|ids: &mut Vec<u32>, outcome| ids.push(outcome.completed().unwrap()));
    let mut ids = Vec::new();
    until(&router, &mut ids, |ids| ids.len() == 2);
    tell(&ids)
}

/// In a child: has told a worker to end whose function does not, and says which it is.
pub fn be_an_executor_that_lets_go() -> ! {
    let (table, router) = (Table::new(), router::<()>());
    let executor = builder(&router).workers(1).grace(Duration::MAX).build().unwrap();
    let blurts = executor.submit_progress_in_process(&table.blurts, ()).unwrap();
    assert!(matches!(outcome(&router, &blurts), TaskOutcome::Panicked { .. }));
    tell(&executor.worker_ids())
}

fn tell(workers: &[u32]) -> ! {
    let workers: Vec<_> = workers.iter().map(u32::to_string).collect();
    println!("\nworkers {}", workers.join(" "));
    std::thread::sleep(2 * WAIT);
    std::process::exit(1);
}

#[test]
fn the_workers_of_an_executor_that_is_killed_end() {
    assert_eq!(workers_that_end_with_their_executor("executor"), 2);
}

#[test]
fn workers_whose_logger_panics_end_all_the_same() {
    assert_eq!(workers_that_end_with_their_executor("executor of workers without a log"), 2);
}

#[test]
fn a_worker_that_was_told_to_end_and_has_not_ends_with_its_executor() {
    assert_eq!(workers_that_end_with_their_executor("executor that lets go"), 1);
}

fn workers_that_end_with_their_executor(executor: &str) -> usize {
    let child = worker_that(executor).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.take_stdout().unwrap()).lines();
    let mut lines =
        lines.map(Result::unwrap).filter_map(|line| line.strip_prefix("workers ").map(str::to_owned));
    let ids: Vec<u32> = lines.next().unwrap().split(' ').map(|id| id.parse().unwrap()).collect();
    assert!(ids.iter().all(|id| is_running(*id)));
    child.kill();
    child.wait().unwrap();
    // Whoever takes over its children waits for them, or not: then they are zombies.
    until(&router::<()>(), &mut (), |()| ids.iter().all(|id| !is_running(*id)));
    ids.len()
}

pub fn is_running(id: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{id}/stat"));
    match state {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X'])),
        Err(_) => is_there(id) && cfg!(not(target_os = "linux")),
    }
}

#[test]
fn a_worker_that_is_to_wait_for_no_time_ends_at_once() {
    let (table, router) = (Table::new(), router::<()>());
    let executor = builder(&router).workers(1).idle_timeout(Duration::ZERO).build().unwrap();
    for _ in 0..20 {
        let id = executor.submit_call_in_process(&table.id, ()).unwrap();
        outcome(&router, &id).completed().unwrap();
        until(&router, &mut (), |()| executor.worker_ids().is_empty());
    }
}
