//! What was wrong in a play, and what was measured in it.

use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, PoisonError};

/// What was found to be wrong, from any thread. A callback of a toolkit in C must not panic, so faults are
/// collected and judged when the loop has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<Mutex<Vec<String>>>);

impl Faults {
    /// The first few of them tell enough.
    const KEPT: usize = 20;

    pub(super) fn add(&self, fault: impl Display) {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() < Self::KEPT {
            faults.push(fault.to_string());
        }
    }

    pub(super) fn check(&self, holds: bool, fault: impl Display) {
        if !holds {
            self.add(fault);
        }
    }

    /// Whether there are none. Tells them if there are.
    pub(super) fn are_none(&self) -> bool {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().for_each(|fault| eprintln!("fault: {fault}"));
        faults.is_empty()
    }
}

/// Tells a figure of a play. It is printed and not judged.
pub(super) fn figure(name: &str, value: impl Display) {
    println!("figure: {name}: {value}");
}

/// A part of a whole, in percent.
pub(super) struct Percent(pub(super) u64, pub(super) u64);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({:.0} %)", self.0, self.1, 100.0 * self.0 as f64 / self.1.max(1) as f64)
    }
}
