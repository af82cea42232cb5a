//! Who did what: runs, units of work and the keys derived from them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, Text};

/// One execution of one workflow: a UUID version 7 (RFC 9562), so that ids sort by start time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// A new id.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id with the given 128 bits, for replays and tests.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }

    /// The 16 bytes of the id, big-endian.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Uuid::parse_str(text)
            .map(Self)
            .map_err(|error| Error::invalid("run.id", format!("`{text}`: {error}")))
    }
}

/// One step down from a run to a unit: a node, and which turn and item of its scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// The node's id in its workflow.
    pub node: Text,
    /// The turn of the cycle that the node stands in, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub iteration: u32,
    /// The position of the item in the foreach that the node stands in, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub item: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// One unit of work: (run, node path, iteration, item). A result commits once per unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnitId {
    /// The run.
    pub run: RunId,
    /// The way from the workflow to the node, outermost first; more than one step inside nested scopes.
    pub path: Vec<Step>,
}

impl UnitId {
    /// A key that is the same for every attempt at this unit: 128 bits of BLAKE3 in hex.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.run.as_bytes());
        for step in &self.path {
            hasher.update(&(step.node.len() as u64).to_le_bytes());
            hasher.update(step.node.as_bytes());
            hasher.update(&step.iteration.to_le_bytes());
            hasher.update(&step.item.to_le_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

impl fmt::Display for UnitId {
    /// The path as `outer[2]/inner#1`: `[i]` is an item, `#n` an iteration; zeros are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.path.iter().enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            f.write_str(&step.node)?;
            if step.item > 0 {
                write!(f, "[{}]", step.item)?;
            }
            if step.iteration > 0 {
                write!(f, "#{}", step.iteration)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(node: &str, iteration: u32) -> UnitId {
        let path = vec![Step { node: node.into(), iteration, item: 0 }];
        UnitId { run: RunId::from_u128(7), path }
    }

    #[test]
    fn a_key_is_stable_and_differs_between_units() {
        assert_eq!(unit("a", 1).idempotency_key(), unit("a", 1).idempotency_key());
        assert_ne!(unit("a", 1).idempotency_key(), unit("a", 2).idempotency_key());
        assert_ne!(unit("a", 1).idempotency_key(), unit("b", 1).idempotency_key());
        assert_eq!(unit("a", 1).idempotency_key().len(), 32);
    }

    #[test]
    fn a_unit_prints_as_its_path() {
        assert_eq!(unit("inc", 4).to_string(), "inc#4");
    }

    #[test]
    fn a_run_id_reads_back_what_it_printed() {
        let id = RunId::generate();
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        assert_eq!("x".parse::<RunId>().unwrap_err().code(), "run.id");
    }
}
