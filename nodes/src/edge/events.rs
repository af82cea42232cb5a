//! Events that are given to be put in order, and told in it.

use std::collections::BTreeMap;

use kailash_core::{Error, Map, Result, Text, Value, value};
use kailash_edge::coordinate::state::{Encoded, Hlc, NewEvent, OrderedEvent};

/// Events as they were given, by their ids.
pub(super) struct Given {
    events: Vec<(Text, Vec<Text>, Value)>,
}

impl Given {
    /// Reads events: maps with `id` and `depends_on`, or whatever else. One without an id is called by `key` and its place.
    ///
    /// # Errors
    /// Kind `Invalid`, code `coordination.event`.
    pub(super) fn read(events: &[Value], key: &str) -> Result<Self> {
        let events = events.iter().enumerate().map(|(at, event)| {
            let named = |names: [&str; 2]| {
                names.into_iter().find_map(|name| event.get(name)).filter(|v| !v.is_null())
            };
            let id = match named(["id", "event_id"]) {
                None => format!("{key}-{at}").into(),
                Some(Value::Str(id)) => id.clone(),
                Some(Value::Int(id)) => id.to_string().into(),
                Some(other) => return Err(wrong(at, "id", &format!("an id is text, not {}", other.kind()))),
            };
            let after = match named(["depends_on", "dependencies"]) {
                None => Vec::new(),
                Some(list) => texts(list).ok_or_else(|| wrong(at, "depends_on", "it lists ids of events"))?,
            };
            Ok((id, after, event.clone()))
        });
        Ok(Self { events: events.collect::<Result<_>>()? })
    }

    /// What is proposed.
    ///
    /// # Errors
    /// A value that cannot be written.
    pub(super) fn proposed(&self) -> Result<Vec<NewEvent>> {
        let event = |(id, after, data): &(Text, Vec<Text>, Value)| {
            Ok(NewEvent { id: Some(id.clone()), after: after.clone(), data: Encoded::of(data)? })
        };
        self.events.iter().map(event).collect()
    }

    /// The events in their order, each with its place.
    pub(super) fn in_order(&self, ordered: &[OrderedEvent]) -> Value {
        let by_id: BTreeMap<&Text, &Value> = self.events.iter().map(|(id, _, data)| (id, data)).collect();
        let told = ordered.iter().map(|OrderedEvent { id, place, duplicate }| {
            let event = by_id.get(id).copied().cloned().unwrap_or_default();
            value!({"id": (id.clone()), "position": (*place), "duplicate": (*duplicate), "event": (event)})
        });
        told.collect::<Vec<_>>().into()
    }

    /// What each event comes after, by its id.
    pub(super) fn dependencies(&self) -> Value {
        let dependent = self.events.iter().filter(|(_, after, _)| !after.is_empty());
        let told = dependent.map(|(id, after, _)| {
            (id.clone(), Value::list(after.iter().cloned().map(Value::from).collect()))
        });
        told.collect::<Map>().into()
    }
}

/// A point in hybrid time as people and JSON see it.
pub(super) fn clock(at: Hlc) -> Value {
    value!({"millis": (at.millis), "logical": (at.logical)})
}

fn texts(list: &Value) -> Option<Vec<Text>> {
    list.as_list()?.iter().map(|id| id.as_str().map(Text::from)).collect()
}

fn wrong(at: usize, name: &str, what: &str) -> Error {
    Error::invalid("coordination.event", what.to_owned()).at(format!("events[{at}].{name}"))
}
