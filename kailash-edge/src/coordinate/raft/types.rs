//! The types of this cluster's Raft group.

use std::fmt;

use bytes::Bytes;
use kailash_core::{Error, Result, Text};
use openraft::{StoredMembership as Stored, declare_raft_types, impls::leader_id_adv::LeaderId};
use serde::{Deserialize, Serialize};

use super::RaftRuntime;
use crate::coordinate::{
    state::{Answered, Proposal},
    store::{MachineStore, SnapshotFile},
};

/// A member of the cluster: drawn when its folder is made, and never used again.
pub type MemberId = u64;

declare_raft_types!(
    /// The types of this cluster's Raft group.
    pub Types:
        D = Proposed,
        R = Applied,
        Node = Member,
        AsyncRuntime = RaftRuntime,
);

/// The Raft group as a member sees it.
pub type Raft = openraft::Raft<Types, MachineStore>;
/// A record of the log.
pub type Entry = openraft::type_config::alias::EntryOf<Types>;
/// The place of an entry: its index and who led when it was proposed.
pub type LogId = openraft::LogId<LeaderId<u64, MemberId>>;
/// A vote, or the leadership it led to.
pub type Vote = openraft::type_config::alias::VoteOf<Types>;
/// Who votes and who only learns.
pub type Membership = openraft::Membership<MemberId, Member>;
/// A membership with the log id of the entry that it came with.
pub type StoredMembership = Stored<LeaderId<u64, MemberId>, MemberId, Member>;
/// What a snapshot holds.
pub type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<Types>;
/// A snapshot.
pub type Snapshot = openraft::type_config::alias::SnapshotOf<Types, SnapshotFile>;

/// What all members know of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The name of its host.
    pub host: Text,
    /// Where its peers reach it, as `host:port`.
    pub address: Text,
}

/// A proposal as it travels and rests: written once, read when it is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proposed(pub Bytes);

impl Proposed {
    /// The bytes of `proposal`.
    ///
    /// # Errors
    /// Kind `Internal` for one that cannot be written.
    pub fn of(proposal: &Proposal) -> Result<Self> {
        let bytes = rmp_serde::to_vec(proposal);
        bytes.map(|bytes| Self(bytes.into())).map_err(|error| Error::internal(format!("a proposal: {error}")))
    }

    /// The proposal.
    ///
    /// # Errors
    /// Kind `Internal` for bytes that are none.
    pub fn proposal(&self) -> Result<Proposal> {
        rmp_serde::from_slice(&self.0)
            .map_err(|error| Error::internal(format!("a proposal cannot be read: {error}")))
    }
}

impl fmt::Display for Proposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied(pub Option<Answered>);
