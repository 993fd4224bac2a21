//! The router as a future of tokio: timers under a flood, `select!`, time-outs, runtimes of several threads.

use std::cell::Cell;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use foreground::event_loop::tokio_1;
use foreground::{MessageReceiver, MessageRouter};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// A worker that sends as fast as it can until the receiver is dropped. Each message is work for 20 microseconds.
fn flood(router: &MessageRouter<u64>) -> (MessageReceiver<(), u64>, JoinHandle<()>) {
    let (sender, receiver) = router.bounded_pipe::<()>(4096).unwrap();
    receiver.on_message(|count, ()| {
        *count += 1;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(20) {}
    });
    let sender = sender.start();
    (receiver, thread::spawn(move || while sender.send(()).is_ok() {}))
}

/// A task that is always ready leaves tokio's timers one look in 61 polls: some four a second.
#[test]
fn timers_of_other_tasks_go_on_under_a_flood() {
    let (router, mut routing) = tokio_1::route(MessageRouter::builder());
    let (receiver, worker) = flood(&router);
    let ticks = Rc::new(Cell::new(0_u64));
    let (mine, seen, local) = (Rc::clone(&ticks), Rc::clone(&ticks), LocalSet::new());
    local.spawn_local(async move {
        loop {
            sleep(Duration::from_millis(1)).await;
            mine.set(mine.get() + 1);
        }
    });
    let routed = local.spawn_local(async move { routing.run(&mut 0, |_| seen.get() >= 50).await });
    local.block_on(&one_thread(), routed).unwrap();
    let turns = router.stats().dispatches;
    // One tick a turn or so, for a turn takes its 4 ms.
    assert!(turns <= 10 * 50, "{turns} turns for 50 ticks");
    drop(receiver);
    worker.join().unwrap();
}

#[test]
fn a_time_out_loses_nothing() {
    let (router, mut routing) = tokio_1::route(MessageRouter::builder());
    let (sender, receiver) = router.pipe::<u64>().unwrap();
    receiver.on_message(|last, n| *last = n);
    let sender = sender.start();
    one_thread().block_on(async {
        let mut last = 0;
        for n in 1..=20 {
            assert!(timeout(Duration::from_micros(50 * n), routing.run(&mut last, |_| false)).await.is_err());
            sender.send(n).unwrap();
            routing.run(&mut last, |last| *last == n).await;
        }
    });
}

#[test]
fn a_branch_that_is_always_ready_does_not_starve_messages() {
    let (router, mut routing) = tokio_1::route(MessageRouter::builder());
    let (sender, receiver) = router.pipe::<u64>().unwrap();
    receiver.on_message(|last, n| *last = n);
    let worker = thread::spawn(move || {
        let sender = sender.start();
        (1..=100).for_each(|n| sender.send(n).unwrap());
    });
    one_thread().block_on(async {
        let (mut last, mut others) = (0, 0_u64);
        while last < 100 {
            tokio::select! {
                () = routing.ready() => { router.dispatch(&mut last); }
                () = async {} => others += 1,
            }
        }
        assert!(others > 0);
    });
    worker.join().unwrap();
}

#[test]
fn the_foreground_may_be_the_main_thread_of_many() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let (router, mut routing) = tokio_1::route(MessageRouter::builder());
    let (sender, receiver) = router.pipe::<u64>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    for _ in 0..4 {
        let sender = sender.clone();
        runtime.spawn(async move {
            for _ in 0..250 {
                sender.send(1).unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    let mut sum = 0;
    runtime.block_on(routing.run(&mut sum, |sum| *sum == 1000));
    drop(runtime);
    sender.send(1).unwrap();
    router.route_until(&mut sum, |sum| *sum == 1001, Duration::from_secs(20)).unwrap();
}
