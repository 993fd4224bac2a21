//! How long a message takes to a loop that sleeps.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::{Figure, Size};
use crate::app::{App, Message, Stamp};
use crate::peers::{Opened, Peer, open};

/// How long the loop is given to fall asleep.
pub const REST: Duration = Duration::from_micros(200);

/// The median time from just before the send to the callback.
pub fn median<P: Peer>(size: &Size) -> Figure {
    let (app, ()) = ping::<P, _>(size.pings, |pings| pings.for_each(drop));
    Figure { value: app.median_latency().as_nanos() as f64, share: None }
}

/// Sends one message after the other, each to a sleeping loop, from a thread that does `work` with the
/// iterator that sends them.
pub fn ping<P: Peer, R: Send + 'static>(pings: u64, work: Work<R>) -> (App, R) {
    run_pings(open::<P, Stamp>(1), pings, work)
}

/// What is done with the iterator that sends the messages.
type Work<R> = fn(&mut dyn Iterator<Item = ()>) -> R;

fn run_pings<R: Send + 'static>(mut opened: Opened<Stamp>, pings: u64, work: Work<R>) -> (App, R) {
    let sender = opened.senders.pop().expect("a pipe was opened");
    let app = App::expecting(pings);
    let progress = app.progress();
    let worker = thread::spawn(move || {
        work(&mut (0..pings).map(|n| {
            while progress.load(Ordering::Acquire) < n {
                thread::sleep(REST / 8);
            }
            thread::sleep(REST);
            sender.send(Stamp::numbered(n));
        }))
    });
    let app = (opened.run)(app);
    (app, worker.join().expect("the sends succeeded"))
}
