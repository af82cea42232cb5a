//! Small histograms, in the place of the published crate `base2histogram` 0.2.3.
//!
//! openraft counts the sizes of its batches with that crate, whose first histogram makes tables of 26 MB that stay: more
//! than all else that a member of a cluster takes. Nobody reads these counts here (they are told only with openraft's
//! feature `runtime-stats`, which is off). This crate has the interface that openraft uses, and 520 bytes for each
//! histogram: the values of one power of two are counted together. It goes when the published one makes its tables when
//! they are asked for.

mod chart;
mod stats;

pub use chart::AsciiChart;
pub use stats::PercentileStats;

use std::marker::PhantomData;

/// Counts values by their powers of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    /// By the number of bits of a value: 0 alone, 1 alone, 2..=3, 4..=7 and so on.
    counts: [u64; 65],
    mark: PhantomData<T>,
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self { counts: [0; 65], mark: PhantomData }
    }
}

impl<T> Histogram<T> {
    /// A histogram without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value `times` times.
    pub fn record_n(&mut self, value: u64, times: u64) {
        let bits = (u64::BITS - value.leading_zeros()) as usize;
        self.counts[bits] += times;
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The largest value that `permille` of a thousand values are not above, as the largest of its power of two; 0 if
    /// nothing was counted.
    #[must_use]
    pub fn permille(&self, permille: u64) -> u64 {
        let rank = (self.total() * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map_or(0, largest)
    }

    /// What its values are like.
    #[must_use]
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total(),
            p0_1: self.permille(1),
            p1: self.permille(10),
            p5: self.permille(50),
            p10: self.permille(100),
            p50: self.permille(500),
            p90: self.permille(900),
            p99: self.permille(990),
            p99_9: self.permille(999),
        }
    }
}

/// The largest value of so many bits.
fn largest(bits: usize) -> u64 {
    match bits {
        0 => 0,
        bits => u64::MAX >> (64 - bits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_their_powers_of_two() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!((histogram.total(), histogram.permille(500)), (0, 0));
        for value in [0, 1, 2, 3, 100, u64::MAX] {
            histogram.record(value);
        }
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p0_1, stats.p50, stats.p99_9), (6, 0, 3, u64::MAX));
        assert_eq!(histogram.permille(750), 127);
    }
}
