//! What the tests share: a router, and an executor whose workers are this program.

use std::time::{Duration, Instant};

use foreground::MessageRouter;
use foreground::process::{Command, ProcessExecutor, ProcessExecutorBuilder};
use foreground::tasks::{TaskFuture, TaskOutcome};

use crate::functions::Table;

/// Long enough for a loaded machine; nothing waits so long unless something is broken.
pub const WAIT: Duration = Duration::from_secs(60);

/// In a worker's environment, for the test that serves there.
const SERVES: &str = "FOREGROUND_TEST_SERVES";

pub fn router<S: 'static>() -> MessageRouter<S> {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    router
}

/// This program, as a worker.
pub fn worker() -> Command {
    worker_that("serves")
}

/// One that does something else.
pub fn worker_that(does: &str) -> Command {
    let mut command = Command::this_program().unwrap();
    let arguments =
        ["--exact", "common::without_a_call_this_is_a_test_like_any", "--nocapture", "--test-threads=1"];
    command.args(arguments).env(SERVES, does);
    command
}

pub fn builder<S: 'static>(router: &MessageRouter<S>) -> ProcessExecutorBuilder<S> {
    ProcessExecutor::builder(router).workers(2).command(|| Ok(worker()))
}

pub fn executor<S: 'static>(router: &MessageRouter<S>, workers: usize) -> ProcessExecutor<S> {
    builder(router).workers(workers).build().unwrap()
}

/// Routes until a condition holds, which it does but for a bug. It is looked at time and again, as it may be one of the system's.
pub fn until<S: 'static>(
    router: &MessageRouter<S>,
    state: &mut S,
    mut condition: impl FnMut(&mut S) -> bool,
) {
    let began = Instant::now();
    while router.route_until(state, &mut condition, Duration::from_millis(2)).is_err() {
        assert!(began.elapsed() < WAIT, "it never comes");
    }
}

/// How a task ends.
pub fn outcome<M, R, E, S: Default + 'static>(
    router: &MessageRouter<S>,
    task: &TaskFuture<M, R, E, S>,
) -> TaskOutcome<R, E> {
    until(router, &mut S::default(), |_| task.state().is_done());
    task.try_outcome().unwrap()
}

/// Serves, in a worker, and the rest of the test never comes. It is a test, for that is how a program of tests is made to run
/// something.
#[test]
fn without_a_call_this_is_a_test_like_any() {
    match std::env::var(SERVES).as_deref() {
        Err(_) => {}
        Ok("serves") => {
            Table::new().functions.serve_if_worker();
            unreachable!("it is a worker");
        }
        Ok(other) => {
            crate::hostile::behave(other);
            std::process::exit(0);
        }
    }
    // In a process that is no worker this returns.
    Table::new().functions.serve_if_worker();
}
