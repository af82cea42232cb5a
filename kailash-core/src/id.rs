//! Who did what: runs, units of work and the keys derived from them.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    str::FromStr,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Error, Text,
    exec::{Clock, SystemClock},
};

/// One execution of one workflow: a UUID version 7 (RFC 9562), so that ids sort by start time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// A new id.
    #[must_use]
    pub fn generate() -> Self {
        let (millis, bytes) = next();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
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

/// How many ids there can be in a millisecond, as a power of two.
const COUNTED: u32 = 18;

/// The milliseconds of the next id and what follows them: a counter, so that ids of one process are in their order, and
/// bytes that nobody can guess: the same under SipHash with a key that the operating system gave this process once.
/// Asking it for every run would cost more than the rest of a small one.
fn next() -> (u64, [u8; 10]) {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = u64::try_from(SystemClock::default().now().unix_millis()).unwrap_or_default() << COUNTED;
    let after = |last: u64| now.max(last + 1);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
    let next = after(last.unwrap_or_else(|last| last));
    let count = next % (1 << COUNTED);
    // The version and the variant take the upper four bits of the first byte and the upper two of the third.
    let [high, low] = u16::to_be_bytes(u16::try_from(count >> 6).unwrap_or_default());
    let [a, b, c, d, e, f, g, _] = KEY.hash_one(next).to_le_bytes();
    (next >> COUNTED, [high, low, u8::try_from(count & 63).unwrap_or_default(), a, b, c, d, e, f, g])
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
    fn ids_are_of_version_7_in_order_and_of_this_moment() {
        let before = Uuid::now_v7();
        let ids: Vec<RunId> = (0..10_000).map(|_| RunId::generate()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        let (first, last) = (ids[0].0, ids[9_999].0);
        assert_eq!((first.get_version_num(), first.get_variant()), (7, uuid::Variant::RFC4122));
        assert!(before.as_u128() >> 80 <= first.as_u128() >> 80);
        assert!(last.as_u128() >> 80 <= Uuid::now_v7().as_u128() >> 80);
        let tails: std::collections::BTreeSet<_> =
            ids.iter().map(|id| id.0.as_u128() as u64 & ((1 << 56) - 1)).collect();
        assert_eq!(tails.len(), ids.len(), "what cannot be guessed differs");
    }

    #[test]
    fn a_run_id_reads_back_what_it_printed() {
        let id = RunId::generate();
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        assert_eq!("x".parse::<RunId>().unwrap_err().code(), "run.id");
    }
}
