//! The subscriptions of iced 0.14: which are the same, and what becomes of wakes when they come and go. iced's own
//! runtime runs them; the test is the application, and needs no window.

use foreground::event_loop::iced_014::{self, Wakes, Wakeup};
use foreground::{MessageRouter, StartedSender};
use iced::Subscription;
use iced::futures::channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use iced::futures::executor::{ThreadPool, block_on};
use iced::futures::{FutureExt, StreamExt};
use iced_futures::Runtime;
use iced_futures::subscription::into_recipes;

/// What iced is for a subscription.
struct Iced {
    runtime: Runtime<ThreadPool, UnboundedSender<&'static str>, &'static str>,
    messages: UnboundedReceiver<&'static str>,
}

impl Iced {
    fn new() -> Self {
        let (sender, messages) = mpsc::unbounded();
        let executor = ThreadPool::new().expect("threads can be made");
        Self { runtime: Runtime::new(executor, sender), messages }
    }

    /// What the application's `subscription` returns, after each update.
    fn track(&mut self, subscriptions: impl IntoIterator<Item = Subscription<&'static str>>) {
        self.runtime.track(into_recipes(Subscription::batch(subscriptions)));
    }

    fn next(&mut self) -> &'static str {
        block_on(self.messages.next()).expect("the runtime is there")
    }

    fn has_message(&mut self) -> bool {
        self.messages.next().now_or_never().is_some()
    }
}

fn app() -> (MessageRouter<Vec<u32>>, Wakes, StartedSender<u32>) {
    let (router, wakes) = iced_014::route(MessageRouter::builder());
    let (sender, receiver) = router.pipe().unwrap();
    receiver.on_message(|received: &mut Vec<u32>, number| received.push(number));
    receiver.detach();
    (router, wakes, sender.start())
}

fn first(wakes: &Wakes) -> Subscription<&'static str> {
    wakes.subscription().map(|Wakeup| "first")
}

fn second(wakes: &Wakes) -> Subscription<&'static str> {
    wakes.subscription().map(|Wakeup| "second")
}

/// As in the application's `update`.
fn update(router: &MessageRouter<Vec<u32>>) -> Vec<u32> {
    let mut received = Vec::new();
    router.dispatch(&mut received);
    router.settle();
    received
}

#[test]
fn one_wake_up_is_under_way_however_much_is_sent() {
    let (mut iced, (router, wakes, sender)) = (Iced::new(), app());
    iced.track([first(&wakes)]);
    (0..100).for_each(|number| sender.send(number).unwrap());
    assert_eq!(iced.next(), "first");
    sender.send(100).unwrap();
    assert_eq!(update(&router), Vec::from_iter(0..=100));
    iced.track([first(&wakes)]);
    assert_eq!(router.stats().wakes, 1);
    assert!(!iced.has_message());
    sender.send(101).unwrap();
    assert_eq!(iced.next(), "first");
    assert_eq!(update(&router), [101]);
}

#[test]
fn several_routers_have_each_a_subscription() {
    let (mut iced, (router, wakes, sender)) = (Iced::new(), app());
    let (other_router, other_wakes, other_sender) = app();
    for number in 0..50 {
        iced.track([first(&wakes), second(&other_wakes)]);
        sender.send(number).unwrap();
        assert_eq!(iced.next(), "first");
        assert_eq!(update(&router), [number]);
        other_sender.send(number).unwrap();
        assert_eq!(iced.next(), "second");
        assert_eq!(update(&other_router), [number]);
    }
}

#[test]
fn a_wake_waits_for_the_subscription_that_comes_back() {
    let (mut iced, (router, wakes, sender)) = (Iced::new(), app());
    for number in 0..200 {
        iced.track([first(&wakes)]);
        // It may have been taken by the subscription that goes; then the message is on its way.
        sender.send(number).unwrap();
        iced.track([]);
        iced.track([first(&wakes)]);
        assert_eq!(iced.next(), "first");
        assert_eq!(update(&router), [number]);
        iced.track([]);
        sender.send(number).unwrap();
        iced.track([first(&wakes)]);
        assert_eq!(iced.next(), "first");
        assert_eq!(update(&router), [number]);
    }
}

#[test]
fn a_subscription_with_another_message_takes_over() {
    let (mut iced, (router, wakes, sender)) = (Iced::new(), app());
    for number in 0..200 {
        iced.track([first(&wakes)]);
        iced.track([second(&wakes)]);
        sender.send(number).unwrap();
        // The first may still have taken it.
        assert!(["first", "second"].contains(&iced.next()));
        assert_eq!(update(&router), [number]);
    }
}

#[test]
fn a_wake_after_the_end_is_harmless() {
    let (mut iced, (router, wakes, sender)) = (Iced::new(), app());
    iced.track([first(&wakes)]);
    drop(iced);
    sender.send(1).unwrap();
    assert_eq!(update(&router), [1]);
    drop((router, wakes));
    assert!(sender.send(2).is_err());
}
