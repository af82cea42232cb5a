//! The replicated map: entries with versions.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kailash_core::{Error, Result, Text, Value, exec::Token};
use serde::{Deserialize, Serialize};

use super::{
    Answer, Answered, Encoded, Expect, Keys, Refusal, Space, Timed, Timer, What,
    machine::{Turn, check_name},
};

/// An entry of the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the changes since it was made, from 1.
    pub version: u64,
    /// The log index of the command that made it.
    pub created: u64,
    /// The log index of the command that changed it last.
    pub modified: u64,
    /// Milliseconds from the last change to its end.
    pub ttl: Option<u64>,
    /// The value.
    pub value: Encoded,
}

/// The bytes of an entry before its value: version, created, modified, time to live (0 for none).
const HEAD: usize = 32;

impl Entry {
    /// The entry as it is kept.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEAD + self.value.len());
        for number in [self.version, self.created, self.modified, self.ttl.unwrap_or(0)] {
            bytes.put_u64_le(number);
        }
        bytes.put_slice(&self.value.0);
        bytes.freeze()
    }

    /// The entry that was kept.
    ///
    /// # Errors
    /// Kind `Internal` for bytes that are none.
    pub fn decode(mut bytes: Bytes) -> Result<Self> {
        if bytes.len() < HEAD {
            return Err(Error::internal("an entry of the replicated map cannot be read"));
        }
        let mut number = || bytes.get_u64_le();
        let (version, created, modified, ttl) = (number(), number(), number(), number());
        Ok(Self { version, created, modified, ttl: Some(ttl).filter(|ttl| *ttl > 0), value: Encoded(bytes) })
    }

    /// The entry called `key`.
    ///
    /// # Errors
    /// Failing or damaged storage.
    pub fn find(keys: &impl Keys, key: &str) -> Result<Option<Self>> {
        keys.get(&Space::Map.key(key))?.map(Self::decode).transpose()
    }
}

/// What a change makes of an entry: the new value, and what is answered beside the version.
struct Changed {
    value: Encoded,
    ttl: Option<u64>,
    tells: Tells,
}

/// What is answered beside the version.
#[derive(Default)]
struct Tells {
    old: Option<Encoded>,
    new: Option<Encoded>,
    length: u64,
}

/// Changes an entry, if it is what was expected.
fn change<K: Keys>(
    turn: &mut Turn<'_, K>,
    key: Text,
    expect: Expect,
    change: impl FnOnce(Option<&Entry>) -> Result<std::result::Result<Changed, Refusal>>,
) -> Result<Answered> {
    if let Err(refusal) = check_name("key", &key) {
        return Ok(Err(refusal));
    }
    let before = Entry::find(turn.keys, &key)?;
    if let Err(refusal) = check_expected(&key, expect, before.as_ref()) {
        return Ok(Err(refusal));
    }
    let Changed { value, ttl, tells } = match change(before.as_ref())? {
        Ok(changed) => changed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (version, created) = before.map_or((1, turn.index), |before| (before.version + 1, before.created));
    let entry = Entry { version, created, modified: turn.index, ttl, value };
    turn.keys.put(Space::Map.key(&key), entry.encode());
    turn.time(Timed::Entry(key.clone()), ttl.map(|ttl| Timer { token: Token(version), renewals: 0, ttl }));
    turn.tell(What::Put { key, value: entry.value, version });
    let Tells { old, new, length } = tells;
    Ok(Ok(Answer::Written { version, old, new, length }))
}

fn check_expected(key: &str, expect: Expect, found: Option<&Entry>) -> std::result::Result<(), Refusal> {
    let (fits, wanted) = match expect {
        Expect::Any => return Ok(()),
        Expect::Absent => (found.is_none(), "not there".to_owned()),
        Expect::Present => (found.is_some(), "there".to_owned()),
        Expect::Version(version) => {
            (found.is_some_and(|entry| entry.version == version), format!("of version {version}"))
        }
    };
    if fits {
        return Ok(());
    }
    let is = found.map_or("is not there".to_owned(), |entry| format!("has version {}", entry.version));
    Err(Refusal::conflict("map.version", format!("`{key}` {is}, but was expected to be {wanted}")))
}

pub(super) fn put<K: Keys>(
    turn: &mut Turn<'_, K>,
    key: Text,
    value: Encoded,
    expect: Expect,
    ttl: Option<u64>,
) -> Result<Answered> {
    change(turn, key, expect, |_| Ok(Ok(Changed { value, ttl, tells: Tells::default() })))
}

pub(super) fn increment<K: Keys>(turn: &mut Turn<'_, K>, key: &Text, by: &Encoded) -> Result<Answered> {
    change(turn, key.clone(), Expect::Any, |before| {
        let old = before.map_or(Ok(Value::Int(0)), |entry| entry.value.value())?;
        let Some(sum) = sum(&old, &by.value()?) else {
            let message = format!("`{key}` and what is added to it are no numbers, or their sum is none");
            return Ok(Err(Refusal::conflict("map.number", message)));
        };
        let (old, new) = (Encoded::of(&old)?, Encoded::of(&sum)?);
        let tells = Tells { old: Some(old), new: Some(new.clone()), length: 0 };
        Ok(Ok(Changed { value: new, ttl: before.and_then(|entry| entry.ttl), tells }))
    })
}

/// Whole numbers stay whole; none where that is not possible, and for what are no numbers.
fn sum(old: &Value, by: &Value) -> Option<Value> {
    match (old, by) {
        (Value::Int(old), Value::Int(by)) => old.checked_add(*by).map(Value::Int),
        _ => Some(old.as_f64()? + by.as_f64()?).filter(|sum| sum.is_finite()).map(Value::from),
    }
}

pub(super) fn append<K: Keys>(turn: &mut Turn<'_, K>, key: &Text, value: &Encoded) -> Result<Answered> {
    change(turn, key.clone(), Expect::Any, |before| {
        let list = before.map_or(Ok(Value::list(Vec::new())), |entry| entry.value.value())?;
        let Ok(mut list) = list.into_list() else {
            return Ok(Err(Refusal::conflict("map.list", format!("`{key}` is no list"))));
        };
        list.push(value.value()?);
        let tells = Tells { length: list.len() as u64, ..Tells::default() };
        let value = Encoded::of(&Value::list(list))?;
        Ok(Ok(Changed { value, ttl: before.and_then(|entry| entry.ttl), tells }))
    })
}

pub(super) fn delete<K: Keys>(turn: &mut Turn<'_, K>, key: Text, expect: Expect) -> Result<Answered> {
    let before = Entry::find(turn.keys, &key)?;
    let checked = check_name("key", &key).and_then(|()| check_expected(&key, expect, before.as_ref()));
    if let Err(refusal) = checked {
        return Ok(Err(refusal));
    }
    let existed = before.is_some();
    if existed {
        remove(turn, key, false);
    }
    Ok(Ok(Answer::Deleted { existed }))
}

pub(super) fn expire<K: Keys>(turn: &mut Turn<'_, K>, key: Text, version: u64) -> Result<Answered> {
    let before = Entry::find(turn.keys, &key)?;
    let over = before.is_some_and(|entry| entry.version == version && entry.ttl.is_some());
    if over {
        remove(turn, key, true);
    }
    Ok(Ok(Answer::Deleted { existed: over }))
}

fn remove<K: Keys>(turn: &mut Turn<'_, K>, key: Text, expired: bool) {
    turn.keys.delete(Space::Map.key(&key));
    turn.time(Timed::Entry(key.clone()), None);
    turn.tell(What::Deleted { key, expired });
}
