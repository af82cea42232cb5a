//! What the values of a histogram are like.

use std::fmt;

/// How many values there are, and which so many of a hundred are not above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of percentiles say all")]
pub struct PercentileStats {
    /// How many values.
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, p50, p90, p99, .. } = self;
        write!(f, "{samples} values, half up to {p50}, 90 % up to {p90}, 99 % up to {p99}")
    }
}
