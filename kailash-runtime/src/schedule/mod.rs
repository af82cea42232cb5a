//! The scheduler: a pure state machine over dense arrays. Completions go in, ready units come out; it knows no clock,
//! no thread and no future.
//!
//! ```text
//!            next()                     complete(unit, outputs)
//! ready ──────────────> driver runs it ──────────────────────────> slots ─┐
//!   ^                                                                     │
//!   └── a successor whose last predecessor is done or skipped <───────────┘
//! ```
//! A cycle, a nested workflow or a foreach opens *frames*: arrays of their own for each turn or item. Frame numbers are
//! never used twice, so that a result that comes too late finds nobody.

mod frame;
mod gather;
mod scopes;
mod state;
#[cfg(all(test, feature = "testing"))]
mod tests;

pub(crate) use frame::{Lineage, Status};
pub(crate) use state::{Failure, Note, Ready, Schedule, too_many};
