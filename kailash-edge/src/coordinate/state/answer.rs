//! What became of a command.

use kailash_core::{Error, ErrorKind, Retry, Text, exec::Token};
use serde::{Deserialize, Serialize};

use super::{Encoded, Hlc};

/// What became of a command.
pub type Answered = Result<Answer, Refusal>;

/// What a command that was carried out answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// An entry has a new value.
    Written {
        /// Counts the changes of the entry since it was made, from 1.
        version: u64,
        /// The value before; only of `Increment` and `Append`.
        old: Option<Encoded>,
        /// The value now; only of `Increment`.
        new: Option<Encoded>,
        /// How long the list is now; only of `Append`.
        length: u64,
    },
    /// An entry is not there any more.
    Deleted {
        /// Whether it was there.
        existed: bool,
    },
    /// A lease and who holds it now: in answer to `Campaign` that may be somebody else.
    Held(Granted),
    /// For each lease whether it was renewed.
    Renewed(Vec<bool>),
    /// A lease was given back, or its time was over.
    Released {
        /// Whether it was held with that token.
        held: bool,
    },
    /// A proposal was accepted.
    Accepted {
        /// The log index at which it was accepted first.
        index: u64,
        /// Its place in the group, among proposals and events, from 0.
        place: u64,
        /// When.
        at: Hlc,
    },
    /// Events have places.
    Ordered {
        /// The events in order.
        events: Vec<OrderedEvent>,
        /// When.
        at: Hlc,
    },
}

/// A lease in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The lease's name.
    pub lease: Text,
    /// Who holds it.
    pub holder: Text,
    /// The token it was granted with: larger than all before it.
    pub token: Token,
    /// Counts the holders of a leadership; always 1 of other leases.
    pub epoch: u64,
    /// When it was granted.
    pub since: Hlc,
}

/// An event with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedEvent {
    /// Its id, which it was given if it had none.
    pub id: Text,
    /// Its place in the group, from 0.
    pub place: u64,
    /// Whether it had that place before.
    pub duplicate: bool,
}

/// Why a command was not carried out. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind of the error that it is.
    pub kind: ErrorKind,
    /// The code of the error that it is.
    pub code: Text,
    /// What people are told.
    pub message: Text,
}

impl Refusal {
    pub(super) fn new(kind: ErrorKind, code: &str, message: impl Into<Text>) -> Self {
        Self { kind, code: code.into(), message: message.into() }
    }

    pub(super) fn conflict(code: &str, message: impl Into<Text>) -> Self {
        Self::new(ErrorKind::Conflict, code, message)
    }

    pub(super) fn invalid(code: &str, message: impl Into<Text>) -> Self {
        Self::new(ErrorKind::Invalid, code, message)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.kind, refusal.code.to_string(), &*refusal.message).with_retry(Retry::Never)
    }
}
