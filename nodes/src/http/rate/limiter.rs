//! When the next request may go: a state machine over monotonic time.
//!
//! ```text
//! token bucket     one moment: when the bucket is full again. A request moves it on by one interval, and may go
//!                  while it is at most (burst - 1) intervals ahead (the virtual scheduling form of the generic cell
//!                  rate algorithm, ITU-T I.371)
//! sliding window   the moments of the last `max_requests` requests; the oldest one must be a window ago
//! ```

use std::{collections::VecDeque, time::Duration};

use kailash_core::exec::Monotonic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// `max_requests` in a window on average, `burst_limit` of them at once; a single window can see both together.
    #[default]
    TokenBucket,
    /// Never more than `max_requests` in any window, however it is placed.
    SlidingWindow,
}

/// How many requests may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RateLimit {
    pub(super) strategy: Strategy,
    /// At least 1.
    pub(super) max_requests: u32,
    pub(super) window: Duration,
    /// At least 1; of a token bucket only.
    pub(super) burst: u32,
}

impl RateLimit {
    /// The time after which a token bucket has one more token, rounded up.
    fn interval(&self) -> Duration {
        let nanos = self.window.as_nanos().div_ceil(u128::from(self.max_requests.max(1)));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How far ahead of time a token bucket lets requests go.
    fn tolerance(&self) -> Duration {
        self.interval().saturating_mul(self.burst.saturating_sub(1))
    }
}

/// The requests so far, as far as they count.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: RateLimit,
    state: State,
}

#[derive(Debug)]
enum State {
    /// When the bucket is full again.
    Bucket(Monotonic),
    /// The last requests, the oldest first.
    Window(VecDeque<Monotonic>),
}

impl Limiter {
    /// A limiter without a request so far.
    pub(super) fn new(limit: RateLimit) -> Self {
        let state = match limit.strategy {
            Strategy::TokenBucket => State::Bucket(Monotonic::default()),
            Strategy::SlidingWindow => State::Window(VecDeque::new()),
        };
        Self { limit, state }
    }

    /// Lets a request go at `now`, or says how long to wait.
    pub(super) fn admit(&mut self, now: Monotonic) -> Result<(), Duration> {
        let wait = self.wait(now, 0);
        if !wait.is_zero() {
            return Err(wait);
        }
        match &mut self.state {
            State::Bucket(full) => *full = (*full).max(now).after(self.limit.interval()),
            State::Window(sent) => {
                if sent.len() >= self.limit.max_requests as usize {
                    sent.pop_front();
                }
                sent.push_back(now);
            }
        }
        Ok(())
    }

    /// How long a request at `now` waits behind `ahead` others that are waiting already.
    pub(super) fn wait(&self, now: Monotonic, ahead: usize) -> Duration {
        match &self.state {
            State::Bucket(full) => {
                let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
                let early = (*full).max(now).saturating_since(now);
                let early = early.saturating_add(self.limit.interval().saturating_mul(ahead));
                early.saturating_sub(self.limit.tolerance())
            }
            State::Window(sent) => {
                // Each request goes a window after the one `most` places before it, if that one is not long gone.
                let (most, window) = (self.limit.max_requests as usize, self.limit.window);
                let mut place = sent.len() + ahead;
                let mut windows = 0_u32;
                while place >= sent.len() && place >= most {
                    place -= most;
                    windows = windows.saturating_add(1);
                }
                match (sent.get(place), windows.checked_sub(1)) {
                    (Some(before), Some(further)) => before
                        .after(window)
                        .saturating_since(now)
                        .saturating_add(window.saturating_mul(further)),
                    _ => window.saturating_mul(windows),
                }
            }
        }
    }

    /// Whether it would let requests go as a new one does.
    pub(super) fn is_idle(&self, now: Monotonic) -> bool {
        match &self.state {
            State::Bucket(full) => *full <= now,
            State::Window(sent) => {
                sent.back().is_none_or(|last| now.saturating_since(*last) >= self.limit.window)
            }
        }
    }
}
