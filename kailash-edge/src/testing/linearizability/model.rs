//! One entry of the map as it would be if everything happened one after the other.

use kailash_core::Value;

use super::history::{Asked, Seen, Told};
use crate::coordinate::state::Expect;

/// What an entry is; none if it is not there.
pub(super) type State = Option<Seen>;

/// What `asked` makes of an entry that is `state`, and what it answers.
pub(super) fn carry_out(state: &State, asked: &Asked) -> (State, Told) {
    let version = state.as_ref().map_or(1, |seen| seen.version + 1);
    let written = |value: Value, length| (Some(Seen { version, value }), Told::Written { version, length });
    match asked {
        Asked::Get => (state.clone(), Told::Found(state.clone())),
        Asked::Put { expect, .. } | Asked::Delete { expect } if !is(state, *expect) => {
            (state.clone(), Told::Refused)
        }
        Asked::Put { value, .. } => written(value.clone(), None),
        Asked::Append { value } => match list(state) {
            Some(mut list) => {
                list.push(value.clone());
                let length = list.len() as u64;
                written(Value::list(list), Some(length))
            }
            None => (state.clone(), Told::Refused),
        },
        Asked::Delete { .. } => (None, Told::Deleted { existed: state.is_some() }),
    }
}

fn is(state: &State, expect: Expect) -> bool {
    match expect {
        Expect::Any => true,
        Expect::Absent => state.is_none(),
        Expect::Present => state.is_some(),
        Expect::Version(version) => state.as_ref().is_some_and(|seen| seen.version == version),
    }
}

/// The list that an append adds to; none if there is something else.
fn list(state: &State) -> Option<Vec<Value>> {
    match state {
        Some(seen) => seen.value.clone().into_list().ok(),
        None => Some(Vec::new()),
    }
}
