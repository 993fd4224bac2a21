//! What can wake, and what a bad waker does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Wake;
use std::thread;
use std::time::Duration;

use foreground::testing::CountingWaker;
use foreground::{Budget, MessageRouter, Waker};
use log::Level;

use crate::common::logged_by;

/// As an async runtime's wakers are made.
struct Task(CountingWaker);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        Waker::wake(&self.0);
    }
}

fn send_one(router: &MessageRouter<u32>) {
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    receiver.detach();
    sender.start().send(1).unwrap();
}

#[test]
fn closures_shared_and_boxed_wakers_and_task_wakers_wake() {
    let counter = CountingWaker::new();
    let in_closure = counter.clone();
    let shared = Arc::new(counter.clone());
    let routers: [MessageRouter<u32>; 6] = [
        MessageRouter::new(counter.clone()),
        MessageRouter::new(Arc::clone(&shared)),
        MessageRouter::new(move || in_closure.wake()),
        MessageRouter::new(Box::new(Arc::clone(&shared)) as Box<dyn Waker>),
        MessageRouter::new(shared as Arc<dyn Waker>),
        MessageRouter::new(std::task::Waker::from(Arc::new(Task(counter.clone())))),
    ];
    for (routers, router) in (1..).zip(&routers) {
        send_one(router);
        // The pipe's end, too, is in the queue by now, but woke nobody.
        assert_eq!(counter.count(), routers);
    }
}

#[test]
fn a_parked_thread_is_unparked() {
    let router: MessageRouter<u32> = MessageRouter::new(thread::current());
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let worker = thread::spawn(move || sender.start().send(1).unwrap());
    let mut sum = 0;
    while sum == 0 {
        thread::park();
        router.dispatch(&mut sum);
        router.settle();
    }
    worker.join().unwrap();
}

#[test]
fn a_waker_that_panics_is_logged_and_tried_again() {
    let tried = AtomicBool::new(false);
    let calls = CountingWaker::forwarding_to(move || {
        if !tried.swap(true, Ordering::SeqCst) {
            panic!("a bug in the waker");
        }
    });
    let router: MessageRouter<u32> = MessageRouter::new(calls.clone());
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    let log = logged_by(|| sender.send(1).unwrap());
    assert_eq!(log[0].0, Level::Error);
    sender.send(2).unwrap();
    assert_eq!(calls.count(), 2);
    let mut sum = 0;
    router.dispatch(&mut sum);
    assert_eq!(sum, 3);
}

#[test]
fn a_waker_may_use_the_router() {
    // A loop that turns inside the wake itself is unusual, but some hosts' test doubles do.
    let sender: Arc<std::sync::Mutex<Option<foreground::StartedSender<u32>>>> = Arc::default();
    let inside = Arc::clone(&sender);
    let router: MessageRouter<u32> = MessageRouter::new(move || {
        if let Some(sender) = inside.lock().unwrap().take() {
            sender.send(2).unwrap();
        }
    });
    router.start().unwrap();
    let (started, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let started = started.start();
    *sender.lock().unwrap() = Some(started.clone());
    started.send(1).unwrap();
    let mut sum = 0;
    router.dispatch(&mut sum);
    assert_eq!(sum, 3);
}

#[test]
fn the_waker_is_dropped_with_the_last_of_router_and_senders() {
    let token = Arc::new(());
    let held = Arc::clone(&token);
    let router: MessageRouter<u32> = MessageRouter::new(move || {
        let _ = &held;
    });
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    drop((router, receiver));
    assert_eq!(Arc::strong_count(&token), 2);
    drop(sender);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_waker_that_panics_when_the_loop_settles_is_called_by_the_next_send() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let budget = Budget::new(Duration::MAX, 1);
    let router = MessageRouter::<u32>::builder().budget(budget).build(move || {
        // The second call is that of `settle`.
        assert_ne!(count.fetch_add(1, Ordering::SeqCst), 1, "a bug in the waker");
    });
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    (1..=2).for_each(|n| sender.send(n).unwrap());
    let mut sum = 0;
    router.dispatch(&mut sum);
    router.settle();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    sender.send(3).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    while router.dispatch(&mut sum).has_more {}
    assert_eq!(sum, 6);
}
