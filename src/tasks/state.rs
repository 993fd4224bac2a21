//! What can happen to a task, and in which order.

use std::fmt;

/// Where a task stands, as the foreground knows it.
///
/// A worker may be ahead: it takes a task before the news of that has arrived. What callbacks are told and what
/// [`TaskFuture::state`](super::TaskFuture::state) says agree whenever a callback runs.
///
/// ```text
/// Waiting ──> Executing ──> Completed | Failed
///    │            │
///    └── cancel ──┴──> Cancelling ──> Cancelled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// No worker has taken it yet.
    Waiting,
    /// A worker runs it.
    Executing,
    /// It has returned its result.
    Completed,
    /// It has returned an error, or panicked.
    Failed,
    /// It was cancelled, and may still run.
    Cancelling,
    /// It was cancelled, and has ended or never ran.
    Cancelled,
}

impl TaskState {
    /// Returns whether [`cancel`](super::TaskFuture::cancel) would still do something. Goes from true to false
    /// once.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::TaskState;
    ///
    /// assert!(TaskState::Waiting.is_cancellable());
    /// assert!(!TaskState::Cancelling.is_cancellable());
    /// ```
    pub fn is_cancellable(self) -> bool {
        matches!(self, Self::Waiting | Self::Executing)
    }

    /// Returns whether nothing will change any more. Goes from false to true once.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::TaskState;
    ///
    /// assert!(TaskState::Failed.is_done());
    /// assert!(!TaskState::Cancelling.is_done());
    /// ```
    pub fn is_done(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Executing => "executing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What a task's phase changes by. All but the last come from the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Started,
    Returned,
    Raised,
    /// The worker, or the pool, dropped the task without running it.
    Abandoned,
    Cancel,
}

/// The state with what the user need not know: how a cancelled task came to its end, and whether it had begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Executing,
    Completed,
    Failed,
    CancellingBeforeStart,
    CancellingAfterStart,
    CancelledReturned,
    CancelledRaised,
    CancelledAbandoned,
}

impl Phase {
    pub(super) fn state(self) -> TaskState {
        match self {
            Self::Waiting => TaskState::Waiting,
            Self::Executing => TaskState::Executing,
            Self::Completed => TaskState::Completed,
            Self::Failed => TaskState::Failed,
            Self::CancellingBeforeStart | Self::CancellingAfterStart => TaskState::Cancelling,
            Self::CancelledReturned | Self::CancelledRaised | Self::CancelledAbandoned => {
                TaskState::Cancelled
            }
        }
    }

    /// The phase after an event, or `None` if the event cannot happen in this one.
    pub(super) fn after(self, event: Event) -> Option<Self> {
        Some(match (self, event) {
            (Self::Waiting, Event::Started) => Self::Executing,
            (Self::Waiting, Event::Cancel) => Self::CancellingBeforeStart,
            (Self::Executing, Event::Returned) => Self::Completed,
            (Self::Executing, Event::Raised) => Self::Failed,
            (Self::Executing, Event::Cancel) => Self::CancellingAfterStart,
            // A worker had looked at the task just before it was cancelled.
            (Self::CancellingBeforeStart, Event::Started) => Self::CancellingAfterStart,
            (Self::CancellingBeforeStart, Event::Abandoned) => Self::CancelledAbandoned,
            (Self::CancellingAfterStart, Event::Returned) => Self::CancelledReturned,
            (Self::CancellingAfterStart, Event::Raised) => Self::CancelledRaised,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [(char, Event); 5] = [
        ('S', Event::Started),
        ('R', Event::Returned),
        ('X', Event::Raised),
        ('A', Event::Abandoned),
        ('C', Event::Cancel),
    ];

    /// All runs that lead from `phase` to a final state, and the phases that were met.
    fn explore(phase: Phase, so_far: &str, runs: &mut Vec<String>, met: &mut Vec<Phase>) {
        if !met.contains(&phase) {
            met.push(phase);
        }
        if phase.state().is_done() {
            runs.push(so_far.into());
        }
        for (letter, event) in EVENTS {
            if let Some(next) = phase.after(event) {
                assert!(!phase.state().is_done(), "{phase:?} is final, and {event:?} follows");
                explore(next, &format!("{so_far}{letter}"), runs, met);
            }
        }
    }

    #[test]
    fn there_are_seven_complete_runs_and_nine_phases() {
        let (mut runs, mut met) = (Vec::new(), Vec::new());
        explore(Phase::Waiting, "", &mut runs, &mut met);
        runs.sort();
        assert_eq!(runs, ["CA", "CSR", "CSX", "SCR", "SCX", "SR", "SX"]);
        assert_eq!(met.len(), 9);
    }

    #[test]
    fn every_other_continuation_is_refused() {
        let allowed = |run: &str| {
            run.chars().try_fold(Phase::Waiting, |phase, letter| {
                let (_, event) = EVENTS.iter().find(|(l, _)| *l == letter).unwrap();
                phase.after(*event)
            })
        };
        let complete = ["CA", "CSR", "CSX", "SCR", "SCX", "SR", "SX"];
        let mut words = vec![String::new()];
        for _ in 0..4 {
            words = words.iter().flat_map(|w| EVENTS.map(|(l, _)| format!("{w}{l}"))).collect();
            for word in &words {
                let is_beginning = complete.iter().any(|run| run.starts_with(word.as_str()));
                assert_eq!(allowed(word).is_some(), is_beginning, "{word}");
            }
        }
    }

    #[test]
    fn what_is_seen_of_each_run() {
        let seen = |run: &str| {
            let mut phase = Phase::Waiting;
            let mut seen = vec![phase.state()];
            for letter in run.chars() {
                let (_, event) = EVENTS.iter().find(|(l, _)| *l == letter).unwrap();
                phase = phase.after(*event).unwrap();
                seen.push(phase.state());
            }
            seen.dedup();
            seen
        };
        use TaskState::{Cancelled, Cancelling, Completed, Executing, Failed, Waiting};
        assert_eq!(seen("SR"), [Waiting, Executing, Completed]);
        assert_eq!(seen("SX"), [Waiting, Executing, Failed]);
        for run in ["SCR", "SCX"] {
            assert_eq!(seen(run), [Waiting, Executing, Cancelling, Cancelled], "{run}");
        }
        for run in ["CA", "CSR", "CSX"] {
            assert_eq!(seen(run), [Waiting, Cancelling, Cancelled], "{run}");
        }
    }
}
