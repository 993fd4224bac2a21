//! Messages that come to the foreground by a router.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use foreground::pubsub::GetError;
use foreground::{MessageRouter, PipeError};
use serde_json::{Value, json};

use crate::common::{PATIENCE, meet, publisher};

type Seen = Vec<(String, Value)>;

fn router<S>() -> MessageRouter<S> {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    router
}

#[test]
fn a_callback_gets_the_channel_and_the_message_in_order() {
    let (publisher, bus) = publisher();
    let router = router();
    let subscriber = bus.subscriber(["a", "b"]).unwrap();
    meet(&publisher, "b", &subscriber);
    let _serving = subscriber
        .deliver_to(&router, |seen: &mut Seen, channel, message| seen.push((channel.to_owned(), message)))
        .unwrap();
    for n in 0..100 {
        publisher.put(["a", "b"], &n).unwrap();
    }
    let mut seen = Seen::new();
    router.route_until(&mut seen, |seen| seen.len() == 200, PATIENCE).unwrap();
    let expected: Seen = (0..100).flat_map(|n| [("a".into(), json!(n)), ("b".into(), json!(n))]).collect();
    assert_eq!(seen, expected);
}

#[test]
fn what_waited_before_is_delivered_first() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    publisher.put("a", &1).unwrap();
    publisher.put("a", &2).unwrap();
    assert_eq!(subscriber.get_timeout::<u32>(PATIENCE).unwrap().unwrap().1, 1);
    let router = router();
    let serving = subscriber.deliver_to(&router, |seen: &mut Vec<u32>, _, n| seen.push(n)).unwrap();
    publisher.put("a", &3).unwrap();
    let mut seen = Vec::new();
    router.route_until(&mut seen, |seen| seen.len() == 2, PATIENCE).unwrap();
    assert_eq!(seen, [2, 3]);
    serving.stop();
}

#[test]
fn what_cannot_be_decoded_is_counted_and_skipped_or_told() {
    let (publisher, bus) = publisher();
    let router = router();
    let quiet = bus.subscriber("a").unwrap();
    let told = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &quiet);
    meet(&publisher, "a", &told);
    while quiet.get_timeout::<String>(std::time::Duration::from_millis(100)).unwrap().is_some() {}
    let watch = quiet.clone();
    let _quiet = quiet.deliver_to(&router, |seen: &mut (Vec<u32>, Vec<bool>), _, n| seen.0.push(n)).unwrap();
    let _told = told
        .deliver_all_to(
            &router,
            |seen: &mut (Vec<u32>, Vec<bool>), received: Result<(&str, u32), GetError>| {
                seen.1.push(received.is_ok());
            },
        )
        .unwrap();
    publisher.put("a", &1).unwrap();
    publisher.put("a", "two").unwrap();
    publisher.put("a", &3).unwrap();
    let mut seen = Default::default();
    router.route_until(&mut seen, |seen| seen.0.len() == 2 && seen.1.len() == 3, PATIENCE).unwrap();
    assert_eq!(seen, (vec![1, 3], vec![true, false, true]));
    assert_eq!(watch.undecoded(), 1);
}

#[test]
fn the_subscriber_lives_as_long_as_the_serving_and_ends_with_a_word() {
    let (publisher, bus) = publisher();
    let router = router();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let handle = subscriber.clone();
    let held = Rc::new(());
    let inner = held.clone();
    let serving = subscriber
        .deliver_to(&router, move |_: &mut bool, _, _: Value| {
            let _ = &inner;
        })
        .unwrap();
    serving.on_end(|ended| *ended = true);
    handle.close();
    let mut ended = false;
    router.route_until(&mut ended, |ended| *ended, PATIENCE).unwrap();
    drop(serving);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn a_callback_may_publish_subscribe_and_stop_its_serving() {
    struct App {
        serving: Option<foreground::pubsub::Serving<App>>,
        seen: Vec<u32>,
    }
    let (publisher, bus) = publisher();
    let router = router();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let (echo, router_2) = (publisher.clone(), router.clone());
    let subscribed = Rc::new(Cell::new(false));
    let flag = subscribed.clone();
    let serving = subscriber
        .deliver_to(&router, move |app: &mut App, _, n: u32| {
            app.seen.push(n);
            if n < 3 {
                echo.put("a", &(n + 1)).unwrap();
                return;
            }
            app.serving = None;
            let another = bus.subscriber("b").unwrap();
            app.serving =
                Some(another.deliver_to(&router_2, |app: &mut App, _, n| app.seen.push(n)).unwrap());
            flag.set(true);
        })
        .unwrap();
    let mut app = App { serving: Some(serving), seen: Vec::new() };
    publisher.put("a", &0).unwrap();
    router.route_until(&mut app, |_| subscribed.get(), PATIENCE).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while app.seen.last() != Some(&9) && std::time::Instant::now() < deadline {
        publisher.put("b", &9).unwrap();
        let _ = router.route_until(
            &mut app,
            |app| app.seen.last() == Some(&9),
            std::time::Duration::from_millis(10),
        );
    }
    assert_eq!(app.seen[..5], [0, 1, 2, 3, 9]);
}

#[test]
fn a_router_that_does_not_run_is_an_error() {
    let (_publisher, bus) = publisher();
    let router: MessageRouter = MessageRouter::new(|| {});
    let error = bus.subscriber("a").unwrap().deliver_to(&router, |_, _, _: Value| {}).unwrap_err();
    assert_eq!(error, PipeError::NotRunning);
}

#[test]
fn a_message_that_was_not_delivered_when_the_serving_stopped_waits_for_threads() {
    let (publisher, bus) = publisher();
    let router: MessageRouter = router();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let handle = subscriber.clone();
    drop(subscriber.deliver_to(&router, |(), _, _: Value| {}).unwrap());
    publisher.put("a", &5).unwrap();
    assert_eq!(handle.get_timeout::<u32>(PATIENCE).unwrap().unwrap().1, 5);
}

#[test]
fn a_waker_that_panics_costs_nobody_anything() {
    let (publisher, bus) = publisher();
    let panics = Arc::new(AtomicBool::new(true));
    let waker = panics.clone();
    let router: MessageRouter<Vec<Value>> = MessageRouter::new(move || {
        assert!(!waker.swap(false, Ordering::Relaxed), "as it should");
    });
    router.start().unwrap();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let _serving = subscriber.deliver_to(&router, |app: &mut Vec<_>, _, message| app.push(message)).unwrap();
    let mut app = Vec::new();
    router.dispatch(&mut app);
    router.settle();
    publisher.put("a", &0).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while panics.load(Ordering::Relaxed) {
        assert!(Instant::now() < deadline, "nothing wakes");
        thread::sleep(Duration::from_millis(1));
    }
    publisher.put("a", &1).unwrap();
    router.route_until(&mut app, |app| app.len() == 2, PATIENCE).unwrap();
    assert_eq!(app, [0, 1]);
}
