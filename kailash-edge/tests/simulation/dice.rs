//! Everything that is left to chance: drawn from a seed.

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// Dice.
pub(crate) struct Dice(SmallRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    pub(crate) fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `least` to `most`.
    pub(crate) fn from(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Whether something happens that happens `percent` times of a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `some`; none if there is none.
    pub(crate) fn one<T: Copy>(&mut self, some: &[T]) -> Option<T> {
        let at = usize::try_from(self.below(some.len() as u64)).ok()?;
        some.get(at).copied()
    }

    /// Puts `some` in any order.
    pub(crate) fn shuffle<T>(&mut self, some: &mut [T]) {
        for at in (1..some.len()).rev() {
            some.swap(at, usize::try_from(self.below(at as u64 + 1)).unwrap_or(0));
        }
    }
}
