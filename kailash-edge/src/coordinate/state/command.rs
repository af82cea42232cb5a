//! Commands: what is proposed.

use kailash_core::{Text, exec::Token};
use serde::{Deserialize, Serialize};

use super::Encoded;

/// A command, who asks, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Which request it is, so that one that is sent twice is carried out once.
    pub request: Request,
    /// The wall clock of who asks, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// What is asked for.
    pub command: Command,
}

/// The name of a request (C. Lee et al., "Implementing Linearizability at Large Scale and Low Latency", SOSP 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who asks: a number drawn by each process when it begins. Nobody's requests are told apart from each other if
    /// it is 0.
    pub client: u64,
    /// Which of the client's requests it is.
    pub number: u64,
    /// The client has the answers to all of its requests before this one.
    pub settled: u64,
}

impl Request {
    /// A request that may be carried out as often as it arrives.
    pub const ANY: Self = Self { client: 0, number: 0, settled: 0 };
}

/// What an entry must be for a command to change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// Whatever it is.
    #[default]
    Any,
    /// Not there.
    Absent,
    /// There.
    Present,
    /// Of this version.
    Version(u64),
}

/// A lease that must be held with this token for a command to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The lease's name.
    pub lease: Text,
    /// The token it was granted with.
    pub token: Token,
}

/// An event to be put in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvent {
    /// Names it in its group: an event with an id that was ordered before keeps its place. One without an id is new.
    pub id: Option<Text>,
    /// The ids of events that come before it.
    pub after: Vec<Text>,
    /// What happened.
    pub data: Encoded,
}

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Give an entry of the map a value.
    Put {
        /// The entry.
        key: Text,
        /// Its new value.
        value: Encoded,
        /// What it must be before.
        expect: Expect,
        /// Milliseconds until it goes by itself unless it is changed before.
        ttl: Option<u64>,
        /// The lease under which it is changed.
        fence: Option<Fence>,
    },
    /// Remove an entry of the map.
    Delete {
        /// The entry.
        key: Text,
        /// What it must be before.
        expect: Expect,
        /// The lease under which it is changed.
        fence: Option<Fence>,
    },
    /// Add a number to an entry of the map, which begins with zero.
    Increment {
        /// The entry.
        key: Text,
        /// The number that is added.
        by: Encoded,
        /// The lease under which it is changed.
        fence: Option<Fence>,
    },
    /// Add a value to the end of a list in the map, which begins empty.
    Append {
        /// The entry.
        key: Text,
        /// The value that is added.
        value: Encoded,
        /// The lease under which it is changed.
        fence: Option<Fence>,
    },
    /// Remove an entry whose time is over, unless it was changed since.
    Expire {
        /// The entry.
        key: Text,
        /// The version whose time is over.
        version: u64,
    },
    /// Take a lease that nobody holds.
    Acquire {
        /// The lease.
        lease: Text,
        /// Who takes it.
        holder: Text,
        /// Milliseconds until it lapses unless it is renewed.
        ttl: u64,
    },
    /// Take the leadership of a group, or learn who has it; who has it already renews it.
    Campaign {
        /// The lease that stands for the leadership.
        lease: Text,
        /// Who wants to lead.
        candidate: Text,
        /// Milliseconds until it lapses unless it is renewed.
        ttl: u64,
    },
    /// Let leases last for `ttl` from now.
    Renew {
        /// The leases and the tokens they were granted with.
        grants: Vec<(Text, Token)>,
        /// Milliseconds.
        ttl: u64,
    },
    /// Give a lease back.
    Release {
        /// The lease.
        lease: Text,
        /// The token it was granted with.
        token: Token,
    },
    /// Give a lease to somebody else, without a moment in which it is free.
    HandOver {
        /// The lease.
        lease: Text,
        /// The token it was granted with.
        token: Token,
        /// Who holds it then.
        to: Text,
    },
    /// End a lease whose time is over, unless it was renewed since.
    Lapse {
        /// The lease.
        lease: Text,
        /// The token it was granted with.
        token: Token,
        /// How often it had been renewed when its time began.
        renewals: u64,
    },
    /// Accept a proposal of a group.
    Propose {
        /// The group.
        group: Text,
        /// Names it in its group: one that was accepted before is accepted once. Without an id it is new.
        id: Option<Text>,
        /// Who proposes.
        proposer: Text,
        /// What is proposed.
        proposal: Encoded,
    },
    /// Put events of a group in order behind all that were ordered before.
    Order {
        /// The group.
        group: Text,
        /// The events.
        events: Vec<NewEvent>,
    },
}
