//! The cache of a host, shared by its nodes and runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kailash_core::exec::{Clock, Monotonic, SystemClock};

use super::lru::Lru;

/// How much a cache holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// The most entries.
    pub max_entries: usize,
    /// The most bytes that entries take, about.
    pub max_bytes: usize,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { max_entries: 10_000, max_bytes: 64 << 20 }
    }
}

/// A handle to a host's cache: in memory, empty at first, gone with the process.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

struct Shared {
    entries: Mutex<Lru>,
    clock: Box<dyn Clock>,
}

impl Cache {
    /// A cache that holds as much as `settings` say.
    #[must_use]
    pub fn new(settings: CacheSettings) -> Self {
        Self::with_clock(settings, SystemClock::default())
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(settings: CacheSettings, clock: impl Clock + 'static) -> Self {
        let entries = Mutex::new(Lru::new(settings.max_entries, settings.max_bytes));
        Self(Arc::new(Shared { entries, clock: Box::new(clock) }))
    }

    /// The entries, and the time.
    pub(super) fn open(&self) -> (MutexGuard<'_, Lru>, Monotonic) {
        let entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        (entries, self.0.clock.monotonic())
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(CacheSettings::default())
    }
}
