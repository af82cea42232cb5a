//! How a run begins, where the defaults will not do.

use std::any::Any;

use kailash_core::{Map, RunId, Text, Value, node::BoxFuture};

/// How a run begins.
#[derive(Default)]
pub struct Start {
    /// Its id; a new one if it is not given. A run that is resumed keeps its own.
    pub id: Option<RunId>,
    /// What its journal notes beside it, to be found again in [`Past::labels`](crate::Past::labels).
    pub labels: Map,
    /// Whether its events are kept for [`RunHandle::events`](crate::RunHandle::events).
    pub listened: bool,
    /// A signal that the run gets before anything else happens: for one that is resumed because of it.
    pub signal: Option<(Text, Value)>,
    /// Awaited before anything of the run happens but the first record of its journal. What it gives is dropped when the
    /// run has ended: a permit of those who limit how many run at a time.
    pub admission: Option<BoxFuture<'static, Permit>>,
}

/// What an admission gives.
pub type Permit = Box<dyn Any + Send>;

impl Start {
    /// A run whose events are listened to.
    #[must_use]
    pub fn listened() -> Self {
        Self { listened: true, ..Self::default() }
    }
}
