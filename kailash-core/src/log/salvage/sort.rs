//! Sorts the records that a damaged log still holds by their runs, and says what the runs can be trusted with.
//!
//! Nobody knows whose the lost records were. A run that has not ended may have lost its last ones in any hole behind the
//! last one that is there, and then it looks as if it had never done what they tell of. Two things clear it:
//!
//! - A hole is *explained* when the records that other runs lack in their middle are as many as were lost in it. Only proven
//!   records count for that, and only holes between such.
//! - A hole in front of the run's last record took nothing from its end, because records of a run stand in their order.
//!   That is so only until space was freed: then old records were moved behind newer ones. A log that was ever freed
//!   clears no run.

use std::collections::BTreeMap;

use super::{
    found::Doubt,
    scan::{Hole, Sound},
};
use crate::RunId;

/// Where a record lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Which of the segments.
    pub(super) segment: usize,
    pub(super) record: Sound,
}

/// The records of one run.
#[derive(Default)]
pub(super) struct Known {
    /// By position in the run.
    places: BTreeMap<u64, Place>,
    /// Whether it may have been forgotten.
    leaving: bool,
}

impl Known {
    /// How many records there are, and how many of them are complete from the beginning on.
    pub(super) fn counts(&self) -> (u64, u64) {
        let prefix = (0_u64..).zip(self.places.keys()).take_while(|(wanted, seq)| wanted == *seq).count();
        (self.places.len() as u64, prefix as u64)
    }

    pub(super) fn place(&self, seq: u64) -> Option<Place> {
        self.places.get(&seq).copied()
    }

    /// The position of the last record.
    pub(super) fn last(&self) -> u64 {
        self.places.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// The records that it lacks before ones that are there: the log's numbers between which they stood, and how many.
    fn gaps(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let (mut before, mut wanted) = (0, 0);
        self.places.iter().filter(|(_, place)| place.record.proven).filter_map(move |(seq, place)| {
            let gap = (before, place.record.index, seq - wanted);
            (before, wanted) = (place.record.index, seq + 1);
            (gap.2 > 0).then_some(gap)
        })
    }

    fn has_gaps(&self) -> bool {
        self.counts().0 != self.counts().1
    }

    /// Whether a record of it was only found.
    fn is_unproven(&self) -> bool {
        self.leaving || self.places.values().any(|place| !place.record.proven)
    }
}

/// Runs as their records come up.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) runs: BTreeMap<RunId, Known>,
    /// Whether space was freed, or was being freed.
    pub(super) moved: bool,
}

impl Sorted {
    /// Takes in record `seq` of `run`.
    pub(super) fn record(&mut self, run: RunId, seq: u64, place: Place) {
        let places = &mut self.runs.entry(run).or_default().places;
        let before = places.get(&seq);
        self.moved |= before.is_some();
        // The first one stands where it was written; one that was only found may be no record at all.
        if before.is_none_or(|before| !before.record.proven && place.record.proven) {
            places.insert(seq, place);
        }
    }

    /// Takes in that `run` was forgotten.
    pub(super) fn forgotten(&mut self, run: RunId, proven: bool) {
        if proven {
            self.runs.remove(&run);
        } else if let Some(known) = self.runs.get_mut(&run) {
            known.leaving = true;
        }
    }

    /// Why each of the runs may not be gone on with.
    pub(super) fn doubts(&self, holes: &[Hole]) -> BTreeMap<RunId, Doubt> {
        let losses: Vec<&Hole> = holes.iter().filter(|hole| hole.lost() != Some(0)).collect();
        let lossy = !losses.is_empty() || self.runs.values().any(Known::has_gaps);
        let explained = self.explained(&losses);
        let is_explained = |hole: &Hole, known| hole.certain && hole.lost() == Some(known);
        let unexplained = losses.iter().zip(explained).filter(|(hole, known)| !is_explained(hole, *known));
        // The last record that may be lost without a trace.
        let last = unexplained.map(|(hole, _)| hole.missing).max();
        let doubt = |known: &Known| {
            let end = known.places.values().next_back().map_or(0, |place| place.record.index);
            if known.is_unproven() {
                Some(Doubt::Unproven)
            } else if lossy && self.moved || last.is_some_and(|last| last > end) {
                Some(Doubt::End)
            } else {
                None
            }
        };
        self.runs.iter().filter_map(|(run, known)| Some((*run, doubt(known)?))).collect()
    }

    /// For each hole, how many records that runs lack can only have been in it.
    fn explained(&self, holes: &[&Hole]) -> Vec<u64> {
        let mut explained = vec![0_u64; holes.len()];
        for (before, behind, count) in self.runs.values().flat_map(Known::gaps) {
            let mut possible = (0..holes.len())
                .filter(|at| holes[*at].missing < behind && holes[*at].next.is_none_or(|next| next > before));
            if let (Some(only), None) = (possible.next(), possible.next()) {
                explained[only] = explained[only].saturating_add(count);
            }
        }
        explained
    }
}
