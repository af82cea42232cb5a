//! What openraft is told of this cluster: its types, its clock and dice, its settings.

mod runtime;
mod types;

pub use runtime::{Dice, RaftRuntime, with_seed};
pub use types::{
    Applied, Entry, LogId, Member, MemberId, Membership, Proposed, Raft, Snapshot, SnapshotMeta,
    StoredMembership, Types, Vote,
};
