//! The circuit breaker (M. Nygard, "Release It!", 2007): stop calling what keeps failing, try again later.
//!
//! ```text
//! closed ──failures in a row──> open ──after a pause──> half open ──success──> closed
//!                                ^                         │
//!                                └────────failure──────────┘
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Monotonic;

/// When a breaker opens and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Failures in a row that open it.
    pub failure_threshold: u32,
    /// How long it stays open, in milliseconds.
    pub open_ms: u64,
    /// Trials that may be under way at a time while half open.
    pub half_open_trials: u32,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failure_threshold: 5, open_ms: 60_000, half_open_trials: 1 }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass; so many failed in a row.
    Closed {
        /// Failures in a row.
        failures: u32,
    },
    /// Calls are refused.
    Open {
        /// When it may be tried again.
        until: Monotonic,
    },
    /// So many trials are under way.
    HalfOpen {
        /// Trials under way.
        trials: u32,
    },
}

/// One breaker. Pure: the time comes in with each call.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    state: BreakerState,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: BreakerState::Closed { failures: 0 } }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Whether a call may go out now; if so, [`Breaker::record`] or [`Breaker::forget`] must follow.
    pub fn admit(&mut self, now: Monotonic) -> bool {
        match &mut self.state {
            BreakerState::Closed { .. } => true,
            BreakerState::Open { until } if now < *until => false,
            BreakerState::Open { .. } => {
                self.state = BreakerState::HalfOpen { trials: 1 };
                true
            }
            BreakerState::HalfOpen { trials } if *trials < self.policy.half_open_trials => {
                *trials += 1;
                true
            }
            BreakerState::HalfOpen { .. } => false,
        }
    }

    /// Notes how an admitted call ended. A call from before it opened says nothing about the callee now.
    pub fn record(&mut self, success: bool, now: Monotonic) {
        let pause = std::time::Duration::from_millis(self.policy.open_ms);
        self.state = match self.state {
            open @ BreakerState::Open { .. } => open,
            _ if success => BreakerState::Closed { failures: 0 },
            BreakerState::Closed { failures } if failures + 1 < self.policy.failure_threshold => {
                BreakerState::Closed { failures: failures + 1 }
            }
            _ => BreakerState::Open { until: now.after(pause) },
        };
    }

    /// Notes that an admitted call was given up and says nothing about the callee.
    pub fn forget(&mut self) {
        if let BreakerState::HalfOpen { trials } = &mut self.state {
            *trials = trials.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic::from_nanos(ms * 1_000_000)
    }

    fn open_breaker() -> Breaker {
        let mut breaker =
            Breaker::new(BreakerPolicy { failure_threshold: 2, open_ms: 100, half_open_trials: 1 });
        for _ in 0..2 {
            assert!(breaker.admit(at(0)));
            breaker.record(false, at(0));
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_refuses() {
        let mut breaker = open_breaker();
        assert!(!breaker.admit(at(99)));
    }

    #[test]
    fn after_the_pause_one_trial_decides() {
        let mut breaker = open_breaker();
        assert!(breaker.admit(at(100)));
        assert!(!breaker.admit(at(100)), "a second trial must wait for the first");
        breaker.record(true, at(101));
        assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
    }

    #[test]
    fn a_failed_trial_opens_it_again() {
        let mut breaker = open_breaker();
        assert!(breaker.admit(at(100)));
        breaker.record(false, at(110));
        assert!(!breaker.admit(at(209)));
        assert!(breaker.admit(at(210)));
    }

    #[test]
    fn a_call_from_before_it_opened_neither_closes_it_nor_keeps_it_open() {
        let mut breaker = open_breaker();
        breaker.record(true, at(1));
        assert!(!breaker.admit(at(99)), "a late success closes nothing");
        breaker.record(false, at(99));
        assert!(breaker.admit(at(100)), "a late failure does not begin the pause anew");
    }

    #[test]
    fn a_trial_given_up_makes_room_for_another() {
        let mut breaker = open_breaker();
        assert!(breaker.admit(at(100)));
        breaker.forget();
        assert!(breaker.admit(at(101)));
    }
}
