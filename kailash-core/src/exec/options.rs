//! How a node is run, beyond what it does.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BreakerPolicy, RetryPolicy};
use crate::{Error, Result};

/// How one node is run. Everything is off unless given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NodeOptions {
    /// Try again when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Stop calling it while it keeps failing; the breaker is shared by all runs of a runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerPolicy>,
    /// The longest time for one attempt, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

impl NodeOptions {
    /// Whether everything is off.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.retry.is_none() && self.breaker.is_none() && self.timeout_ms.is_none()
    }

    /// The longest time for one attempt.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Kind `Invalid` for a policy that cannot work.
    pub fn validate(&self) -> Result<()> {
        if let Some(retry) = &self.retry {
            retry.validate()?;
        }
        if self.timeout_ms == Some(0) {
            return Err(Error::invalid("timeout.zero", "timeout_ms is 0: the node could never run"));
        }
        match &self.breaker {
            Some(breaker) if breaker.failure_threshold == 0 || breaker.half_open_trials == 0 => Err(
                Error::invalid("breaker.zero", "failure_threshold and half_open_trials must be at least 1"),
            ),
            _ => Ok(()),
        }
    }
}

/// What a failed node means for the rest of the run. The run is `failed` in every case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// Nothing more is started, and what is under way is given up.
    #[default]
    FailFast,
    /// What depends on it is skipped; everything else runs.
    SkipDependents,
    /// What depends on it runs too wherever its required inputs are there; the failed node's outputs are absent.
    Continue,
}
