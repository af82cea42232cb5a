//! One log for everything that must survive: run journals, links, the Raft log, outboxes.
//!
//! ```text
//! append ──queue──> writer thread: encode all that waits, write, one fdatasync, answer all     (group commit)
//!                                       │
//!            00000000000000000000.log   00000000000000000417.log   ...        (segments, by their first index)
//! ```
//! Records are opaque and numbered densely from 0. What was answered survives the power going off. On opening, a torn
//! tail is cut; damage anywhere else is refused, because records behind it were promised. [`Salvage`] reads what such
//! damage has left.

mod blobs;
mod disk;
mod open;
mod queue;
mod read_only;
mod record;
mod runner;
mod runs;
mod salvage;
mod segment;
mod segment_log;
mod writer;

#[cfg(test)]
mod tests;

pub use blobs::FolderBlobStore;
pub use disk::{Disk, DiskFile, Folder, disk_error};
pub use read_only::ReadOnlyFolder;
pub use runner::{Runner, Work};
pub use runs::SegmentRunLog;
pub use salvage::{Damage, Doubt, FoundRun, Salvage};
pub use segment_log::{Appended, LogSettings, SegmentLog};
