//! Worker threads: how many, what they are called, when they are made and when they end.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;

use foreground::MessageRouter;
use foreground::tasks::{ExecutorState, PoolError, TaskExecutor, WorkerPool};

use crate::common::{Stage, wait_for};

fn router() -> MessageRouter {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    router
}

#[test]
fn a_pool_cannot_be_without_workers_or_have_a_name_that_threads_cannot() {
    assert_eq!(WorkerPool::new("pool", 0).unwrap_err(), PoolError::ZeroWorkers);
    assert_eq!(WorkerPool::new("po\0ol", 1).unwrap_err(), PoolError::BadName);
    let (router, builder) = (router(), TaskExecutor::builder);
    assert_eq!(builder(&router).workers(0).build().unwrap_err(), PoolError::ZeroWorkers);
    assert_eq!(builder(&router).thread_name("\0").build().unwrap_err(), PoolError::BadName);
    let text = "a pool of 0 workers would never run anything; give at least 1";
    assert_eq!(PoolError::ZeroWorkers.to_string(), text);
}

#[test]
fn the_size_is_as_asked_or_the_machines() {
    assert_eq!(WorkerPool::new("pool", 3).unwrap().size(), 3);
    let builder = format!("{:?}", TaskExecutor::builder(&router()));
    let workers = thread::available_parallelism().unwrap();
    assert!(builder.contains(&format!("workers: {workers},")), "{builder}");
}

#[test]
fn the_threads_have_names() {
    let router = router();
    let builder = TaskExecutor::builder(&router).workers(2).thread_name("hasher");
    let executor = builder.build().unwrap();
    let (barrier, (told, is_told)) = (Arc::new(Barrier::new(2)), channel());
    for _ in 0..2 {
        let (barrier, told) = (Arc::clone(&barrier), told.clone());
        let name = move || {
            // Each worker takes one of them.
            barrier.wait();
            told.send(thread::current().name().map(String::from)).unwrap();
        };
        executor.submit_call(name).unwrap().detach();
    }
    let mut names = [wait_for(&is_told), wait_for(&is_told)];
    names.sort();
    assert_eq!(names, ["hasher-0", "hasher-1"].map(|name| Some(name.into())));
}

#[test]
fn as_many_tasks_run_at_once_as_there_are_workers() {
    let stage = Stage::<()>::new(4);
    let (barrier, (told, is_told)) = (Arc::new(Barrier::new(4)), channel());
    for _ in 0..4 {
        let (barrier, told) = (Arc::clone(&barrier), told.clone());
        let meet = move || {
            barrier.wait();
            told.send(()).unwrap();
        };
        stage.executor.submit_call(meet).unwrap().detach();
    }
    (0..4).for_each(|_| wait_for(&is_told));
}

#[cfg(target_os = "linux")]
mod threads {
    use std::fs;
    use std::time::Instant;

    use super::*;
    use crate::common::PATIENCE;

    /// How many threads there are whose name begins so.
    fn count(name: &str) -> usize {
        let threads = fs::read_dir("/proc/self/task").unwrap();
        // A thread may end while it is looked at.
        let names = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.filter(|found| found.starts_with(name)).count()
    }

    fn wait_until_none_is_left(name: &str) {
        let begun = Instant::now();
        while count(name) > 0 {
            assert!(begun.elapsed() < PATIENCE, "{} threads are left", count(name));
            thread::yield_now();
        }
    }

    #[test]
    fn workers_are_made_at_the_first_submit_and_end_with_their_executor() {
        let router = router();
        let builder = TaskExecutor::builder(&router).workers(3).thread_name("late");
        let executor = builder.build().unwrap();
        assert_eq!(count("late-"), 0);
        let barrier = Arc::new(Barrier::new(4));
        for n in 0..3 {
            let barrier = Arc::clone(&barrier);
            executor.submit_call(move || barrier.wait()).unwrap().detach();
            assert_eq!(executor.running(), n + 1);
        }
        barrier.wait();
        assert_eq!(count("late-"), 3);
        executor.shutdown(&mut (), PATIENCE).unwrap();
        wait_until_none_is_left("late-");
    }

    #[test]
    fn workers_end_with_the_last_handle_of_the_executor() {
        let router = router();
        let builder = TaskExecutor::builder(&router).workers(2).thread_name("loose");
        let executor = builder.build().unwrap();
        let (told, is_told) = channel();
        executor.submit_call(move || told.send(())).unwrap().detach();
        wait_for(&is_told);
        assert!(count("loose-") > 0);
        drop(executor);
        wait_until_none_is_left("loose-");
    }

    #[test]
    fn a_shared_pool_ends_with_its_last_owner() {
        let pool = WorkerPool::new("share", 1).unwrap();
        let router = router();
        let executor = TaskExecutor::builder(&router).pool(&pool).build().unwrap();
        executor.submit_call(|| ()).unwrap().detach();
        executor.shutdown(&mut (), PATIENCE).unwrap();
        assert_eq!(count("share-"), 1);
        drop(pool);
        wait_until_none_is_left("share-");
    }
}

#[test]
fn a_shared_pool_is_left_usable() {
    let stage = Stage::<Option<u32>>::new(1);
    stage.executor.stop().unwrap();
    assert_eq!(stage.executor.state(), ExecutorState::Stopped);
    let second = TaskExecutor::builder(&stage.router).pool(&stage.pool).build().unwrap();
    let call = second.submit_call(|| 7).unwrap();
    call.on_done(|result: &mut Option<u32>, outcome| *result = outcome.completed());
    let mut result = None;
    stage.run_until(&mut result, |result| result.is_some());
    assert_eq!(result, Some(7));
}

#[test]
fn two_executors_on_a_pool_do_not_stop_each_other() {
    let stage = Stage::<Vec<u32>>::new(1);
    let second = TaskExecutor::builder(&stage.router).pool(&stage.pool).build().unwrap();
    let worker = stage.occupy();
    let mine = stage.executor.submit_call(|| 1).unwrap();
    let its = second.submit_call(|| 2).unwrap();
    for call in [&mine, &its] {
        call.on_done(|seen: &mut Vec<u32>, outcome| seen.push(outcome.completed().unwrap_or(0)));
    }
    stage.executor.stop().unwrap();
    assert_eq!((stage.executor.running(), second.running()), (1, 1));
    drop(worker);
    let mut seen = Vec::new();
    stage.run_until(&mut seen, |seen| seen.len() == 2);
    assert_eq!(seen, [0, 2]);
    assert_eq!((stage.executor.state(), second.state()), (ExecutorState::Stopped, ExecutorState::Running));
}
