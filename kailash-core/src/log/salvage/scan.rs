//! Reads a damaged segment: which of its bytes are records, and which records it lacks.
//!
//! ```text
//! │ 0 │ 1 │ 2 │ ~~~~~ │ 4 │ 5 │ ~~~~~~~~~~~~~~~~ │ 8 │ 9 │
//!   proven      3       proven       6, 7            found
//! ```
//! A record is *sound* if its checksum is right for this segment. That alone does not make it a record of the log: a body
//! may hold anything, also the bytes of a sound record (a journal read by a workflow, an answer made to look like one).
//! So a record counts as
//!
//! - *proven* when the lengths of records lead to it from the segment's start. One bad record on the way is crossed if its
//!   length leads to a sound record with the next number but one, or if its checksum is right for the length that would
//!   lead there: then only its body, its checksum or its length was wrong. Nothing inside a proven record or inside one
//!   that was crossed is looked at.
//! - *found* when the way was lost and it was searched byte by byte: behind what the bad record itself claims to fill, with
//!   a number above all that are proven and below those of the next segment, and not so high that the records between do
//!   not fit. Found records that contradict each other are all dropped. What is left is right unless somebody prepared a
//!   body for this very damage; so nobody may act on it.
//!
//! The scan cannot tell whose the lost records were, and a log that lost its last segments as a whole looks complete. At
//! the end of the last segment it concludes what opening concludes: what no later write follows was never answered.

use super::super::{
    record::{self, Found, HEADER},
    segment::{START, Tail, tail},
};

/// A sound record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) index: u64,
    /// Where it begins.
    pub(super) at: usize,
    pub(super) size: usize,
    pub(super) proven: bool,
}

/// Bytes that are no record, where records should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The first record that is missing, and the next one that is there.
    pub(super) missing: u64,
    pub(super) next: Option<u64>,
    /// Whether all records of the segment are proven, and so what is missing between them is certain.
    pub(super) certain: bool,
}

impl Hole {
    /// How many records are lost, if that can be told.
    pub(super) fn lost(&self) -> Option<u64> {
        Some(self.next? - self.missing)
    }
}

/// The bytes of a segment.
#[derive(Clone, Copy)]
pub(super) struct Segment<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) first: u64,
    pub(super) salt: u32,
    /// The first record of the next segment; none for the last one.
    pub(super) limit: Option<u64>,
}

/// Records one behind the other, found from a place on.
struct Walk {
    records: Vec<Sound>,
    /// Where it ends, and the record that was expected there.
    end: usize,
    next: u64,
    /// Whether nothing that was promised lies behind.
    whole: bool,
}

impl Walk {
    fn first(&self) -> u64 {
        self.records.first().map_or(self.next, |record| record.index)
    }
}

/// The records of a segment and what is missing between them, in order. What lies before byte `unreadable` may
/// have been promised.
pub(super) fn scan(segment: Segment<'_>, unreadable: Option<usize>) -> (Vec<Sound>, Vec<Hole>) {
    let mut walks = vec![segment.walk(START.min(segment.bytes.len()), segment.first, true)];
    while let Some(walk) = walks.last().filter(|walk| !walk.whole).and_then(|last| {
        let found = segment.search(segment.behind(last), &walks)?;
        Some(segment.walk(found.at, found.index, false))
    }) {
        walks.push(walk);
    }
    let promised = walks.last().filter(|last| last.whole || segment.is_torn(last)).map(|last| last.end);
    let readable = promised.filter(|end| unreadable.is_none_or(|unreadable| unreadable <= *end));
    let records = agreeing(&walks);
    let holes = segment.holes(&records, readable.unwrap_or(segment.bytes.len()));
    (records, holes)
}

/// The records of those walks that no other contradicts: numbers only grow.
fn agreeing(walks: &[Walk]) -> Vec<Sound> {
    let agrees = |at: usize| {
        at == 0
            || walks[..at].iter().all(|before| before.next <= walks[at].first())
                && walks[at + 1..].iter().all(|behind| walks[at].next <= behind.first())
    };
    (0..walks.len()).filter(|at| agrees(*at)).flat_map(|at| walks[at].records.iter().copied()).collect()
}

