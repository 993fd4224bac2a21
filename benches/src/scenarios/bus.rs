//! Requests between two threads.

use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use foreground::bus;

use super::{Figure, Size};

/// Requests that are sent before the clock starts.
const WARM_UP: u64 = 1_000;

/// The time from a request to its response, one after the other.
pub fn round_trip(size: &Size) -> Figure {
    let (client, server) = bus::local::<u64, u64>();
    let server = thread::spawn(move || {
        while let Ok((transaction, number)) = server.recv_request() {
            transaction.send_response(number + 1).expect("the client waits");
        }
    });
    let figure = time_of_calls(size, |number| {
        let pending = client.send_request(number).expect("the server is there");
        pending.recv_response().expect("the server answers")
    });
    drop(client);
    server.join().expect("the server ends");
    figure
}

/// What it is compared with: a channel there and a channel back, of the kind that is the faster one just now.
pub fn two_channels(size: &Size) -> Figure {
    let figures = [over(size, bounded(1), bounded(1)), over(size, unbounded(), unbounded())];
    figures.into_iter().min_by(|one, other| one.value.total_cmp(&other.value)).expect("there are two")
}

type Ends = (Sender<u64>, Receiver<u64>);

fn over(size: &Size, (send, requests): Ends, (respond, responses): Ends) -> Figure {
    let server = thread::spawn(move || {
        requests.iter().for_each(|number| respond.send(number + 1).expect("the client waits"));
    });
    let figure = time_of_calls(size, |number| {
        send.send(number).expect("the server is there");
        responses.recv().expect("the server answers")
    });
    drop(send);
    server.join().expect("the server ends");
    figure
}

fn time_of_calls(size: &Size, call: impl Fn(u64) -> u64) -> Figure {
    let calls = |count| (0..count).for_each(|number| assert_eq!(call(number), number + 1));
    calls(WARM_UP);
    let start = Instant::now();
    calls(size.calls);
    Figure::time_of_each(start.elapsed(), size.calls)
}
