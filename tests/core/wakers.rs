//! What can wake, and what a bad waker does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::thread;

use foreground::{MessageRouter, Waker};
use log::Level;

use crate::common::logged_by;

struct Counter(AtomicUsize);

impl Waker for Counter {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
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
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let in_closure = Arc::clone(&counter);
    let routers: [MessageRouter<u32>; 5] = [
        MessageRouter::new(Arc::clone(&counter)),
        MessageRouter::new(move || Waker::wake(&*in_closure)),
        MessageRouter::new(Box::new(Arc::clone(&counter)) as Box<dyn Waker>),
        MessageRouter::new(Arc::clone(&counter) as Arc<dyn Waker>),
        MessageRouter::new(std::task::Waker::from(Arc::clone(&counter))),
    ];
    for (i, router) in routers.iter().enumerate() {
        send_one(router);
        // The pipe's end, too, is in the queue by now, but woke nobody.
        assert_eq!(counter.0.load(Ordering::SeqCst), i + 1);
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
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let router: MessageRouter<u32> = MessageRouter::new(move || {
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            panic!("a bug in the waker");
        }
    });
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    let log = logged_by(|| sender.send(1).unwrap());
    assert_eq!(log[0].0, Level::Error);
    sender.send(2).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
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
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let router: MessageRouter<u32> = MessageRouter::new(Arc::clone(&counter));
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    drop((router, receiver));
    drop(sender);
    assert_eq!(Arc::strong_count(&counter), 1);
}
