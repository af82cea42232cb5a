//! A write that was answered has happened once and stays; one that was not happened once or never.

use std::collections::{BTreeMap, BTreeSet};

use kailash_core::{Text, Value};
use kailash_edge::coordinate::state::{Change, What};

use super::Violation;

/// A value that was written: no two writes have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(pub(crate) u64);

/// The writes of all clients.
#[derive(Default)]
pub(crate) struct Writes {
    tried: BTreeMap<Mark, Text>,
    answered: BTreeSet<Mark>,
    /// Those that were refused, which changed nothing.
    refused: BTreeSet<Mark>,
    /// The events that were answered, by group and id, with their places.
    places: BTreeMap<(Text, Text), u64>,
}

impl Writes {
    pub(crate) fn tries(&mut self, key: &Text, mark: Mark) {
        self.tried.insert(mark, key.clone());
    }

    pub(crate) fn answered(&mut self, mark: Mark) {
        self.answered.insert(mark);
    }

    pub(crate) fn refused(&mut self, mark: Mark) {
        self.refused.insert(mark);
    }

    /// An event has a place: always the same, and no other has it.
    pub(crate) fn placed(&mut self, group: &Text, id: &Text, place: u64) -> Result<(), Violation> {
        let known = self.places.entry((group.clone(), id.clone())).or_insert(place);
        if *known == place {
            Ok(())
        } else {
            Err(format!("event {id} of {group} has places {known} and {place}"))
        }
    }

    /// Looks for every write among the changes before index `to`, which are all known, and at the `end` whether nothing
    /// that was answered is behind it.
    pub(crate) fn finish<'c>(
        &self,
        changes: impl Iterator<Item = &'c Change>,
        whole: bool,
    ) -> Result<(), Violation> {
        let mut seen: BTreeMap<Mark, u64> = BTreeMap::new();
        let mut places: BTreeMap<&Text, u64> = BTreeMap::new();
        for change in changes {
            match &change.what {
                What::Put { key, value, .. } => {
                    let value = value.value().map_err(|error| error.to_string())?;
                    let last = value.as_list().map_or(Some(&value), <[Value]>::last);
                    if let Some(mark) = last.and_then(Value::as_u64).map(Mark)
                        && self.tried.get(&mark) == Some(key)
                    {
                        *seen.entry(mark).or_default() += 1;
                    }
                }
                What::Ordered { group, id, place, .. } => {
                    let next = places.entry(group).or_default();
                    if place != next {
                        return Err(format!("event {id} of {group} has place {place} after {next} events"));
                    }
                    *next += 1;
                    if self.places.get(&(group.clone(), id.clone())).is_some_and(|told| told != place) {
                        return Err(format!(
                            "event {id} of {group} was answered with another place than {place}"
                        ));
                    }
                }
                _ => {}
            }
        }
        for (mark, key) in &self.tried {
            let times = seen.get(mark).copied().unwrap_or_default();
            let fits = match (self.answered.contains(mark), self.refused.contains(mark)) {
                (true, _) => times == 1 || times == 0 && !whole,
                (_, true) => times == 0,
                _ => times <= 1,
            };
            if !fits {
                let answered = self.answered.contains(mark);
                return Err(format!("{mark:?} in `{key}`, answered: {answered}, happened {times} times"));
            }
        }
        Ok(())
    }

    /// Whether a list has all that was added and answered, each once.
    pub(crate) fn is_complete(&self, key: &Text, list: &[Value]) -> Result<u64, Violation> {
        let marks: Vec<Mark> = list.iter().filter_map(Value::as_u64).map(Mark).collect();
        let there: BTreeSet<Mark> = marks.iter().copied().collect();
        if there.len() != list.len() {
            return Err(format!("`{key}` has something twice: {marks:?}"));
        }
        let mut answered = self.answered.iter().filter(|mark| self.tried.get(mark) == Some(key));
        match answered.find(|mark| !there.contains(mark)) {
            Some(lost) => Err(format!("`{key}` has lost {lost:?}, which was answered")),
            None => Ok(marks.len() as u64),
        }
    }
}
