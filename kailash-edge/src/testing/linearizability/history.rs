//! What clients asked of the replicated map, what they were told, and when.

use kailash_core::{Text, Value};
use serde::{Deserialize, Serialize};

use crate::coordinate::state::Expect;

/// What was asked of one entry of the map. Entries that go by themselves have no place in a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// The entry.
    Get,
    /// Give it a value if it is what is expected: compare-and-set expects a version.
    Put {
        /// The new value.
        value: Value,
        /// What it must be before.
        #[serde(default)]
        expect: Expect,
    },
    /// Add a value to the end of a list, which begins empty.
    Append {
        /// The value that is added.
        value: Value,
    },
    /// Remove it if it is what is expected.
    Delete {
        /// What it must be before.
        #[serde(default)]
        expect: Expect,
    },
}

/// An entry as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Counts the changes since it was made, from 1.
    pub version: u64,
    /// Its value.
    pub value: Value,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The entry, or that there is none.
    Found(Option<Seen>),
    /// It has a new value.
    Written {
        /// Counts the changes since it was made, from 1.
        version: u64,
        /// How long the list is now; only of an append.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// It is not there any more.
    Deleted {
        /// Whether it was there.
        existed: bool,
    },
    /// It was not what was expected, or is no list: nothing was changed.
    Refused,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With an answer.
    Answered {
        /// When the client had it.
        at: u64,
        /// The answer.
        told: Told,
    },
    /// Nobody knows: it may have happened at any moment since it was asked for, may still happen, or never.
    Unknown,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Who asked.
    pub client: u64,
    /// Which entry.
    pub key: Text,
    /// What was asked.
    pub asked: Asked,
    /// When it was asked, at the latest: before anybody else could know of it.
    pub called: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// Operations in any order. Times are of one clock, in whatever unit it counts; what has the same time is taken to
/// overlap. Operations that are known to have never happened are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History {
    /// The operations.
    pub operations: Vec<Operation>,
}

impl History {
    /// Notes that `client` asks at `called`. Returns the operation's place, by which its answer is noted; without one
    /// its outcome is unknown.
    pub fn call(&mut self, client: u64, key: impl Into<Text>, asked: Asked, called: u64) -> usize {
        let operation = Operation { client, key: key.into(), asked, called, outcome: Outcome::Unknown };
        self.operations.push(operation);
        self.operations.len() - 1
    }

    /// Notes that the operation at `place` was answered at `at`.
    pub fn answer(&mut self, place: usize, told: Told, at: u64) {
        if let Some(operation) = self.operations.get_mut(place) {
            operation.outcome = Outcome::Answered { at, told };
        }
    }

    /// How many operations were answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.operations.iter().filter(|operation| operation.told().is_some()).count()
    }
}

impl Operation {
    /// What was answered, if anything was.
    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        match &self.outcome {
            Outcome::Answered { told, .. } => Some(told),
            Outcome::Unknown => None,
        }
    }

    /// When it was answered, if it was.
    #[must_use]
    pub fn answered(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Answered { at, .. } => Some(at),
            Outcome::Unknown => None,
        }
    }
}
