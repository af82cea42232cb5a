//! Proposals and events of a group in one order for everybody.

use std::collections::BTreeMap;

use bytes::Bytes;
use kailash_core::{Error, Result, Text};

use super::{
    Answer, Answered, Encoded, Keys, NewEvent, OrderedEvent, Refusal, Space, What,
    machine::{Turn, check_name},
};

/// How many ordered events of a group are remembered by their ids.
pub(super) const REMEMBERED: u64 = 65_536;

pub(super) fn propose<K: Keys>(
    turn: &mut Turn<'_, K>,
    group: Text,
    proposer: Text,
    proposal: Encoded,
) -> Result<Answered> {
    if let Err(refusal) = check_name("group", &group) {
        return Ok(Err(refusal));
    }
    turn.keys.put(Space::Accepted.key(&group), proposal.0.clone());
    turn.tell(What::Accepted { group, proposer, proposal });
    Ok(Ok(Answer::Accepted { at: turn.at }))
}

pub(super) fn order<K: Keys>(
    turn: &mut Turn<'_, K>,
    group: &Text,
    events: Vec<NewEvent>,
) -> Result<Answered> {
    let named = match check_name("group", group).and_then(|()| named(turn.index, events)) {
        Ok(named) => named,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut places = Places::of(turn.keys, group)?;
    let sorted = match places.sort(named)? {
        Ok(sorted) => sorted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut ordered = Vec::with_capacity(sorted.len());
    let first_new = places.count;
    let mut told = Vec::new();
    for Named { id, data, .. } in sorted {
        let (place, duplicate) = match places.of_event(&id)? {
            Some(place) => (place, true),
            None => (places.take(&id), false),
        };
        if !duplicate {
            told.push(What::Ordered { group: group.clone(), id: id.clone(), place, data });
        }
        ordered.push(OrderedEvent { id, place, duplicate });
    }
    places.keep(first_new)?;
    told.into_iter().for_each(|what| turn.tell(what));
    ordered.sort_unstable_by_key(|event| event.place);
    Ok(Ok(Answer::Ordered { events: ordered, at: turn.at }))
}

/// An event that has an id.
struct Named {
    id: Text,
    after: Vec<Text>,
    data: Encoded,
}

/// Gives an id to every event that has none.
fn named(index: u64, events: Vec<NewEvent>) -> std::result::Result<Vec<Named>, Refusal> {
    let mut named = Vec::with_capacity(events.len());
    for (at, NewEvent { id, after, data }) in events.into_iter().enumerate() {
        let id = id.unwrap_or_else(|| format!("{index}-{at}").into());
        check_name("event id", &id)?;
        named.push(Named { id, after, data });
    }
    Ok(named)
}

/// The places of a group's events.
struct Places<'k, K> {
    keys: &'k mut K,
    group: Text,
    /// The place that the next event gets.
    count: u64,
    /// Events that get their places now.
    new: BTreeMap<Text, u64>,
}

impl<'k, K: Keys> Places<'k, K> {
    fn of(keys: &'k mut K, group: &Text) -> Result<Self> {
        let count = keys.get(&Space::Count.key(group))?.map_or(Ok(0), |bytes| number(&bytes))?;
        Ok(Self { keys, group: group.clone(), count, new: BTreeMap::new() })
    }

    /// The place of an event that has one.
    fn of_event(&self, id: &Text) -> Result<Option<u64>> {
        if let Some(place) = self.new.get(id) {
            return Ok(Some(*place));
        }
        let key = Space::Event.key_of(&[self.group.as_bytes(), id.as_bytes()]);
        self.keys.get(&key)?.map(|bytes| number(&bytes)).transpose()
    }

    fn take(&mut self, id: &Text) -> u64 {
        let place = self.count;
        self.new.insert(id.clone(), place);
        self.count += 1;
        place
    }

    /// Puts every event behind those it comes after, and leaves the order as it is where that says nothing.
    fn sort(&self, events: Vec<Named>) -> Result<std::result::Result<Vec<Named>, Refusal>> {
        let mut waiting: Vec<Option<Named>> = events.into_iter().map(Some).collect();
        let mut left: BTreeMap<Text, usize> = BTreeMap::new();
        for event in waiting.iter().flatten() {
            *left.entry(event.id.clone()).or_default() += 1;
        }
        let mut sorted = Vec::with_capacity(waiting.len());
        while sorted.len() < waiting.len() {
            let before = sorted.len();
            for slot in &mut waiting {
                let Some(event) = slot.take_if(|event| !event.after.iter().any(|id| left.contains_key(id)))
                else {
                    continue;
                };
                if let Some(unknown) = self.unknown(&event, &sorted)? {
                    let message = format!("`{}` comes after `{unknown}`, which has no place yet", event.id);
                    return Ok(Err(Refusal::conflict("order.dependency", message)));
                }
                if let Some(count) = left.get_mut(&event.id) {
                    *count -= 1;
                    if *count == 0 {
                        left.remove(&event.id);
                    }
                }
                sorted.push(event);
            }
            if sorted.len() == before {
                let ids: Vec<_> = waiting.iter().flatten().map(|event| &*event.id).take(5).collect();
                let message = format!("these events come after each other: {}", ids.join(", "));
                return Ok(Err(Refusal::invalid("order.cycle", message)));
            }
        }
        Ok(Ok(sorted))
    }

    /// What `event` comes after that neither has a place nor is among `sorted`.
    fn unknown<'e>(&self, event: &'e Named, sorted: &[Named]) -> Result<Option<&'e Text>> {
        for id in &event.after {
            if !sorted.iter().any(|before| before.id == *id) && self.of_event(id)?.is_none() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Keeps the places that were taken from `first` on, and forgets as many of long ago.
    fn keep(self, first: u64) -> Result<()> {
        let group = self.group.as_bytes();
        let by_place = |place: u64| Space::Place.key_of(&[group, &place.to_be_bytes()]);
        let by_id = |id: &[u8]| Space::Event.key_of(&[group, id]);
        for (id, place) in &self.new {
            self.keys.put(by_id(id.as_bytes()), Bytes::copy_from_slice(&place.to_le_bytes()));
            self.keys.put(by_place(*place), Bytes::copy_from_slice(id.as_bytes()));
        }
        for place in first.saturating_sub(REMEMBERED)..self.count.saturating_sub(REMEMBERED) {
            if let Some(id) = self.keys.get(&by_place(place))? {
                self.keys.delete(by_id(&id));
                self.keys.delete(by_place(place));
            }
        }
        if self.count > first {
            self.keys.put(Space::Count.key(&self.group), Bytes::copy_from_slice(&self.count.to_le_bytes()));
        }
        Ok(())
    }
}

fn number(bytes: &[u8]) -> Result<u64> {
    let eight = bytes.first_chunk().ok_or_else(|| Error::internal("a replicated number cannot be read"))?;
    Ok(u64::from_le_bytes(*eight))
}
