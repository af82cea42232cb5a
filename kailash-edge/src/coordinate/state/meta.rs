//! What is known besides the keys: small, in memory, and a part of every snapshot.

use std::collections::BTreeMap;

use kailash_core::{Text, exec::Token};
use serde::{Deserialize, Serialize};

use super::{Hlc, requests::Requests};

/// What is known besides the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The point in hybrid time of the last command.
    pub(super) clock: Hlc,
    pub(super) requests: Requests,
    /// What ends by itself unless something is done.
    pub(super) timers: BTreeMap<Timed, Timer>,
}

impl Meta {
    /// The point in hybrid time of the last command.
    #[must_use]
    pub fn clock(&self) -> Hlc {
        self.clock
    }

    /// What ends by itself unless something is done.
    #[must_use]
    pub fn timers(&self) -> &BTreeMap<Timed, Timer> {
        &self.timers
    }
}

/// What ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timed {
    /// A lease.
    Lease(Text),
    /// An entry of the map.
    Entry(Text),
}

/// When something ends, counted from the moment at which its time began. That moment is not told: it is the leader's
/// own clock that says when the time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Tells this time from earlier ones of the same thing: the token of a lease, the version of an entry.
    pub token: Token,
    /// How often a lease was renewed.
    pub renewals: u64,
    /// Milliseconds.
    pub ttl: u64,
}
