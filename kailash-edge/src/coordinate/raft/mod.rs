//! What openraft is told of this cluster: its types, its clock and dice, its settings.

mod runtime;
mod types;
pub mod watch;

pub(in crate::coordinate) use runtime::draw;
pub use runtime::{Dice, RaftRuntime, with_seed};
pub use types::{
    Applied, Entry, LogId, Member, MemberId, Membership, Proposed, Raft, Snapshot, SnapshotMeta,
    StoredMembership, Types, Vote,
};
