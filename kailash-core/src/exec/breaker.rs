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
    /// How often it opened: what was admitted before says nothing afterwards.
    generation: u64,
}

/// A call that a breaker let through, to be handed back with how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "hand it to `record` or `forget`"]
pub struct Admitted(u64);

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: BreakerState::Closed { failures: 0 }, generation: 0 }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Whether it is as good as new: closed, and nothing failed since the last success.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.state == BreakerState::Closed { failures: 0 }
    }

    /// Lets a call out now, or not; [`Breaker::record`] or [`Breaker::forget`] must follow.
    pub fn admit(&mut self, now: Monotonic) -> Option<Admitted> {
        match &mut self.state {
            BreakerState::Closed { .. } => {}
            BreakerState::Open { until } if now < *until => return None,
            BreakerState::Open { .. } => self.state = BreakerState::HalfOpen { trials: 1 },
            BreakerState::HalfOpen { trials } if *trials < self.policy.half_open_trials => *trials += 1,
            BreakerState::HalfOpen { .. } => return None,
        }
        Some(Admitted(self.generation))
    }

    /// Notes how an admitted call ended. A call from before it opened says nothing about the callee now.
    pub fn record(&mut self, call: Admitted, success: bool, now: Monotonic) {
        if call.0 != self.generation {
            return;
        }
        let pause = std::time::Duration::from_millis(self.policy.open_ms);
        self.state = match self.state {
            _ if success => BreakerState::Closed { failures: 0 },
            BreakerState::Closed { failures } if failures + 1 < self.policy.failure_threshold => {
                BreakerState::Closed { failures: failures + 1 }
            }
            _ => {
                self.generation += 1;
                BreakerState::Open { until: now.after(pause) }
            }
        };
    }

    /// Notes that an admitted call was given up and says nothing about the callee.
    pub fn forget(&mut self, call: Admitted) {
        if let BreakerState::HalfOpen { trials } = &mut self.state
            && call.0 == self.generation
        {
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

    /// A breaker that opened at 0 for 100 ms, and a call that it let through before.
    fn opened() -> (Breaker, Admitted) {
        let policy = BreakerPolicy { failure_threshold: 2, open_ms: 100, half_open_trials: 1 };
        let mut breaker = Breaker::new(policy);
        let early = breaker.admit(at(0)).unwrap();
        for _ in 0..2 {
            let call = breaker.admit(at(0)).unwrap();
            breaker.record(call, false, at(0));
        }
        (breaker, early)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_refuses() {
        let (mut breaker, _) = opened();
        assert_eq!(breaker.admit(at(99)), None);
    }

    #[test]
    fn after_the_pause_one_trial_decides() {
        let (mut breaker, _) = opened();
        let trial = breaker.admit(at(100)).unwrap();
        assert_eq!(breaker.admit(at(100)), None, "a second trial must wait for the first");
        breaker.record(trial, true, at(101));
        assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
        assert!(breaker.is_idle());
    }

    #[test]
    fn a_failed_trial_opens_it_again() {
        let (mut breaker, _) = opened();
        let trial = breaker.admit(at(100)).unwrap();
        breaker.record(trial, false, at(110));
        assert_eq!(breaker.admit(at(209)), None);
        assert!(breaker.admit(at(210)).is_some());
    }

    #[test]
    fn a_call_from_before_it_opened_says_nothing_while_it_is_open() {
        let (mut breaker, early) = opened();
        breaker.record(early, true, at(1));
        assert_eq!(breaker.admit(at(99)), None, "a late success closes nothing");
    }

    #[test]
    fn a_call_from_before_it_opened_says_nothing_during_a_trial() {
        for success in [true, false] {
            let (mut breaker, early) = opened();
            let trial = breaker.admit(at(100)).unwrap();
            breaker.record(early, success, at(101));
            assert_eq!(breaker.state(), BreakerState::HalfOpen { trials: 1 });
            breaker.forget(early);
            assert_eq!(breaker.admit(at(102)), None, "it frees no trial");
            breaker.record(trial, true, at(103));
            assert!(breaker.is_idle());
        }
    }

    #[test]
    fn a_trial_given_up_makes_room_for_another() {
        let (mut breaker, _) = opened();
        let trial = breaker.admit(at(100)).unwrap();
        breaker.forget(trial);
        assert!(breaker.admit(at(101)).is_some());
    }
}
