//! A timer beside the messages, to see what a flood leaves of it.

use std::time::{Duration, Instant};

/// From one tick to the next: about a frame at 60 Hz.
const PERIOD: Duration = Duration::from_millis(16);

/// When the ticks happened.
#[derive(Debug, Default)]
pub struct Ticks {
    handled: Vec<Instant>,
}

impl Ticks {
    /// The first tick that is due after the last one that happened.
    pub fn next(&self, started: Instant) -> Instant {
        let passed = self.handled.last().map_or(0, |&last| periods(started, last));
        started + PERIOD * (passed + 1)
    }

    pub fn handle(&mut self, now: Instant) {
        self.handled.push(now);
    }

    /// The lateness that 99 of 100 ticks kept to, and the share of them that happened. A tick that was skipped
    /// is as late as the next that happened, or else as the end.
    pub fn lateness_and_share(&self, started: Instant, end: Instant) -> (Duration, f64) {
        let mut happened = self.handled.iter().filter(|&&at| at <= end).peekable();
        let (mut lateness, mut ticks) = (Vec::new(), 0_u32);
        for n in 1..=periods(started, end) {
            let (due, next) = (started + PERIOD * n, started + PERIOD * (n + 1));
            while happened.next_if(|&&at| at < due).is_some() {}
            let at = happened.peek().map_or(end, |at| **at);
            lateness.push(at - due);
            ticks += u32::from(at < next && at < end);
        }
        lateness.sort_unstable();
        let share = f64::from(ticks) / lateness.len().max(1) as f64;
        (lateness[(lateness.len() * 99).div_ceil(100) - 1], share)
    }
}

/// How many whole periods lie between two points in time.
fn periods(from: Instant, to: Instant) -> u32 {
    let periods = (to - from).as_nanos() / PERIOD.as_nanos();
    periods.try_into().expect("a run is shorter than a year")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_tick_is_as_late_as_the_next() {
        let started = Instant::now();
        let mut ticks = Ticks::default();
        assert_eq!(ticks.next(started), started + PERIOD);
        ticks.handle(started + PERIOD);
        ticks.handle(started + PERIOD * 3 + PERIOD / 2);
        assert_eq!(ticks.next(started), started + PERIOD * 4);
        let (lateness, share) = ticks.lateness_and_share(started, started + PERIOD * 4);
        assert_eq!(lateness, PERIOD * 3 / 2);
        assert_eq!(share, 0.5);
    }
}
