//! Where everything is kept: one ordered map of bytes, in spaces that do not meet.

use std::collections::BTreeMap;

use bytes::Bytes;
use kailash_core::Result;

/// Keys and values in order, on disk or in memory.
pub trait Keys {
    /// The value of `key`.
    ///
    /// # Errors
    /// Failing or damaged storage.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// Gives `key` a value.
    fn put(&mut self, key: Bytes, value: Bytes);

    /// Forgets `key`.
    fn delete(&mut self, key: Bytes);
}

impl Keys for BTreeMap<Bytes, Bytes> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.get(key).cloned())
    }

    fn put(&mut self, key: Bytes, value: Bytes) {
        self.insert(key, value);
    }

    fn delete(&mut self, key: Bytes) {
        self.remove(&key);
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Entries of the replicated map, by key.
    Map,
    /// Leases, by name.
    Lease,
    /// How many events a group has ordered, by group.
    Count,
    /// The place of an ordered event, by group and id.
    Event,
    /// The id of an ordered event, by group and place.
    Place,
    /// The last accepted proposal, by group.
    Accepted,
}

impl Space {
    const fn mark(self) -> u8 {
        match self {
            Self::Map => b'm',
            Self::Lease => b'l',
            Self::Count => b'c',
            Self::Event => b'e',
            Self::Place => b'p',
            Self::Accepted => b'a',
        }
    }

    /// The key of `name` in this space.
    #[must_use]
    pub fn key(self, name: &str) -> Bytes {
        self.key_of(&[name.as_bytes()])
    }

    /// The key of `parts` in this space; no part but the last has zero bytes.
    pub(super) fn key_of(self, parts: &[&[u8]]) -> Bytes {
        let length: usize = parts.iter().map(|part| part.len() + 1).sum();
        let mut key = Vec::with_capacity(length);
        key.push(self.mark());
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                key.push(0);
            }
            key.extend_from_slice(part);
        }
        key.into()
    }
}

/// The name in a key that was made of one.
#[must_use]
pub fn name_of(key: &[u8]) -> &str {
    key.get(1..).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}
