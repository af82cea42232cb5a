//! A segment: one file with the records from one index on.
//!
//! ```text
//! │ KLSG │ major │ minor │ group │ first index │ crc │ 0 │ record record record ...
//! 0      4       6       8       16            24    28  32
//! ```
//! The checksums of the records begin with that of the header, so that bytes of another segment are no records here.

use std::{io, sync::Arc};

use super::{
    disk::DiskFile,
    record::{self, Found},
};
use crate::{Error, ErrorKind, FormatVersion, Result, Retry};

/// The version of segment files.
const FORMAT: FormatVersion = FormatVersion::new(1, 0);
const MAGIC: &[u8; 4] = b"KLSG";

/// Where the records begin.
pub(super) const START: usize = 32;

/// A segment with the places of its records.
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) salt: u32,
    pub(super) file: Arc<dyn DiskFile>,
    /// Where each record ends.
    ends: Vec<u32>,
}

impl Segment {
    pub(super) fn new(first: u64, salt: u32, file: Arc<dyn DiskFile>, ends: Vec<u32>) -> Self {
        Self { first, salt, file, ends }
    }

    /// The index behind its last record.
    pub(super) fn next(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    /// Its length in bytes.
    pub(super) fn size(&self) -> u64 {
        u64::from(self.ends.last().copied().unwrap_or(START as u32))
    }

    /// Takes in records that were written behind its end, by their lengths.
    pub(super) fn grow(&mut self, sizes: impl Iterator<Item = usize>) {
        let mut end = self.size();
        for size in sizes {
            end += size as u64;
            self.ends.push(u32::try_from(end).unwrap_or(u32::MAX));
        }
    }

    /// Forgets the records from `index` on.
    pub(super) fn shrink(&mut self, index: u64) {
        let keep = index.saturating_sub(self.first);
        self.ends.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
    }

    /// Where record `index` lies: offset and length.
    pub(super) fn place(&self, index: u64) -> Option<(u64, usize)> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(START as u32, |before| self.ends[before]);
        Some((u64::from(start), (end - start) as usize))
    }
}

/// The file's name.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The first index that a file's name tells; none for other files.
pub(super) fn first_of(name: &str) -> Option<u64> {
    name.strip_suffix(".log").filter(|digits| digits.len() == 20)?.parse().ok()
}

/// The header of a segment, and what the checksums of its records begin with.
pub(super) fn header(first: u64) -> ([u8; START], u32) {
    let mut bytes = [0; START];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..6].copy_from_slice(&FORMAT.major.to_le_bytes());
    bytes[6..8].copy_from_slice(&FORMAT.minor.to_le_bytes());
    bytes[16..24].copy_from_slice(&first.to_le_bytes());
    let salt = crc32fast::hash(&bytes[..24]);
    bytes[24..28].copy_from_slice(&salt.to_le_bytes());
    (bytes, salt)
}

/// What a header says: the first index and the salt. None if it is not whole and sound.
///
/// # Errors
/// Code `format.newer` for a segment of a later version.
pub(super) fn read_header(bytes: &[u8]) -> Result<Option<(u64, u32)>> {
    let sound = || {
        let salt = u32::from_le_bytes(*bytes.get(24..START)?.first_chunk()?);
        let rest = bytes.get(28..START)? == [0; 4];
        (rest && bytes.starts_with(MAGIC) && crc32fast::hash(&bytes[..24]) == salt).then_some(salt)
    };
    let Some(salt) = sound() else { return Ok(None) };
    let number = |at: usize| bytes[at..].first_chunk().map_or(0, |two| u16::from_le_bytes(*two));
    FORMAT.check(FormatVersion::new(number(4), number(6)))?;
    Ok(bytes[16..].first_chunk().map(|eight| (u64::from_le_bytes(*eight), salt)))
}

/// The records of a segment's bytes: where each of the sound ones ends, and whether all bytes belong to one.
pub(super) fn scan(bytes: &[u8], first: u64, salt: u32) -> (Vec<u32>, Tail) {
    let mut ends = Vec::new();
    let mut at = START;
    for index in first.. {
        if at >= bytes.len() {
            return (ends, Tail::Whole);
        }
        match record::decode(&bytes[at..], salt) {
            Some(found) if found.index == index => {
                at += found.size();
                ends.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
            _ => return (ends, tail(&bytes[at..], index, salt)),
        }
    }
    (ends, Tail::Whole)
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// With its last record.
    Whole,
    /// With a write that was never answered.
    Torn,
    /// With bytes that were promised and are wrong: a sound record of this index lies behind them.
    Damaged(u64),
}

/// Tells a torn write from damage: behind what is wrong no later write can have begun.
pub(super) fn tail(bytes: &[u8], missing: u64, salt: u32) -> Tail {
    let behind = (1..bytes.len()).find_map(|at| {
        let room = (bytes.len() / record::HEADER) as u64;
        let later = |found: &Found<'_>| {
            found.write > missing && found.index >= found.write && found.index - missing <= room
        };
        record::peek(&bytes[at..]).filter(later)?;
        record::decode(&bytes[at..], salt)
    });
    behind.map_or(Tail::Torn, |found| Tail::Damaged(found.index))
}

/// Reads a whole file.
pub(super) fn read_all(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let size = usize::try_from(file.size()?).map_err(io::Error::other)?;
    file.read(0, size)
}

/// What was promised and is not there.
pub(super) fn damaged(name: &str, what: impl std::fmt::Display) -> Error {
    lost(format!("segment {name}: {what}"))
}

/// Records that were promised are not there.
pub(super) fn lost(message: String) -> Error {
    Error::new(ErrorKind::Internal, "log.damaged", message).with_retry(Retry::Never).with_hint(
        "records that were promised are lost: `kailash runs salvage --journal FOLDER --to NEW_FOLDER` saves the others; \
         or restore the folder from a copy, or move it away to begin a new one",
    )
}
