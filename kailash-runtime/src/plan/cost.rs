//! What calling a compute body costs: whether it is worth another thread.

use std::sync::atomic::{AtomicU32, Ordering};

use kailash_core::exec::Monotonic;

/// What cheaper bodies take, in nanoseconds: waking another thread and being woken by it takes about as long.
const TINY: u32 = 10_000;

/// One tiny call of so many is measured.
const SAMPLE: u32 = 64;

/// A guess at what calling a body costs, from some of its calls. Shared by concurrent runs; a lost update does no harm.
#[derive(Default)]
pub(crate) struct Cost {
    /// The moving average in nanoseconds; 0 before the first call.
    nanos: AtomicU32,
    calls: AtomicU32,
}

impl Cost {
    /// Whether calls are known to be cheaper than another thread.
    pub(crate) fn is_tiny(&self) -> bool {
        (1..TINY).contains(&self.nanos.load(Ordering::Relaxed))
    }

    /// Whether this call is measured: every one that may be slow, because another thread costs far more than a look at
    /// the clock, and few of those that are tiny.
    pub(crate) fn is_sampled(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        self.calls.store(calls.wrapping_add(1), Ordering::Relaxed);
        !self.is_tiny() || calls.is_multiple_of(SAMPLE)
    }

    /// Takes in a call. One that was slow counts at once, also if its thread only had to wait for its turn; fast ones make
    /// up for that soon.
    pub(crate) fn measured(&self, began: Monotonic, ended: Monotonic) {
        let took = u32::try_from(ended.saturating_since(began).as_nanos()).unwrap_or(u32::MAX).max(1);
        let before = self.nanos.load(Ordering::Relaxed);
        let now = if before == 0 || took > before { took } else { before - (before - took) / 2 };
        self.nanos.store(now, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(cost: &Cost, nanos: u64) {
        cost.measured(Monotonic::from_nanos(0), Monotonic::from_nanos(nanos));
    }

    #[test]
    fn a_body_is_tiny_when_its_calls_are_and_not_before_the_first() {
        let cost = Cost::default();
        assert!(!cost.is_tiny(), "nothing is known");
        call(&cost, 500);
        assert!(cost.is_tiny());
        call(&cost, 1_000_000);
        assert!(!cost.is_tiny(), "one slow call is enough");
        for _ in 0..100 {
            call(&cost, 500);
        }
        assert!(cost.is_tiny(), "fast calls make up for it");
    }

    #[test]
    fn slow_calls_are_all_measured_and_few_tiny_ones() {
        let cost = Cost::default();
        let measured = || (0..130).filter(|_| cost.is_sampled()).count();
        assert_eq!(measured(), 130, "nothing is known");
        call(&cost, 500);
        assert!((2..=3).contains(&measured()));
        call(&cost, 1_000_000);
        assert_eq!(measured(), 130);
        (0..8).for_each(|_| call(&cost, 500));
        assert!(cost.is_tiny(), "one slow call is soon made up for");
    }
}
