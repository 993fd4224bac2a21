//! The user closes the window in the middle of a flood: what was asked for is drained, the workers are
//! told, every message is accounted for, and the process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use foreground::{MessageReceiver, MessageSender, SendError};

use crate::support::child::{Child, report, worker};
use crate::support::display::VirtualDisplay;
use crate::support::stage::{App, Event, Host, Integration, Scenario, TITLE, spin};

/// What the callbacks have to do for it is more than fits into one dispatch, so the queue is never empty.
const CAPACITY: usize = 1024;
/// So little that most of its senders wait for room at any time, also when the router stops.
const SMALL_CAPACITY: usize = 8;
/// The work of one callback.
const WORK: Duration = Duration::from_micros(10);
/// How many messages make a flood.
const FLOOD: u64 = 20_000;

#[derive(Default)]
struct Close {
    received: u64,
    received_latest: u64,
    received_after_exit: u64,
    has_exited: bool,
    polite_ends: usize,
    /// Asks some of the workers to come to an end.
    stop: Arc<AtomicBool>,
    /// Messages that were dropped and that nobody had received, counted without the router's help.
    lost: Arc<AtomicU64>,
    /// Each returns for how many messages its send said `Ok`.
    workers: Vec<JoinHandle<u64>>,
    latest: Option<JoinHandle<u64>>,
}

/// A message that tells when it is lost.
struct Parcel {
    lost: Arc<AtomicU64>,
    is_safe: bool,
}

impl Parcel {
    fn new(lost: &Arc<AtomicU64>) -> Self {
        Self { lost: Arc::clone(lost), is_safe: false }
    }

    /// Somebody has received it, or has it back.
    fn accept(mut self) {
        self.is_safe = true;
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        // Relaxed: read after the threads that add to it were joined.
        self.lost.fetch_add(u64::from(!self.is_safe), Ordering::Relaxed);
    }
}

/// How a worker comes to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Asked,
    NobodyListens,
}

impl Scenario for Close {
    fn begin(app: &mut App<Self>) {
        for _ in 0..2 {
            let (sender, receiver) = app.router.bounded_pipe(CAPACITY).unwrap();
            receiver.on_end(|app: &mut App<Self>, _| app.play.polite_ends += 1);
            app.flood((sender, receiver), 1, Until::Asked, Box::new, |parcel| *parcel);
        }
        let small = app.router.bounded_pipe(SMALL_CAPACITY).unwrap();
        app.flood(small, 3, Until::NobodyListens, |parcel| parcel, |parcel| parcel);
        let unbounded = app.router.pipe().unwrap();
        // Throttled, so that memory stays bounded.
        let wrap = |parcel| {
            spin(5 * WORK);
            (parcel, 0_u64)
        };
        app.flood(unbounded, 1, Until::NobodyListens, wrap, |(parcel, _)| parcel);

        let (sender, receiver) = app.router.latest_pipe::<Parcel>().unwrap();
        receiver.on_message(|app: &mut App<Self>, parcel| {
            app.play.received_latest += 1;
            app.receive(parcel);
        });
        receiver.detach();
        let (sender, lost) = (sender.start(), Arc::clone(&app.play.lost));
        let send_all = move || send(Until::NobodyListens, None, || sender.send(Parcel::new(&lost)));
        app.play.latest = Some(worker(send_all));
    }

    fn on(app: &mut App<Self>, event: Event) {
        if event == Event::CloseRequested {
            report("queued_at_close", app.router.stats().queued);
            app.leaving = true;
        }
    }
}