impl<'b> Segment<'b> {
    /// The sound record at `at`.
    fn sound(&self, at: usize) -> Option<Found<'b>> {
        record::decode(self.bytes.get(at..)?, self.salt).filter(|found| self.is_here(found.index))
    }

    fn is_here(&self, index: u64) -> bool {
        index >= self.first && self.limit.is_none_or(|limit| index < limit)
    }

    /// Follows the lengths of records from `at` on, where `next` is expected, across single bad ones.
    fn walk(&self, at: usize, next: u64, proven: bool) -> Walk {
        let mut walk = Walk { records: Vec::new(), end: at, next, whole: false };
        loop {
            while let Some(found) = self.sound(walk.end).filter(|found| found.index == walk.next) {
                let size = found.size();
                walk.records.push(Sound { index: walk.next, at: walk.end, size, proven });
                walk.end += size;
                walk.next += 1;
            }
            // A number that was only found says nothing of what is behind it.
            walk.whole = walk.end == self.bytes.len() || proven && self.is_torn(&walk);
            match (!walk.whole).then(|| self.cross(walk.end, walk.next)).flatten() {
                Some(behind) => walk.end = behind,
                None => return walk,
            }
            walk.next += 1;
        }
    }

    /// Whether what is behind a walk was never answered, because no later write follows.
    fn is_torn(&self, walk: &Walk) -> bool {
        self.limit.is_none() && tail(&self.bytes[walk.end..], walk.next, self.salt) == Tail::Torn
    }

    /// Where the record behind the bad one at `at` begins, if it is certain.
    fn cross(&self, at: usize, bad: u64) -> Option<usize> {
        let is_next = |place: &usize| self.sound(*place).is_some_and(|found| found.index == bad + 1);
        let by_length = record::peek(&self.bytes[at..]).map(|found| at + found.size()).filter(is_next);
        by_length.or_else(|| {
            (at + HEADER..self.bytes.len()).find(|place| {
                // The number first: it is quickly compared.
                record::peek(&self.bytes[*place..]).is_some_and(|found| found.index == bad + 1)
                    && is_next(place)
                    && record::is_sound_but_for_its_length(&self.bytes[at..*place], self.salt)
            })
        })
    }

    /// From where to search on behind a walk: what the bad record claims as its body cannot be told from it, nor can the
    /// rest of the segment if it claims more than is there, as a torn one does.
    fn behind(&self, walk: &Walk) -> usize {
        let claims = record::head(&self.bytes[walk.end..]).filter(|head| {
            head.index == walk.next && head.write <= walk.next && head.len <= record::MAX_BODY
        });
        walk.end + claims.map_or(1, |head| HEADER + head.len)
    }

    /// The next record from `from` on that may be one of the log.
    fn search(&self, from: usize, walks: &[Walk]) -> Option<Sound> {
        let proven = walks.first()?;
        let may_be = |at: usize, found: &Found<'_>| {
            let room = (at - proven.end) / HEADER;
            found.write <= found.index
                && self.is_here(found.index)
                && found.index > proven.next
                && found.index - proven.next <= room as u64
        };
        (from..self.bytes.len()).find_map(|at| {
            // What is quickly compared first.
            let index = record::peek(&self.bytes[at..]).filter(|found| may_be(at, found))?.index;
            let size = self.sound(at)?.size();
            let sound = Sound { index, at, size, proven: false };
            (!self.is_copy(&sound, walks)).then_some(sound)
        })
    }

    /// Whether the same bytes were found before, in front of this place: a body holds a copy of them.
    fn is_copy(&self, record: &Sound, walks: &[Walk]) -> bool {
        let bytes = |record: &Sound| &self.bytes[record.at..record.at + record.size];
        walks.iter().any(|walk| {
            let known = walk.records.binary_search_by_key(&record.index, |known| known.index);
            known.is_ok_and(|known| bytes(&walk.records[known]) == bytes(record))
        })
    }

    /// What is missing between `records` up to byte `end`.
    fn holes(&self, records: &[Sound], end: usize) -> Vec<Hole> {
        let certain = records.iter().all(|record| record.proven);
        let hole = |from, to, missing, next| Hole { from, to, missing, next, certain };
        let mut holes = Vec::new();
        let (mut at, mut next) = (START.min(end), self.first);
        for record in records {
            if (at, next) != (record.at, record.index) {
                holes.push(hole(at, record.at, next, Some(record.index)));
            }
            (at, next) = (record.at + record.size, record.index + 1);
        }
        if at < end || self.limit.is_some_and(|limit| limit > next) {
            holes.push(hole(at, end, next, self.limit));
        }
        holes
    }
}
