//! Whom a member tells of its work: what it counts, and what happens to the group.

use std::{fmt, sync::Arc, time::Duration};

use super::Happened;

/// Is told of a member's work, on the way: it must not wait for anything.
pub trait Observer: Send + Sync {
    /// A proposal of this host was answered `took` after it was made.
    fn committed(&self, took: Duration);

    /// The disk took `took` until what was written would survive the power going off.
    fn synced(&self, took: Duration);

    /// Something happened to the group.
    fn happened(&self, happened: &Happened);
}

/// Tells nobody.
struct Nobody;

impl Observer for Nobody {
    fn committed(&self, _: Duration) {}

    fn synced(&self, _: Duration) {}

    fn happened(&self, _: &Happened) {}
}

/// Whom a member tells.
#[derive(Clone)]
pub struct Observing(pub Arc<dyn Observer>);

impl Default for Observing {
    fn default() -> Self {
        Self(Arc::new(Nobody))
    }
}

impl fmt::Debug for Observing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observing")
    }
}
