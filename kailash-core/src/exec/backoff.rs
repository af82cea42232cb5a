//! Retry and backoff, decided once for everything that retries.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result, Retry};

/// How waits grow from attempt to attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Always the first delay.
    Fixed,
    /// Doubled each time.
    #[default]
    Exponential,
}

/// How much of a wait is left to chance, so that many clients don't retry at once
/// (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// None of it.
    None,
    /// Anything between half the wait and the whole.
    #[default]
    Equal,
    /// Anything between zero and the whole wait.
    Full,
}

/// When and how often to try again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// The wait before the second attempt, in milliseconds.
    pub delay_ms: u64,
    /// The longest wait, in milliseconds.
    pub max_delay_ms: u64,
    /// How waits grow.
    pub backoff: Backoff,
    /// How much of a wait is left to chance.
    pub jitter: Jitter,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            delay_ms: 100,
            max_delay_ms: 30_000,
            backoff: Backoff::default(),
            jitter: Jitter::default(),
        }
    }
}

impl RetryPolicy {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Kind `Invalid` for no attempts at all or more than 1,000.
    pub fn validate(&self) -> Result<()> {
        if (1..=1000).contains(&self.max_attempts) {
            return Ok(());
        }
        let message = format!("max_attempts is {}, must be 1 to 1000", self.max_attempts);
        Err(Error::invalid("retry.max_attempts", message))
    }

    /// The wait before the next attempt after `attempt` (from 1) failed with `error`; `None` gives up, also where the
    /// error asks for a longer wait than is allowed.
    /// `random` is uniform in [0, 1).
    #[must_use]
    pub fn next_delay(&self, attempt: u32, error: &Error, random: f64) -> Option<Duration> {
        if attempt >= self.max_attempts || error.kind() == ErrorKind::Cancelled {
            return None;
        }
        let asked = match error.retry() {
            Retry::Never => return None,
            Retry::Now => Duration::ZERO,
            Retry::After(wait) if wait > Duration::from_millis(self.max_delay_ms) => return None,
            Retry::After(wait) => wait,
        };
        let doublings = match self.backoff {
            Backoff::Fixed => 0,
            Backoff::Exponential => (attempt - 1).min(32),
        };
        let longest = self.delay_ms.saturating_mul(1_u64 << doublings).min(self.max_delay_ms);
        let part = match self.jitter {
            Jitter::None => 1.0,
            Jitter::Equal => 0.5 + random / 2.0,
            Jitter::Full => random,
        };
        Some(Duration::from_millis(longest).mul_f64(part).max(asked))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failure() -> Error {
        Error::node("test", "failed")
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy =
            RetryPolicy { max_attempts: 10, max_delay_ms: 500, jitter: Jitter::None, ..Default::default() };
        let waits: Vec<_> = (1..=4).filter_map(|n| policy.next_delay(n, &failure(), 0.0)).collect();
        assert_eq!(waits, [100, 200, 400, 500].map(Duration::from_millis));
    }

    #[test]
    fn what_cannot_succeed_is_not_tried_again() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.next_delay(1, &Error::invalid("x", "wrong"), 0.5), None);
        assert_eq!(policy.next_delay(3, &failure(), 0.5), None);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_allowed_nor_shorter_than_asked(
            attempt in 1_u32..100,
            random in 0.0..1.0_f64,
            asked in 0_u64..60_000,
        ) {
            let policy = RetryPolicy { max_attempts: 1000, ..Default::default() };
            let asked = Duration::from_millis(asked);
            let longest = Duration::from_millis(policy.max_delay_ms);
            match policy.next_delay(attempt, &failure().with_retry(Retry::After(asked)), random) {
                Some(wait) => prop_assert!((asked..=longest).contains(&wait)),
                None => prop_assert!(asked > longest),
            }
        }
    }
}
