//! The clocks of a host: the monotonic one is that of its executor, the wall clock is set as somebody likes.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use kailash_core::exec::{Clock, Monotonic, Timestamp};
use tokio::time::Instant;

/// When simulated time begins, in milliseconds since 1970-01-01T00:00:00Z.
const BEGIN: i64 = 1_760_000_000_000;

/// The clocks of a host.
#[derive(Clone)]
pub(crate) struct HostClock {
    began: Instant,
    /// How far the wall clock is from where it should be, in ms.
    off: Arc<AtomicI64>,
}

impl HostClock {
    /// Clocks of the executor that this runs on.
    pub(crate) fn new(off: Arc<AtomicI64>) -> Self {
        Self { began: Instant::now(), off }
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_unix_millis(BEGIN + passed + self.off.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::default().after(self.began.elapsed())
    }
}
