//! Requests and publications over 0MQ, by TCP on this machine. The yardstick is the crate that speaks 0MQ, used by hand.

use std::thread;
use std::time::{Duration, Instant};

use foreground::MessageRouter;
use foreground::pubsub::Bus;
use foreground::transport::{ClientTransport, ServerTransport, zmq};
use omq_tokio::{Context, Message, Options, SocketType};

use super::{Figure, Size};

/// Requests that are answered before the clock starts.
const WARM_UP: u64 = 500;

/// What is asked and answered.
const REQUEST: &[u8] = br#"{"jsonrpc": "2.0", "method": "add", "params": [1, 2], "id": 1}"#;

/// How many subscribe to what is published.
const SUBSCRIBERS: usize = 4;

/// What is published is so long, with the channel and the quotes of JSON.
const PUBLICATION: usize = 100;

const CHANNEL: &str = "prices";

fn time_of_calls(size: &Size, mut call: impl FnMut()) -> Figure {
    let trips = size.calls / 10;
    (0..WARM_UP).for_each(|_| call());
    let start = Instant::now();
    (0..trips).for_each(|_| call());
    Figure::time_of_each(start.elapsed(), trips)
}

/// The time from a request to its reply, one after the other.
pub fn round_trip(size: &Size) -> Figure {
    let server = zmq::Server::bind("tcp://127.0.0.1:0").expect("a free port");
    let client = zmq::Client::connect(server.endpoint()).expect("an address");
    let serving = {
        let server = server.clone();
        thread::spawn(move || {
            while let Ok((context, message)) = server.receive_message() {
                context.reply(message).expect("the client is there");
            }
        })
    };
    let figure = time_of_calls(size, || {
        let reply = client.send_message(REQUEST.to_vec(), true).expect("a reply");
        assert_eq!(reply.as_deref(), Some(REQUEST));
    });
    server.close();
    serving.join().expect("the server ends");
    figure
}

/// The same sockets: ROUTER and REQ, blocking, each with its thread.
pub fn round_trip_by_hand(size: &Size) -> Figure {
    let context = Context::new();
    let server = context.blocking_socket(SocketType::Router, Options::new());
    let endpoint = server.bind("tcp://127.0.0.1:0").expect("a free port");
    let client = context.blocking_socket(SocketType::Req, Options::new());
    client.connect(endpoint).expect("an address");
    let serving = thread::spawn(move || {
        loop {
            let message = server.recv().expect("a message");
            if message.last_payload().is_none_or(|body| body.is_empty()) {
                return;
            }
            server.send(message).expect("the client is there");
        }
    });
    let figure = time_of_calls(size, || {
        client.send(Message::single(REQUEST)).expect("the server is there");
        assert_eq!(client.recv().expect("a reply").get(0), Some(REQUEST));
    });
    client.send(Message::single("")).expect("the server is there");
    serving.join().expect("the server ends");
    figure
}

fn publications(size: &Size) -> u64 {
    size.messages / 10
}

/// What each subscriber counts.
#[derive(Default)]
struct Counts {
    received: [u64; SUBSCRIBERS],
    first: Option<Instant>,
}

impl Counts {
    fn have_all(&self, count: u64) -> bool {
        self.received.iter().all(|received| *received >= count)
    }
}

/// The time that each of many publications takes to all of several subscribers, delivered into a running router.
pub fn fan_out(size: &Size) -> Figure {
    let count = publications(size);
    let high_water_mark = u32::try_from(count).expect("it is small") + 1000;
    let bus = Bus::new("tcp://127.0.0.1:0").expect("an address").high_water_mark(high_water_mark);
    let publisher = bus.start_delay(Duration::ZERO).publisher().expect("a free port");
    let bus = Bus::new(publisher.address()).expect("an address").high_water_mark(high_water_mark);

    let main = thread::current();
    let router: MessageRouter<Counts> = MessageRouter::new(move || main.unpark());
    router.start().expect("it does not run yet");
    for number in 0..SUBSCRIBERS {
        bus.subscriber(CHANNEL)
            .expect("an address")
            .deliver_to(&router, move |counts: &mut Counts, _, _: String| {
                counts.first.get_or_insert_with(Instant::now);
                counts.received[number] += 1;
            })
            .expect("the router runs")
            .detach();
    }
    let text = "x".repeat(PUBLICATION - CHANNEL.len() - 3);
    let mut counts = Counts::default();
    // Until all are there.
    while !counts.have_all(1) {
        publisher.put(CHANNEL, &text).expect("it is taken");
        let end = Instant::now() + Duration::from_millis(5);
        while Instant::now() < end {
            turn(&router, &mut counts);
        }
    }
    counts = Counts::default();
    let publishing = thread::spawn(move || {
        let start = Instant::now();
        (0..count).for_each(|_| publisher.put(CHANNEL, &text).expect("it is taken"));
        (publisher, start)
    });
    while !counts.have_all(count) {
        turn(&router, &mut counts);
    }
    let end = Instant::now();
    let (publisher, start) = publishing.join().expect("all are published");
    assert_eq!((counts.received, publisher.dropped()), ([count; SUBSCRIBERS], 0));
    router.stop().expect("it runs");
    Figure::time_of_each(end - start, count)
}

/// What an event loop does, in a thread that has nothing else to do.
fn turn(router: &MessageRouter<Counts>, counts: &mut Counts) {
    router.dispatch(counts);
    router.settle();
    if router.stats().queued == 0 {
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// The same with blocking sockets, and a thread for each subscriber.
pub fn fan_out_by_hand(size: &Size) -> Figure {
    let count = publications(size);
    let high_water_mark = u32::try_from(count).expect("it is small") + 1000;
    let options = || Options::new().send_hwm(high_water_mark).recv_hwm(high_water_mark);
    let context = Context::new();
    let publisher = context.blocking_socket(SocketType::Pub, options());
    let endpoint = publisher.bind("tcp://127.0.0.1:0").expect("a free port");
    let subscribers: Vec<_> = (0..SUBSCRIBERS)
        .map(|_| {
            let subscriber = context.blocking_socket(SocketType::Sub, options());
            subscriber.subscribe(CHANNEL).expect("it is open");
            subscriber.connect(endpoint.clone()).expect("an address");
            thread::spawn(move || {
                for _ in 0..count {
                    assert_eq!(subscriber.recv().expect("a message").byte_len(), PUBLICATION);
                }
            })
        })
        .collect();
    publisher.wait_subscribed(SUBSCRIBERS as u64, Duration::from_secs(10)).expect("they are there");
    let text = format!("{CHANNEL} \"{}\"", "x".repeat(PUBLICATION - CHANNEL.len() - 3));
    let start = Instant::now();
    (0..count).for_each(|_| publisher.send(Message::from_slice(text.as_bytes())).expect("it is open"));
    subscribers.into_iter().for_each(|subscriber| subscriber.join().expect("it gets all"));
    Figure::time_of_each(start.elapsed(), count)
}
