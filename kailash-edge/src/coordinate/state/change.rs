//! What watchers are told.

use kailash_core::{Text, exec::Token};
use serde::{Deserialize, Serialize};

use super::{Encoded, Hlc};

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The log index of the command.
    pub index: u64,
    /// When it was carried out.
    pub at: Hlc,
    /// What changed.
    pub what: What,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// An entry of the map has a new value.
    Put {
        /// The entry.
        key: Text,
        /// Its value.
        value: Encoded,
        /// Its version.
        version: u64,
    },
    /// An entry of the map is gone.
    Deleted {
        /// The entry.
        key: Text,
        /// Whether its time was over.
        expired: bool,
    },
    /// A lease has a new holder.
    Granted {
        /// The lease.
        lease: Text,
        /// Who holds it.
        holder: Text,
        /// The token it was granted with.
        token: Token,
        /// Counts the holders of a leadership.
        epoch: u64,
    },
    /// A lease is free.
    Freed {
        /// The lease.
        lease: Text,
        /// The token it was held with.
        token: Token,
        /// Whether its time was over.
        lapsed: bool,
    },
    /// A proposal of a group was accepted.
    Accepted {
        /// The group.
        group: Text,
        /// Who proposed.
        proposer: Text,
        /// What was proposed.
        proposal: Encoded,
    },
    /// An event of a group has its place.
    Ordered {
        /// The group.
        group: Text,
        /// The event's id.
        id: Text,
        /// Its place.
        place: u64,
        /// What happened.
        data: Encoded,
    },
}

impl Change {
    /// How many bytes of memory it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let content = match &self.what {
            What::Put { key, value, .. } => key.len() + value.len(),
            What::Deleted { key, .. } => key.len(),
            What::Granted { lease, holder, .. } => lease.len() + holder.len(),
            What::Freed { lease, .. } => lease.len(),
            What::Accepted { group, proposer, proposal } => group.len() + proposer.len() + proposal.len(),
            What::Ordered { group, id, data, .. } => group.len() + id.len() + data.len(),
        };
        size_of::<Self>() + content
    }
}
