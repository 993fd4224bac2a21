//! The loop ends in the middle of a flood.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Case, PATIENCE, spin, worker};
use crate::testing::conformance::verdict::figure;
use crate::testing::conformance::{Host, Play};
use crate::{MessageReceiver, MessageRouter, MessageSender, PipeError, StartedSender};

/// What the callbacks have to do for it is more than fits into one dispatch, so the queue is never empty.
const CAPACITY: usize = 1024;
/// So little that most of its senders wait for room at any time, also when the router stops.
const SMALL_CAPACITY: usize = 8;
/// The work of one callback.
const WORK: Duration = Duration::from_micros(10);
/// After so many messages the loop is to end.
const FLOOD: u64 = 20_000;
/// Workers that end when they are asked to, with a pipe each.
const POLITE: usize = 2;

#[derive(Default)]
pub(in crate::testing::conformance) struct Close {
    received: Cell<u64>,
    polite_ends: Cell<usize>,
    /// Asks the polite ones to come to an end.
    stop: Arc<AtomicBool>,
    /// Messages that were dropped and that nobody had received, counted without the router's help.
    lost: Arc<AtomicU64>,
    /// Each returns for how many messages its send said `Ok`.
    workers: RefCell<Vec<JoinHandle<u64>>>,
    /// The same on a pipe of which the newest value counts.
    latest: RefCell<Option<JoinHandle<u64>>>,
    received_latest: Cell<u64>,
}

/// A message that tells when it is lost.
struct Parcel {
    lost: Arc<AtomicU64>,
    is_safe: bool,
}

impl Parcel {
    /// Somebody has received it, or has it back.
    fn accept(mut self) {
        self.is_safe = true;
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        // Relaxed: read after the threads that add to it were joined.
        self.lost.fetch_add(u64::from(!self.is_safe), Relaxed);
    }
}

/// How a worker comes to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Asked,
    NobodyListens,
}

impl Close {
    /// Opens a pipe's both ends: `workers` threads that send until they are asked not to, or until nobody listens.
    fn flood<S: AsMut<Play> + 'static>(
        self: &Rc<Self>,
        state: &mut S,
        (sender, receiver): (MessageSender<Parcel>, MessageReceiver<Parcel, S>),
        workers: usize,
        until: Until,
    ) {
        let close = Rc::clone(self);
        receiver.on_message(move |state: &mut S, parcel: Parcel| close.receive(state.as_mut(), parcel));
        if until == Until::Asked {
            let close = Rc::clone(self);
            receiver.on_end(move |_, _| close.polite_ends.set(close.polite_ends.get() + 1));
        }
        receiver.detach();
        let sender = sender.start();
        for _ in 0..workers {
            let worker = self.worker(state.as_mut(), sender.clone(), until, Duration::ZERO);
            self.workers.borrow_mut().push(worker);
        }
    }

    fn receive(&self, play: &mut Play, parcel: Parcel) {
        parcel.accept();
        self.received.set(self.received.get() + 1);
        if self.received.get() == FLOOD {
            play.end();
        }
        spin(WORK);
    }

    /// Starts a thread that sends; it returns how many messages were taken.
    fn worker(
        &self,
        play: &Play,
        sender: StartedSender<Parcel>,
        until: Until,
        pause: Duration,
    ) -> JoinHandle<u64> {
        let (lost, stop) = (Arc::clone(&self.lost), Arc::clone(&self.stop));
        worker(&play.faults, move |_| {
            let mut taken = 0;
            // Relaxed: nothing but the end depends on it.
            while until == Until::NobodyListens || !stop.load(Relaxed) {
                match sender.send(Parcel { lost: Arc::clone(&lost), is_safe: false }) {
                    Ok(()) => taken += 1,
                    Err(error) => {
                        error.into_inner().accept();
                        break;
                    }
                }
                spin(pause);
            }
            taken
        })
    }

    fn try_begin<S: AsMut<Play> + 'static>(
        self: &Rc<Self>,
        state: &mut S,
        router: &MessageRouter<S>,
    ) -> Result<(), PipeError> {
        for _ in 0..POLITE {
            self.flood(state, router.bounded_pipe(CAPACITY)?, 1, Until::Asked);
        }
        self.flood(state, router.bounded_pipe(SMALL_CAPACITY)?, 3, Until::NobodyListens);

        let (sender, receiver) = router.pipe()?;
        let close = Rc::clone(self);
        receiver.on_message(move |state: &mut S, parcel| close.receive(state.as_mut(), parcel));
        receiver.detach();
        // Throttled, so that memory stays bounded.
        let worker = self.worker(state.as_mut(), sender.start(), Until::NobodyListens, 5 * WORK);
        self.workers.borrow_mut().push(worker);

        let (sender, receiver) = router.latest_pipe()?;
        let close = Rc::clone(self);
        receiver.on_message(move |state: &mut S, parcel| {
            close.received_latest.set(close.received_latest.get() + 1);
            close.receive(state.as_mut(), parcel);
        });
        receiver.detach();
        let worker = self.worker(state.as_mut(), sender.start(), Until::NobodyListens, Duration::ZERO);
        self.latest.replace(Some(worker));
        Ok(())
    }
}

impl Case for Close {
    const NAME: &'static str = "closing_in_mid_flood_is_clean";

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        if let Err(error) = self.try_begin(state, router) {
            state.as_mut().faults.add(error);
        }
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        let faults = state.as_mut().faults.clone();
        let in_loop = self.received.get();
        self.stop.store(true, Relaxed);
        let drained = router.route_until(state, |_| self.polite_ends.get() == POLITE, PATIENCE);
        faults.check(drained.is_ok(), format_args!("route_until after the loop: {drained:?}"));
        faults.check(router.stop().is_ok(), "the router was stopped already");
        let taken: u64 = self.workers.borrow_mut().drain(..).filter_map(|worker| worker.join().ok()).sum();
        let taken_latest = self.latest.take().and_then(|worker| worker.join().ok()).unwrap_or_default();
        let taken = taken + taken_latest;
        let (received, lost, stats) = (self.received.get(), self.lost.load(Relaxed), router.stats());
        figure("received in the loop, and after it", format_args!("{in_loop}, {}", received - in_loop));
        faults.check(
            received + lost == taken && stats.sent == taken,
            format_args!(
                "{taken} sends succeeded (the router says {}), {received} messages were received, {lost} dropped",
                stats.sent,
            ),
        );
        faults.check(
            stats.delivered == received && stats.discarded == lost && stats.queued == 0,
            format_args!("{stats:?}, where {received} were received and {lost} dropped"),
        );
        let (replaced, outdated) = (stats.replaced, taken_latest.saturating_sub(self.received_latest.get()));
        faults.check(
            // The last value may have been discarded by the stop instead.
            replaced == outdated || replaced + 1 == outdated,
            format_args!("{replaced} values were replaced, of {outdated} that did not arrive"),
        );
    }
}
