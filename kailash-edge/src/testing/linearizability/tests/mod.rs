//! Histories of which it is known whether they can be true.

mod generated;
mod known;

use kailash_core::Value;

use super::{Asked, History, STEPS, Seen, Told, Verdict, check};
use crate::coordinate::state::Expect;

/// An operation on `k`: who, from when to when (0 for unknown), what, and what was answered.
type Line = (u64, u64, u64, Asked, Told);

fn history(lines: impl IntoIterator<Item = Line>) -> History {
    let mut history = History::default();
    for (client, called, at, asked, told) in lines {
        let place = history.call(client, "k", asked, called);
        if at > 0 {
            history.answer(place, told, at);
        }
    }
    history
}

fn verdict(lines: impl IntoIterator<Item = Line>) -> Verdict {
    check(&history(lines), STEPS)
}

fn put(value: u64) -> Asked {
    Asked::Put { value: Value::from(value), expect: Expect::Any }
}

fn append(value: u64) -> Asked {
    Asked::Append { value: Value::from(value) }
}

fn swap(version: u64, value: u64) -> Asked {
    Asked::Put { value: Value::from(value), expect: Expect::Version(version) }
}

fn delete() -> Asked {
    Asked::Delete { expect: Expect::Any }
}

fn written(version: u64) -> Told {
    Told::Written { version, length: None }
}

fn grown(version: u64, length: u64) -> Told {
    Told::Written { version, length: Some(length) }
}

fn found(version: u64, value: impl Into<Value>) -> Told {
    Told::Found(Some(Seen { version, value: value.into() }))
}

const NOTHING: Told = Told::Found(None);
