//! What a member keeps on its disk: its identity, its vote, the log, and snapshots of the state.
//!
//! ```text
//! member.N   who this is                          Sealed
//! vote.N     whom it voted for, and when          Sealed
//! purged.N   up to where the log was forgotten    Sealed
//! I.log      the log                              SegmentLog: one writer, group commit, torn tail cut
//! I-N.snap   the state as of log index I          Table
//! ```
//! Nothing that was answered is ever only in memory. Damage is refused when it is found, with a way out.

mod entry;
mod history;
mod kept;
mod log;
mod machine;
mod sealed;
mod snapshot;
#[cfg(test)]
mod tests;
mod timed;

pub use history::{History, Lost};
pub use log::LogStore;
pub use machine::MachineStore;
pub(in crate::coordinate) use sealed::Sealed;
pub use snapshot::SnapshotFile;
pub(in crate::coordinate) use timed::TimedDisk;

/// An error of ours as openraft wants it.
fn io(error: kailash_core::Error) -> std::io::Error {
    std::io::Error::other(error)
}

/// Does blocking work without keeping the executor's other tasks from running.
pub(in crate::coordinate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
