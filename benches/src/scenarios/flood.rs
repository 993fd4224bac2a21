//! What is left of a timer when messages come faster than they can be handled.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Figure, Size};
use crate::app::{App, Work};
use crate::peers::{Opened, Peer, Sender, open};

/// As many messages wait at most: the flood never dries up, and the memory lasts.
const WAITING: u64 = 100_000;

/// The lateness and the share of the ticks, each message taking a microsecond.
pub fn ticks<P: Peer>(size: &Size) -> Figure {
    run(open::<P, Work>(1), size.flood, |sender, progress, time| {
        let end = Instant::now() + time;
        let mut sent = 0;
        while Instant::now() < end {
            while sent - progress.load(Ordering::Relaxed) >= WAITING {
                thread::sleep(Duration::from_millis(1));
            }
            sender.send_numbers(sent + 1..=sent + 64);
            sent += 64;
        }
        sent
    })
}

/// The same without a flood: what the host does by itself.
pub fn ticks_in_peace<P: Peer>(size: &Size) -> Figure {
    run(open::<P, Work>(1), size.flood, |sender, _, time| {
        sender.send(Work::Microsecond);
        thread::sleep(time);
        1
    })
}

/// Sends for some time, with an eye on how many messages arrived, and returns how many it sent.
type Send = fn(&dyn Sender<Work>, &AtomicU64, Duration) -> u64;

/// Runs a loop with ticks until a thread has sent everything.
fn run(mut opened: Opened<Work>, time: Duration, send: Send) -> Figure {
    let sender = opened.senders.pop().expect("a pipe was opened");
    let app = App::expecting(u64::MAX).with_ticks();
    let progress = app.progress();
    let worker = thread::spawn(move || {
        let messages = send(&*sender, &progress, time);
        sender.send(Work::Last { messages });
    });
    let app = (opened.run)(app);
    worker.join().expect("the sends succeeded");
    app.time(0);
    let (lateness, share) = app.ticks();
    Figure { value: lateness.as_nanos() as f64, share: Some(share) }
}
