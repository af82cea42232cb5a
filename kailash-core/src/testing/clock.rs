//! What every [`Clock`] must do.

use std::{sync::Arc, thread, time::Duration};

use super::{Check, together::checks};
use crate::exec::{Clock, Monotonic};

type Subject = Arc<dyn Clock>;

/// Every check.
pub const CHECKS: &[Check<Subject>] = checks![
    Subject:
    monotonic_time_never_goes_back,
    monotonic_time_never_goes_back_across_threads,
    a_time_since_a_later_point_is_zero,
    wall_clock_time_has_a_written_form,
];

/// Runs every check, each on a clock of its own.
///
/// # Panics
/// If a rule is broken.
pub async fn conformance<T: Clock + 'static>(make: impl AsyncFn() -> Arc<T>) {
    for (_, check) in CHECKS {
        check(make().await).await;
    }
}

fn assert_grows(clock: &dyn Clock, mut last: Monotonic) -> Monotonic {
    for _ in 0..10_000 {
        let now = clock.monotonic();
        assert!(now >= last, "monotonic time went back from {last:?} to {now:?}");
        last = now;
    }
    last
}

async fn monotonic_time_never_goes_back(clock: Subject) {
    assert_grows(&*clock, clock.monotonic());
}

async fn monotonic_time_never_goes_back_across_threads(clock: Subject) {
    let mut last = clock.monotonic();
    for _ in 0..4 {
        let seen = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| assert_grows(&*clock, last))).collect();
            threads.into_iter().map(|thread| thread.join().expect("time grows in every thread")).max()
        });
        last = last.max(seen.unwrap_or_default());
        assert!(clock.monotonic() >= last, "what one thread saw is past for all others");
    }
}

async fn a_time_since_a_later_point_is_zero(clock: Subject) {
    let later = clock.monotonic().after(Duration::from_secs(3600));
    assert_eq!(clock.monotonic().saturating_since(later), Duration::ZERO, "time since the future is zero");
}

async fn wall_clock_time_has_a_written_form(clock: Subject) {
    let now = clock.now();
    let written = serde_json::to_string(&now).expect("a time is written");
    let read: crate::exec::Timestamp = serde_json::from_str(&written).expect("and read back");
    assert_eq!(read, now, "{written} is the same time");
}
