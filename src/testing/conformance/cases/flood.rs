//! Timers and redraws of the host while messages come faster than they can be handled.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use super::{Case, PATIENCE, spin, worker};
use crate::MessageRouter;
use crate::testing::conformance::signal::{Pulse, Watch};
use crate::testing::conformance::verdict::{Faults, Percent, figure};
use crate::testing::conformance::{Host, Play};

const IDLE_TIME: Duration = Duration::from_millis(1500);
const FLOOD_TIME: Duration = Duration::from_secs(3);
const SENDERS: usize = 2;
/// Keeps memory bounded and the queue full.
const CAPACITY: usize = 4096;
/// The work of one callback.
const WORK: Duration = Duration::from_micros(5);

#[derive(Default)]
pub(in crate::testing::conformance) struct Flood {
    delivered: Cell<u64>,
    ends: Cell<usize>,
    /// Ticks and redraws.
    seen: Cell<Option<[Beats; 2]>>,
}

/// What a pulse was in two times.
struct Beats {
    idle: u64,
    flood: u64,
    longest_gap: Duration,
}

impl Beats {
    fn judge(&self, name: &str, faults: &Faults) {
        let expected = self.idle * FLOOD_TIME.as_millis() as u64 / IDLE_TIME.as_millis() as u64;
        figure(&format!("{name} under a flood, of those of an idle loop"), Percent(self.flood, expected));
        figure(&format!("{name}, longest gap"), format_args!("{:?}", self.longest_gap));
        faults
            .check(self.idle > 0, format_args!("an idle loop has no {name}: the host does not tell of them"));
        faults.check(
            2 * self.flood >= expected,
            format_args!("{} {name} under a flood, of {expected}: messages starve the host", self.flood),
        );
    }
}

impl Case for Flood {
    const NAME: &'static str = "timers_and_drawing_go_on_under_a_flood";
    const TICKS: bool = true;

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        let is_on = Arc::new(AtomicBool::new(true));
        let mut floods = Vec::new();
        for _ in 0..SENDERS {
            let Ok((sender, receiver)) = router.bounded_pipe::<u64>(CAPACITY) else {
                return state.as_mut().faults.add("a running router opens pipes");
            };
            let flood = Rc::clone(&self);
            receiver.on_message(move |_: &mut S, _| {
                flood.delivered.set(flood.delivered.get() + 1);
                spin(WORK);
            });
            let flood = Rc::clone(&self);
            receiver.on_end(move |_, _| flood.ends.set(flood.ends.get() + 1));
            receiver.detach();
            floods.push(sender);
        }
        let Ok((sender, receiver)) = router.pipe::<[Beats; 2]>() else {
            return state.as_mut().faults.add("a running router opens pipes");
        };
        receiver.on_message(move |_: &mut S, seen| self.seen.set(Some(seen)));
        receiver.on_end(|state, _| state.as_mut().end());
        receiver.detach();

        let (watch, faults) = (Arc::clone(&state.as_mut().watch), state.as_mut().faults.clone());
        worker(&faults, move |faults| {
            let sender = sender.start();
            await_beats(&watch.ticks, faults);
            let before = look(&watch);
            thread::sleep(IDLE_TIME);
            let idle = look(&watch);
            let floods: Vec<_> = floods
                .into_iter()
                .map(|flood| {
                    let (flood, is_on) = (flood.start(), Arc::clone(&is_on));
                    // Relaxed: nothing but the end of the flood depends on it.
                    worker(faults, move |_| while is_on.load(Relaxed) && flood.send(0).is_ok() {})
                })
                .collect();
            let begin = look(&watch);
            thread::sleep(FLOOD_TIME);
            let end = look(&watch);
            is_on.store(false, Relaxed);
            floods.into_iter().for_each(|flood| drop(flood.join()));
            let beats = |n: usize| Beats {
                idle: idle[n].0 - before[n].0,
                flood: end[n].0 - begin[n].0,
                longest_gap: end[n].1,
            };
            faults.check(
                sender.send([beats(0), beats(1)]).is_ok(),
                "a send failed although nobody closed the pipe",
            );
        });
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        let play = state.as_mut();
        let faults = &play.faults;
        if let Some([ticks, redraws]) = self.seen.take() {
            ticks.judge("ticks", faults);
            if H::HAS_WINDOW || redraws.idle > 0 {
                redraws.judge("redraws", faults);
            }
        }
        figure("messages", self.delivered.get());
        faults.check(self.ends.get() == SENDERS, "the end of a flood did not arrive");
        super::all_delivered(faults, router);
    }
}

/// Waits until the host ticks.
fn await_beats(ticks: &Pulse, faults: &Faults) {
    let deadline = Instant::now() + PATIENCE;
    while ticks.beats() == 0 {
        if Instant::now() > deadline {
            return faults.add("the host does not tick");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The beats so far of ticks and redraws, and the longest gaps since the last look.
fn look(watch: &Watch) -> [(u64, Duration); 2] {
    [&watch.ticks, &watch.redraws].map(|pulse| (pulse.beats(), pulse.longest_gap()))
}
