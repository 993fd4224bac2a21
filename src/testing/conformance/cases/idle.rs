//! A message wakes a loop that sleeps, and nothing else does.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Case, PATIENCE, all_delivered, worker};
use crate::testing::conformance::signal::Signal;
use crate::testing::conformance::verdict::figure;
use crate::testing::conformance::{Host, Play};
use crate::{MessageRouter, RouterStats};

/// For how long the loop is given nothing to do in the end.
const REST: Duration = Duration::from_millis(500);
/// Turns that a loop may take while nothing happens: some toolkits draw once more, or settle.
const TURNS_AT_REST: u64 = 5;

/// Nine of ten messages may take longer on a machine that has others to serve. One that is found by a poll takes about as long
/// as the pause between two polls.
const QUICK: Duration = Duration::from_millis(50);

/// One message at a time.
#[derive(Default)]
struct Pings {
    latencies: RefCell<Vec<Duration>>,
    /// What the router had done when the last message came.
    at_last: Cell<Option<RouterStats>>,
    at_end: Cell<Option<RouterStats>>,
}

impl Pings {
    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, count: u64, state: &mut S, router: &MessageRouter<S>) {
        let Ok((sender, receiver)) = router.pipe::<Instant>() else {
            return state.as_mut().faults.add("a running router opens pipes");
        };
        let arrived = Arc::new(Signal::default());
        let (pings, seen, here) = (Rc::clone(&self), Arc::clone(&arrived), router.clone());
        receiver.on_message(move |_: &mut S, sent: Instant| {
            pings.latencies.borrow_mut().push(sent.elapsed());
            pings.at_last.set(Some(here.stats()));
            seen.raise();
        });
        let here = router.clone();
        receiver.on_end(move |state, _| {
            self.at_end.set(Some(here.stats()));
            state.as_mut().end();
        });
        receiver.detach();
        worker(&state.as_mut().faults, move |faults| {
            let sender = sender.start();
            for n in 1..=count {
                // Time to fall asleep. A loop that has not by then is only tested less hard.
                thread::sleep(Duration::from_micros(2000 + 137 * (n % 20)));
                let sent = sender.send(Instant::now()).is_ok();
                faults.check(sent, "a send failed although nobody closed the pipe");
                if !arrived.wait_for(n, PATIENCE) {
                    return faults.add(format_args!("message {n} did not arrive: the loop was not woken"));
                }
            }
            thread::sleep(REST);
        });
    }

    fn judge<H: Host>(
        &self,
        count: u64,
        quick: Duration,
        state: &mut H::State,
        router: &MessageRouter<H::State>,
    ) {
        let faults = &state.as_mut().faults;
        all_delivered(faults, router);
        let mut latencies = self.latencies.borrow_mut();
        latencies.sort_unstable();
        let at = |part: usize| latencies.get(latencies.len() * part / 100).copied().unwrap_or_default();
        figure("latency, median", format_args!("{:?}", at(50)));
        figure("latency, 99 of 100", format_args!("{:?}", at(99)));
        faults.check(
            at(10) <= quick,
            format_args!(
                "nine of ten messages took {:?} or longer: the wake does not reach the loop",
                at(10)
            ),
        );
        let stats = router.stats();
        figure("wakes", stats.wakes);
        figure("dispatches", stats.dispatches);
        faults.check(
            // One for each message, one for the end.
            stats.wakes <= 2 * count + 2,
            format_args!("{} wakes for {count} messages", stats.wakes),
        );
        let (Some(last), Some(end)) = (self.at_last.get(), self.at_end.get()) else {
            return faults.add("the pipe's end did not arrive");
        };
        let turns = end.dispatches - last.dispatches;
        faults.check(
            turns <= TURNS_AT_REST,
            format_args!("{turns} dispatches in {REST:?} without a message: the host polls"),
        );
    }
}

#[derive(Default)]
pub(in crate::testing::conformance) struct Idle(Rc<Pings>);

impl Idle {
    const COUNT: u64 = 200;
}

impl Case for Idle {
    const NAME: &'static str = "a_message_wakes_an_idle_loop";

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        Rc::clone(&self.0).begin(Self::COUNT, state, router);
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        self.0.judge::<H>(Self::COUNT, QUICK, state, router);
    }
}

#[derive(Default)]
pub(in crate::testing::conformance) struct Hidden(Rc<Pings>);

impl Hidden {
    const COUNT: u64 = 50;
    /// Some hosts turn but a few times a second for a window that nobody sees.
    const SOON: Duration = Duration::from_secs(1);
}

impl Case for Hidden {
    const NAME: &'static str = "a_hidden_window_still_receives";
    const IS_HIDDEN: bool = true;

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        Rc::clone(&self.0).begin(Self::COUNT, state, router);
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        self.0.judge::<H>(Self::COUNT, Self::SOON, state, router);
    }
}
