//! The rate limits of a host: requests with the same key wait in one line, first come, first served.
//!
//! ```text
//! pass ── too long a line? ──> Limit, after how long
//!   │
//!   └─ line ─> first: paused? ─> limiter ─> go        429: pause, for everybody with the key
//! ```
//! Who waits has taken nothing yet, so that a cancelled run costs the others nothing.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kailash_core::{
    Error, ErrorKind, Result, Retry, Text,
    exec::{Jitter, Monotonic, RetryPolicy},
};
use reqwest::{StatusCode, Url};
use tokio::time::Instant;

use super::limiter::{Limiter, RateLimit};

/// The code of a request that would have waited too long.
pub(in crate::http) const RATE_LIMITED: &str = "http.rate_limited";
/// How many keys are kept before those that are at rest are forgotten.
const MAX_KEYS: usize = 4096;
/// The longest pause that a server is granted.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// A handle to the rate limits of a host.
#[derive(Clone)]
pub struct RateLimits(Arc<Inner>);

struct Inner {
    began: Instant,
    keys: Mutex<HashMap<Text, Arc<Key>>>,
}

/// What requests with one key have in common.
#[derive(Default)]
struct Key(Mutex<Shared>);

#[derive(Default)]
struct Shared {
    paused_until: Monotonic,
    /// How often in a row the server said that there were too many.
    refusals: u32,
    /// Nodes that agree on the limit share it.
    lines: HashMap<RateLimit, Arc<Line>>,
}

/// A limiter and those who wait for it.
struct Line {
    limiter: Mutex<Limiter>,
    waiting: AtomicUsize,
    /// Held by the first in the line; fair.
    turn: tokio::sync::Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for RateLimits {
    fn default() -> Self {
        Self(Arc::new(Inner { began: Instant::now(), keys: Mutex::default() }))
    }
}

impl fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimits").finish_non_exhaustive()
    }
}

impl RateLimits {
    /// The time of this host's limits. Runtimes have clocks of their own, which cannot be compared.
    fn now(&self) -> Monotonic {
        Monotonic::default().after(self.0.began.elapsed())
    }

    fn key(&self, name: &str) -> Arc<Key> {
        let mut keys = lock(&self.0.keys);
        if let Some(key) = keys.get(name) {
            return Arc::clone(key);
        }
        if keys.len() >= MAX_KEYS {
            let now = self.now();
            keys.retain(|_, key| Arc::strong_count(key) > 1 || !key.is_idle(now));
        }
        Arc::clone(keys.entry(name.into()).or_default())
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        lock(&self.0.keys).len()
    }

    /// Waits until a request under `limit` may go, and says how long that took.
    ///
    /// # Errors
    /// Kind `Limit`, code `http.rate_limited`, as soon as it is known that `max_wait` is not enough.
    pub(super) async fn pass(&self, name: &str, limit: RateLimit, max_wait: Duration) -> Result<Duration> {
        let key = self.key(name);
        let line = key.line(limit);
        let began = self.now();
        let ahead = line.waiting.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&line.waiting);
        let pause = key.pause(began);
        let expected = pause.saturating_add(lock(&line.limiter).wait(began.after(pause), ahead));
        if expected > max_wait {
            return Err(limited(name, expected, max_wait));
        }
        let turn = async {
            let _turn = line.turn.lock().await;
            loop {
                let now = self.now();
                let pause = key.pause(now);
                let wait = if pause.is_zero() { lock(&line.limiter).admit(now).err() } else { Some(pause) };
                let waited = now.saturating_since(began);
                match wait {
                    None => return Ok(waited),
                    Some(wait) if waited.saturating_add(wait) > max_wait => {
                        return Err(limited(name, wait, max_wait));
                    }
                    Some(wait) => tokio::time::sleep(wait).await,
                }
            }
        };
        // Who stands behind somebody that a pause holds up waits no longer than he wanted to.
        let late = |_| Err(limited(name, key.pause(self.now()), max_wait));
        tokio::time::timeout(max_wait.saturating_add(Duration::from_millis(1)), turn)
            .await
            .unwrap_or_else(late)
    }

    /// Takes note of how the server answered a request with the key `name`.
    pub(super) fn heard(&self, name: &str, status: StatusCode, after: Option<Duration>) {
        let refused = status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::SERVICE_UNAVAILABLE && after.is_some();
        let key = self.key(name);
        let mut shared = lock(&key.0);
        if !refused {
            shared.refusals = 0;
            return;
        }
        shared.refusals = shared.refusals.saturating_add(1);
        let pause = after.unwrap_or_else(|| unasked(shared.refusals)).min(MAX_PAUSE);
        shared.paused_until = shared.paused_until.max(self.now().after(pause));
        tracing::debug!(key = name, ?pause, "a server asks for fewer requests");
    }
}

/// The pause after `refusals` refusals in a row by a server that does not say how long to wait.
fn unasked(refusals: u32) -> Duration {
    let policy = RetryPolicy {
        max_attempts: u32::MAX,
        delay_ms: 1000,
        max_delay_ms: 60_000,
        jitter: Jitter::None,
        ..RetryPolicy::default()
    };
    let refused = Error::new(ErrorKind::Limit, RATE_LIMITED, "too many requests");
    policy.next_delay(refusals.max(1), &refused, 0.0).unwrap_or_default()
}

impl Key {
    fn line(&self, limit: RateLimit) -> Arc<Line> {
        let new = || Line {
            limiter: Mutex::new(Limiter::new(limit)),
            waiting: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::default(),
        };
        Arc::clone(lock(&self.0).lines.entry(limit).or_insert_with(|| Arc::new(new())))
    }

    /// How long nobody may go yet.
    fn pause(&self, now: Monotonic) -> Duration {
        lock(&self.0).paused_until.saturating_since(now)
    }

    fn is_idle(&self, now: Monotonic) -> bool {
        let shared = lock(&self.0);
        shared.paused_until <= now && shared.lines.values().all(|line| lock(&line.limiter).is_idle(now))
    }
}

/// A place in a line, given up when it is dropped.
struct Place<'l>(&'l AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn limited(name: &str, wait: Duration, max_wait: Duration) -> Error {
    let message = format!("the rate limit asks to wait {wait:.1?}, longer than {max_wait:.1?}");
    Error::new(ErrorKind::Limit, RATE_LIMITED, message)
        .with_retry(Retry::After(wait))
        .with_hint("raise `max_wait_s`, or `max_requests` if the server allows it")
        .at(name)
}

/// What the requests of a node wait at.
#[derive(Clone, Debug)]
pub(in crate::http) struct Gate {
    pub(super) limits: RateLimits,
    pub(super) limit: RateLimit,
    /// Whose requests are counted together; those to one origin without it.
    pub(super) key: Option<Text>,
    pub(super) max_wait: Duration,
}

impl Gate {
    fn key(&self, url: &Url) -> Text {
        self.key.clone().unwrap_or_else(|| url.origin().ascii_serialization().as_str().into())
    }

    /// Waits until a request to `url` may go, and says how long that took.
    pub(in crate::http) async fn pass(&self, url: &Url) -> Result<Duration> {
        self.limits.pass(&self.key(url), self.limit, self.max_wait).await
    }

    /// Takes note of how the server at `url` answered, and after how long it wants to be asked again.
    pub(in crate::http) fn heard(&self, url: &Url, status: StatusCode, after: Option<Duration>) {
        self.limits.heard(&self.key(url), status, after);
    }
}
