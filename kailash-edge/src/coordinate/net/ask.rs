//! What members ask each other for on behalf of their clients.

use kailash_core::{Error, ErrorKind, Retry, Text};
use openraft::errors::ForwardToLeader;
use serde::{Deserialize, Serialize};

use super::ClusterId;
use crate::coordinate::{
    StateAsk, StateTold, Status,
    raft::{Applied, Member, MemberId, Proposed, Types},
};

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ask {
    /// Carry this out. Only the leader can.
    Propose(Proposed),
    /// Up to where must I have carried out the log to see all that was answered before? Only the leader knows.
    ReadIndex,
    /// Take me in. Only the leader can.
    Join {
        /// Who asks.
        id: MemberId,
        /// Where it is.
        member: Member,
        /// Whether it is to vote, or only to learn.
        voter: bool,
    },
    /// Let a member go. Only the leader can.
    Leave {
        /// Which.
        id: MemberId,
    },
    /// How do you and the group stand?
    Status,
    /// Let somebody else lead who can. Only the leader can.
    HandOver,
    /// Do this with some state. Only its owner can.
    State {
        /// Which state.
        state_id: Text,
        /// What is asked.
        ask: StateAsk,
    },
}

/// What is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Told {
    /// It was carried out.
    Proposed {
        /// Its log index.
        index: u64,
        /// The term in which it was proposed.
        term: u64,
        /// What became of it.
        applied: Applied,
    },
    /// The log must be carried out up to here.
    ReadIndex(Option<u64>),
    /// It is done.
    Done(ClusterId),
    /// How it and the group stand.
    Status(Status),
    /// What the owner of some state says.
    State(StateTold),
    /// Somebody else leads, as far as is known.
    Leader(Option<(MemberId, Member)>),
}

impl Told {
    /// What a member that does not lead says.
    pub(in crate::coordinate) fn led_by(forward: ForwardToLeader<Types>) -> Self {
        Self::Leader(forward.leader_id.zip(forward.leader_node))
    }
}

/// An error that travels.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Failed {
    kind: ErrorKind,
    code: Text,
    message: Text,
    hint: Option<Text>,
    never: bool,
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            code: error.code().into(),
            message: error.message().into(),
            hint: error.hint().map(Text::from),
            never: error.retry() == Retry::Never,
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        let mut error = Self::new(failed.kind, failed.code.to_string(), &*failed.message);
        if let Some(hint) = failed.hint {
            error = error.with_hint(&*hint);
        }
        if failed.never { error.with_retry(Retry::Never) } else { error }
    }
}
