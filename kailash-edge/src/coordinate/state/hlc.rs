//! Hybrid logical clocks (S. Kulkarni, M. Demirbas et al., "Logical Physical Clocks", OPODIS 2014): close to the wall
//! clock, and never back.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in hybrid time. Points of one cluster are in the order of its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hlc {
    /// Milliseconds since 1970-01-01T00:00:00Z, the latest that any member has told so far.
    pub millis: u64,
    /// Tells points with the same milliseconds apart.
    pub logical: u32,
}

impl Hlc {
    /// The point after this one, told at `millis` by somebody's wall clock.
    #[must_use]
    pub fn next(self, millis: u64) -> Self {
        if millis > self.millis {
            return Self { millis, logical: 0 };
        }
        match self.logical.checked_add(1) {
            Some(logical) => Self { logical, ..self },
            None => Self { millis: self.millis + 1, logical: 0 },
        }
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis, self.logical)
    }
}
