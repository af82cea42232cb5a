//! What runs need from outside (ports) and decide by rule (policies).

mod backoff;
mod blob;
mod breaker;
mod clock;
mod lease;
mod options;
mod run_log;

pub use backoff::{Backoff, Jitter, RetryPolicy};
pub use blob::{BlobRef, BlobStore, MemoryBlobStore};
pub use breaker::{Admitted, Breaker, BreakerPolicy, BreakerState};
pub use clock::{Clock, ManualClock, Monotonic, SystemClock, Timestamp};
pub use lease::{Grant, Lease, MemoryLease, Token};
pub use options::{FailurePolicy, NodeOptions};
pub(crate) use run_log::check_record;
pub use run_log::{Entry, MemoryRunLog, RunLog};