impl App<Close> {
    /// Opens a pipe's both ends: `workers` threads that send what `wrap` makes, and a callback.
    fn flood<T: Send + 'static>(
        &mut self,
        (sender, receiver): (MessageSender<T>, MessageReceiver<T, Self>),
        workers: usize,
        until: Until,
        wrap: impl Fn(Parcel) -> T + Copy + Send + 'static,
        unwrap: impl Fn(T) -> Parcel + Copy + Send + 'static,
    ) {
        receiver.on_message(move |app: &mut Self, message| app.receive(unwrap(message)));
        receiver.detach();
        let sender = sender.start();
        for _ in 0..workers {
            let (sender, lost) = (sender.clone(), Arc::clone(&self.play.lost));
            let stop = Arc::clone(&self.play.stop);
            let send_one = move || {
                sender.send(wrap(Parcel::new(&lost))).map_err(|error| match error {
                    SendError::Closed(message) => SendError::Closed(unwrap(message)),
                    other => panic!("a worker is told that the pipe is closed, not {other}"),
                })
            };
            self.play.workers.push(worker(move || send(until, Some(&*stop), send_one)));
        }
    }

    fn receive(&mut self, parcel: Parcel) {
        parcel.accept();
        self.play.received += 1;
        self.play.received_after_exit += u64::from(self.play.has_exited);
        if self.play.received == FLOOD {
            report("flood", "is on");
        }
        spin(WORK);
    }
}

/// Sends for as long as that is wanted; returns how many messages were taken.
fn send(
    until: Until,
    stop: Option<&AtomicBool>,
    send_one: impl Fn() -> Result<(), SendError<Parcel>>,
) -> u64 {
    let mut taken = 0;
    while until == Until::NobodyListens || !stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
        match send_one() {
            Ok(()) => taken += 1,
            Err(error) => {
                error.into_inner().accept();
                break;
            }
        }
    }
    taken
}

pub fn child<H: Host>(integration: Integration) {
    let (router, mut app) = H::play(integration, Close::default());
    app.play.has_exited = true;
    app.play.stop.store(true, Ordering::Relaxed);
    let drained = router.route_until(&mut app, |app| app.play.polite_ends == 2, Duration::from_secs(20));
    report("drained", drained.is_ok());
    report("received_after_exit", app.play.received_after_exit);
    router.stop().unwrap();
    let taken: u64 = app.play.workers.drain(..).map(|worker| worker.join().unwrap()).sum();
    let taken_latest = app.play.latest.take().unwrap().join().unwrap();
    let stats = router.stats();
    report("taken", taken + taken_latest);
    report("received", app.play.received);
    report("lost", app.play.lost.load(Ordering::Relaxed));
    report("sent", stats.sent);
    report("delivered", stats.delivered);
    report("discarded", stats.discarded);
    report("queued", stats.queued);
    report("replaced", stats.replaced);
    report("outdated", taken_latest - app.play.received_latest);
}

pub fn parent(display: &VirtualDisplay, child: &mut Child) {
    let window = display.find_window(TITLE);
    child.wait_for("flood");
    display.close(window);
    let queued_at_close: u64 = child.wait_for_value("queued_at_close");
    assert_eq!(child.wait_for("drained"), "true");
    let mut value = |key: &str| child.wait_for_value::<u64>(key);
    let after_exit = value("received_after_exit");
    let (taken, received, lost) = (value("taken"), value("received"), value("lost"));
    let (sent, delivered, discarded) = (value("sent"), value("delivered"), value("discarded"));
    let (queued, replaced, outdated) = (value("queued"), value("replaced"), value("outdated"));
    eprintln!(
        "{queued_at_close} queued when the window closed; {sent} sent, {delivered} delivered, \
         {after_exit} of them after the loop, {discarded} discarded"
    );
    assert!(queued_at_close > 0, "the window was closed in mid-flood");
    assert!(after_exit > 0, "something was left to drain");
    assert_eq!(received + lost, taken, "every message arrived or was dropped");
    assert_eq!(sent, taken, "what send said Ok to");
    assert_eq!(delivered, received, "what callbacks received");
    assert_eq!(discarded, lost, "what was dropped");
    assert_eq!(queued, 0, "nothing waits in a stopped router");
    // The last value may have been discarded by the stop instead.
    assert!(replaced == outdated || replaced + 1 == outdated, "{replaced} replaced, {outdated} outdated");
}
