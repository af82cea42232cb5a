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
    id: Option<Text>,
    proposer: Text,
    proposal: Encoded,
) -> Result<Answered> {
    let id = id.unwrap_or_else(|| turn.index.to_string().into());
    if let Err(refusal) = check_name("group", &group).and_then(|()| check_name("proposal id", &id)) {
        return Ok(Err(refusal));
    }
    let mut places = Places::of(turn.keys, &group, turn.index)?;
    if let Some(Place { place, index }) = places.of_event(&id)? {
        return Ok(Ok(Answer::Accepted { index, place, at: turn.at }));
    }
    let (first, place) = (places.count, places.take(&id));
    places.keep(first)?;
    turn.keys.put(Space::Accepted.key(&group), proposal.0.clone());
    turn.tell(What::Accepted { group, proposer, proposal });
    Ok(Ok(Answer::Accepted { index: turn.index, place, at: turn.at }))
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
    let mut places = Places::of(turn.keys, group, turn.index)?;
    let sorted = match places.sort(named)? {
        Ok(sorted) => sorted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut ordered = Vec::with_capacity(sorted.len());
    let first_new = places.count;
    let mut told = Vec::new();
    for Named { id, data, .. } in sorted {
        let (place, duplicate) = match places.of_event(&id)? {
            Some(Place { place, .. }) => (place, true),
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

/// Where an event was put.
#[derive(Clone, Copy)]
struct Place {
    /// Its place in the group.
    place: u64,
    /// The log index at which it got it.
    index: u64,
}

impl Place {
    fn encode(self) -> Bytes {
        [self.place.to_le_bytes(), self.index.to_le_bytes()].concat().into()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let (place, index) = bytes.split_at_checked(8).unwrap_or_default();
        Ok(Self { place: number(place)?, index: number(index)? })
    }
}

/// The places of a group's events.
struct Places<'k, K> {
    keys: &'k mut K,
    group: Text,
    /// The log index of the command that takes places.
    index: u64,
    /// The place that the next event gets.
    count: u64,
    /// Events that get their places now.
    new: BTreeMap<Text, u64>,
}

impl<'k, K: Keys> Places<'k, K> {
    fn of(keys: &'k mut K, group: &Text, index: u64) -> Result<Self> {
        let count = keys.get(&Space::Count.key(group))?.map_or(Ok(0), |bytes| number(&bytes))?;
        Ok(Self { keys, group: group.clone(), index, count, new: BTreeMap::new() })
    }

    /// The place of an event that has one.
    fn of_event(&self, id: &Text) -> Result<Option<Place>> {
        if let Some(place) = self.new.get(id) {
            return Ok(Some(Place { place: *place, index: self.index }));
        }
        let key = Space::Event.key_of(&[self.group.as_bytes(), id.as_bytes()]);
        self.keys.get(&key)?.map(|bytes| Place::decode(&bytes)).transpose()
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
            let at = Place { place: *place, index: self.index };
            self.keys.put(by_id(id.as_bytes()), at.encode());
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
