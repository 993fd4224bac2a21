//! What was measured, and when it came.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the plot goes.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// The measurements of one who publishes, the oldest first.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) count: u64,
    pub(crate) points: VecDeque<(Instant, f64)>,
}

impl Series {
    pub(crate) fn newest(&self) -> f64 {
        self.points.back().map_or(f64::NAN, |point| point.1)
    }

    /// Whether it has been silent for a second.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        self.points.back().is_none_or(|point| now.duration_since(point.0) > Duration::from_secs(1))
    }
}

/// All who publish, in the order of their coming.
#[derive(Default)]
pub(crate) struct Board(Vec<Series>);

impl Board {
    pub(crate) fn all(&self) -> &[Series] {
        &self.0
    }

    pub(crate) fn series(&self, name: &str) -> Option<&Series> {
        self.0.iter().find(|series| series.name == name)
    }

    /// Adds a measurement, and forgets those that the plot does not show any more.
    pub(crate) fn add(&mut self, name: &str, value: f64) {
        let place = self.0.iter().position(|series| series.name == name).unwrap_or_else(|| {
            self.0.push(Series { name: name.into(), count: 0, points: VecDeque::new() });
            self.0.len() - 1
        });
        let series = &mut self.0[place];
        let now = Instant::now();
        series.count += 1;
        series.points.push_back((now, value));
        while series.points.front().is_some_and(|point| now.duration_since(point.0) > WINDOW) {
            series.points.pop_front();
        }
    }
}
