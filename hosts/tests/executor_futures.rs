//! The router as a future: polled by hand, dropped half-way, moved, and on executors.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use foreground::event_loop::executor::{self, Routing};
use foreground::event_loop::{Shared, WeakShared};
use foreground::{Budget, MessageRouter, MessageRouterBuilder, StartedSender};
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt as _;
use smol::future::yield_now;

type Log = Vec<u32>;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task's waker, and how often it was woken.
fn task() -> (Waker, Arc<Wakes>) {
    let wakes = Arc::new(Wakes::default());
    (Waker::from(Arc::clone(&wakes)), wakes)
}

fn count(wakes: &Wakes) -> usize {
    wakes.0.load(Ordering::Relaxed)
}

fn small<S: 'static>() -> MessageRouterBuilder<S> {
    MessageRouter::builder().budget(Budget::new(Duration::MAX, 2))
}

fn pipe(router: &MessageRouter<Log>) -> StartedSender<u32> {
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|log: &mut Log, n| log.push(n));
    receiver.detach();
    sender.start()
}

/// Polls a future that is made anew for each poll.
fn poll_new(routing: &mut Routing<Log>, waker: &Waker) -> Poll<()> {
    pin!(routing.ready()).poll(&mut Context::from_waker(waker))
}

#[test]
fn it_gives_way_once_before_each_turn() {
    let (router, mut routing) = executor::route(small());
    let sender = pipe(&router);
    let (waker, wakes) = task();
    let mut log = Log::new();
    (0..3).for_each(|n| sender.send(n).unwrap());
    for (turn, delivered) in [2, 3].into_iter().enumerate() {
        let mut ready = pin!(routing.ready());
        let mut context = Context::from_waker(&waker);
        assert_eq!(ready.as_mut().poll(&mut context), Poll::Pending, "it takes all turns for itself");
        assert_eq!(count(&wakes), turn + 1, "nobody would poll it again");
        assert_eq!(ready.as_mut().poll(&mut context), Poll::Ready(()));
        router.dispatch(&mut log);
        assert_eq!(log.len(), delivered);
    }
    let mut ready = pin!(routing.ready());
    let mut context = Context::from_waker(&waker);
    for _ in 0..5 {
        assert_eq!(ready.as_mut().poll(&mut context), Poll::Pending);
    }
    assert_eq!(count(&wakes), 3, "it polls itself though there is nothing to do");
    sender.send(3).unwrap();
    assert_eq!(count(&wakes), 4);
    assert_eq!(ready.as_mut().poll(&mut context), Poll::Ready(()));
}

#[test]
fn a_future_that_is_dropped_half_way_loses_nothing() {
    let (router, mut routing) = executor::route(small());
    let sender = pipe(&router);
    let (waker, _) = task();
    assert_eq!(poll_new(&mut routing, &waker), Poll::Pending);
    assert_eq!(poll_new(&mut routing, &waker), Poll::Pending);
    // The wake comes to a future that is no more.
    sender.send(1).unwrap();
    assert_eq!(poll_new(&mut routing, &waker), Poll::Ready(()));
    // And what was ready and not used: the messages are there, and the next dispatch takes them.
    let mut log = Log::new();
    router.dispatch(&mut log);
    assert_eq!(log, [1]);

    let (other, wakes) = task();
    for _ in 0..2 {
        assert_eq!(poll_new(&mut routing, &other), Poll::Pending);
    }
    let before = count(&wakes);
    sender.send(2).unwrap();
    assert_eq!(count(&wakes), before + 1);
}

#[test]
fn what_was_ready_and_not_dispatched_is_ready_again() {
    let (router, mut routing) = executor::route(small());
    let sender = pipe(&router);
    sender.send(1).unwrap();
    for _ in 0..3 {
        smol::block_on(routing.ready());
    }
    let mut log = Log::new();
    router.dispatch(&mut log);
    assert_eq!(log, [1]);
    let (waker, wakes) = task();
    for _ in 0..5 {
        assert_eq!(poll_new(&mut routing, &waker), Poll::Pending);
    }
    assert_eq!(count(&wakes), 1, "it polls itself though there is nothing to do");
}

