//! The work: an endless iterator of better and better estimates of pi. Nothing here knows of threads.

use std::f64::consts::PI;

/// Points for each item: as many as take some milliseconds, so that a frame shows a few new items, and their
/// messages cost nothing beside the work.
pub(crate) const POINTS_PER_ITEM: u64 = 1_000_000;

/// What is known after some points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) points: u64,
    pub(crate) pi: f64,
    pub(crate) standard_error: f64,
}

impl Estimate {
    /// How far off it is, in standard errors: rarely more than 2.
    pub(crate) fn deviation(&self) -> f64 {
        (self.pi - PI) / self.standard_error
    }
}

/// Throws points at a square, and counts those within the quarter circle.
pub(crate) struct Estimates {
    random: SplitMix64,
    points: u64,
    inside: u64,
}

impl Estimates {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: SplitMix64(seed), points: 0, inside: 0 }
    }
}

impl Iterator for Estimates {
    type Item = Estimate;

    fn next(&mut self) -> Option<Estimate> {
        for _ in 0..POINTS_PER_ITEM {
            let (x, y) = (self.random.unit(), self.random.unit());
            self.inside += u64::from(x * x + y * y < 1.0);
        }
        self.points += POINTS_PER_ITEM;
        let share = self.inside as f64 / self.points as f64;
        let standard_error = 4.0 * (share * (1.0 - share) / self.points as f64).sqrt();
        Some(Estimate { points: self.points, pi: 4.0 * share, standard_error })
    }
}

/// Sebastiano Vigna's generator: small, fast, and random enough for this.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What was estimated so far, in bounded memory: when it is full, every second estimate goes, and of those that
/// come only every second is kept from then on.
pub(crate) struct History {
    kept: Vec<Estimate>,
    newest: Option<Estimate>,
    /// One of so many is kept.
    stride: u64,
}

impl History {
    pub(crate) const CAPACITY: usize = 256;

    pub(crate) fn new() -> Self {
        Self { kept: Vec::with_capacity(Self::CAPACITY), newest: None, stride: 1 }
    }

    pub(crate) fn push(&mut self, estimate: Estimate) {
        self.newest = Some(estimate);
        if !self.is_kept(&estimate) {
            return;
        }
        if self.kept.len() == Self::CAPACITY {
            self.stride *= 2;
            let mut kept = std::mem::take(&mut self.kept);
            kept.retain(|old| self.is_kept(old));
            self.kept = kept;
        }
        if self.is_kept(&estimate) {
            self.kept.push(estimate);
        }
    }

    /// Evenly spaced, oldest first.
    pub(crate) fn kept(&self) -> &[Estimate] {
        &self.kept
    }

    pub(crate) fn newest(&self) -> Option<Estimate> {
        self.newest
    }

    fn is_kept(&self, estimate: &Estimate) -> bool {
        (estimate.points / POINTS_PER_ITEM).is_multiple_of(self.stride)
    }
}
