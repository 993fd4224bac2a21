//! What is left of a timer when messages come faster than they can be handled.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Figure, Size};
use crate::app::{App, Work};
use crate::peers::{Loop, Peer, Sender};

/// As many messages wait at most: the flood never dries up, and the memory lasts.
const WAITING: u64 = 100_000;

/// The lateness and the share of the ticks, each message taking a microsecond.
pub fn ticks<P: Peer>(size: &Size) -> Figure {
    let time = size.flood;
    run::<P>(move |sender, progress| {
        let end = Instant::now() + time;
        let mut sent = 0;
        while Instant::now() < end {
            while sent - progress.load(Ordering::Relaxed) >= WAITING {
                thread::sleep(Duration::from_millis(1));
            }
            (0..64).for_each(|_| sender.send(Work::Microsecond));
            sent += 64;
        }
        sent
    })
}

/// The same without a flood: what the host does by itself.
pub fn ticks_in_peace<P: Peer>(size: &Size) -> Figure {
    let time = size.flood;
    run::<P>(move |sender, _| {
        sender.send(Work::Microsecond);
        thread::sleep(time);
        1
    })
}

/// Runs a loop with ticks until the worker, which returns how many messages it sent, is done.
fn run<P: Peer>(work: impl FnOnce(&dyn Sender<Work>, &AtomicU64) -> u64 + Send + 'static) -> Figure {
    let (mut peer, mut senders) = P::Loop::<Work>::open(1);
    let sender = senders.pop().expect("a pipe was opened");
    let app = App::expecting(u64::MAX).with_ticks();
    let progress = app.progress();
    let worker = thread::spawn(move || {
        let messages = work(&sender, &progress);
        sender.send(Work::Last { messages });
    });
    let app = peer.run(app);
    worker.join().expect("the sends succeeded");
    app.time(0);
    let (lateness, share) = app.ticks();
    Figure { value: lateness.as_nanos() as f64, share: Some(share) }
}