#[test]
fn a_run_that_is_dropped_half_way_goes_on_in_the_next() {
    let (router, mut routing) = executor::route(small());
    let sender = pipe(&router);
    let (waker, _) = task();
    let mut log = Log::new();
    (0..3).for_each(|n| sender.send(n).unwrap());
    {
        let mut run = pin!(routing.run(&mut log, |_| false));
        for _ in 0..2 {
            assert_eq!(run.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
        }
    }
    assert_eq!(log, [0, 1]);
    sender.send(3).unwrap();
    smol::block_on(routing.run(&mut log, |log| log.len() == 4));
    assert_eq!(log, [0, 1, 2, 3]);
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let (router, mut routing) = executor::route(small());
    let sender = pipe(&router);
    let ((first, of_first), (second, of_second)) = (task(), task());
    let mut ready = pin!(routing.ready());
    for waker in [&first, &first, &second] {
        assert_eq!(ready.as_mut().poll(&mut Context::from_waker(waker)), Poll::Pending);
    }
    let before = count(&of_first);
    sender.send(1).unwrap();
    assert_eq!((count(&of_first), count(&of_second)), (before, 1));
}

/// A waker is foreign code: it may do what it likes, also send.
struct Sending(Mutex<Option<StartedSender<u32>>>);

impl Wake for Sending {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let sender = self.0.lock().unwrap().clone();
        if let Some(sender) = sender {
            sender.send(7).unwrap();
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.wake_with(8);
    }
}

impl Sending {
    fn wake_with(&self, n: u32) {
        if let Some(sender) = self.0.lock().unwrap().take() {
            sender.send(n).unwrap();
        }
    }
}

#[test]
fn no_lock_is_held_while_the_waker_is_woken_or_dropped() {
    let (router, mut routing) = executor::route(MessageRouter::builder());
    let (sender, mut log) = (pipe(&router), Log::new());
    let (plain, _) = task();
    let waker = Waker::from(Arc::new(Sending(Mutex::new(Some(sender.clone())))));
    assert_eq!(poll_new(&mut routing, &plain), Poll::Pending);
    assert_eq!(poll_new(&mut routing, &waker), Poll::Pending);
    sender.send(1).unwrap();
    assert_eq!(poll_new(&mut routing, &waker), Poll::Ready(()));
    router.dispatch(&mut log);
    assert_eq!(log, [1, 7]);
    assert_eq!(poll_new(&mut routing, &plain), Poll::Pending);
    assert_eq!(poll_new(&mut routing, &waker), Poll::Pending);
    // The last of that waker is in there, and the next poll takes its place.
    drop(waker);
    assert_eq!(poll_new(&mut routing, &plain), Poll::Pending);
    assert_eq!(poll_new(&mut routing, &plain), Poll::Ready(()));
    router.dispatch(&mut log);
    assert_eq!(log, [1, 7, 8]);
}

#[test]
fn a_wake_after_the_executor_has_gone_is_harmless() {
    let (router, mut routing) = executor::route(small());
    let sender = pipe(&router);
    let mut pool = LocalPool::new();
    let spawned = pool.spawner().spawn_local(async move { routing.run(&mut Log::new(), |_| false).await });
    spawned.unwrap();
    pool.run_until_stalled();
    drop(pool);
    sender.send(1).unwrap();
    drop(sender);
    let mut log = Log::new();
    router.route_until(&mut log, |log| log.len() == 1, None).unwrap();
}

/// Turns a shared state for ever.
async fn turn(mut routing: Routing<Log>, shared: WeakShared<Log>) {
    loop {
        routing.ready().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.turn();
    }
}

#[test]
fn two_routers_and_a_task_share_a_local_pool_under_a_flood() {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let mut floods = Vec::new();
    let mut all = Vec::new();
    for _ in 0..2 {
        let (router, routing) = executor::route(small());
        let (sender, receiver) = router.bounded_pipe::<u32>(64).unwrap();
        receiver.on_message(|log: &mut Log, n| log.push(n));
        let sender = sender.start();
        floods.push(thread::spawn(move || while sender.send(0).is_ok() {}));
        let shared = Shared::new(router, Log::new());
        spawner.spawn_local(turn(routing, shared.downgrade())).unwrap();
        all.push((shared, receiver));
    }
    let turns = Rc::new(Cell::new(0));
    let mine = Rc::clone(&turns);
    pool.run_until(async {
        let has_enough = |(shared, _): &(Shared<Log>, _)| shared.with(|log| log.len() > 1000).unwrap();
        while !all.iter().all(has_enough) {
            mine.set(mine.get() + 1);
            yield_now().await;
        }
    });
    // Two messages a turn at the most, and a turn of everybody else between two.
    assert!(turns.get() >= 500, "{} turns", turns.get());
    drop(all);
    floods.into_iter().for_each(|flood| flood.join().unwrap());
}
