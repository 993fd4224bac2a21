//! What tasks cost in memory. The allocator counts the bytes that the whole process holds, so there is one test only.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use foreground::tasks::{AskError, CallFuture, Progress, TaskExecutor, TaskOutcome};
use foreground::{Budget, MessageRouter};

struct Counting;

static LIVE_BYTES: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged; only a counter is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract, and the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live_bytes() -> isize {
    LIVE_BYTES.load(Ordering::SeqCst)
}

const PATIENCE: Duration = Duration::from_secs(60);

/// A router, and an executor of one worker.
fn stage() -> (MessageRouter<u64>, TaskExecutor<u64>) {
    // Without a time limit, a dispatch empties the queue.
    let router = MessageRouter::builder().budget(Budget::new(Duration::MAX, usize::MAX)).build(|| {});
    router.start().unwrap();
    let executor = TaskExecutor::builder(&router).workers(1).build().unwrap();
    (router, executor)
}

/// Keeps the worker busy until the sender is dropped. Nothing of this is dispatched yet.
fn occupy(executor: &TaskExecutor<u64>) -> Sender<()> {
    let ((begun, has_begun), (release, released)) = (channel(), channel::<()>());
    let stay = move || {
        begun.send(()).unwrap();
        released.recv().is_ok()
    };
    executor.submit_call(stay).unwrap().detach();
    has_begun.recv_timeout(PATIENCE).unwrap();
    release
}

#[test]
fn memory() {
    a_queued_call_costs_at_most(500);
    calls_that_completed_leave_nothing();
    the_newest_report_does_not_grow();
}

fn a_queued_call_costs_at_most(bytes: isize) {
    const CALLS: usize = 100_000;
    let (router, executor) = stage();
    let worker = occupy(&executor);
    let mut calls: Vec<CallFuture<[u64; 4], u64>> = Vec::with_capacity(CALLS);
    let before = live_bytes();
    for n in 0..CALLS as u64 {
        let closure = [n; 4];
        let call = executor.submit_call(move || closure).unwrap();
        call.on_done(|sum, outcome| *sum += outcome.completed().map_or(1, |n| n[0]));
        calls.push(call);
    }
    let each = (live_bytes() - before) / CALLS as isize - size_of::<[u64; 4]>() as isize;
    println!("a queued call: {each} bytes");
    assert!(each <= bytes, "a queued call takes {each} bytes");
    drop(calls);
    drop(worker);
    let mut cancelled = 0;
    router.route_until(&mut cancelled, |_| executor.running() == 0, PATIENCE).unwrap();
    assert_eq!(cancelled, CALLS as u64);
}

fn calls_that_completed_leave_nothing() {
    let (router, executor) = stage();
    // The first rounds make the tables and blocks that are kept.
    let mut before = 0;
    for round in 0..6 {
        if round == 3 {
            before = live_bytes();
        }
        for n in 0..20_000_u64 {
            let call = executor.submit_call(move || n).unwrap();
            call.on_done(|sum, outcome| *sum += outcome.completed().unwrap());
            call.detach();
        }
        let mut sum = 0;
        router.route_until(&mut sum, |_| executor.running() == 0, PATIENCE).unwrap();
        assert_eq!(sum, 20_000 * 19_999 / 2);
        // What was kept for the flood is given back when the call would wait.
        assert!(router.route_until(&mut sum, |_| false, Duration::ZERO).is_err());
    }
    let left = live_bytes() - before;
    assert!(left < 64 * 1024, "{left} bytes are left after 60,000 calls");
}

fn the_newest_report_does_not_grow() {
    let (router, executor) = stage();
    let (told, is_told) = channel();
    let job = executor.submit_progress(move |progress: &Progress<'_, [u64; 4]>| {
        progress.report_latest([0; 4])?;
        let before = live_bytes();
        (1..=1_000_000).try_for_each(|n| progress.report_latest([n; 4]))?;
        told.send(live_bytes() - before).unwrap();
        Ok::<_, AskError>(())
    });
    let job = job.unwrap();
    job.on_progress(|last, n| *last = n[0]);
    let grown = is_told.recv_timeout(PATIENCE).unwrap();
    assert!(grown < 4 * 1024, "a million newest reports grew by {grown} bytes");
    let mut last = 0;
    router.route_until(&mut last, |_| job.state().is_done(), PATIENCE).unwrap();
    assert_eq!((last, job.try_outcome()), (1_000_000, Some(TaskOutcome::Completed(()))));
}
