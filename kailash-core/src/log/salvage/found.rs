//! What was found in a damaged log.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use bytes::Bytes;

use super::{
    super::{
        disk::{Disk, DiskFile, disk_error},
        record,
        runs::{FORGOTTEN, HEAD, RECORD, parse},
    },
    read::{Part, bytes, parts},
    scan::{Hole, Segment, Sound, scan},
    sort::{Place, Sorted},
};
use crate::{Result, RunId};

/// The runs of a journal's log that may be damaged, as far as their records are still there. The log is not changed.
///
/// Reading blocks for as long as the disk takes; one segment at a time is held in memory.
pub struct Salvage {
    files: Vec<(Arc<dyn DiskFile>, u32)>,
    sorted: Sorted,
    doubts: BTreeMap<RunId, Doubt>,
    damages: Vec<Damage>,
    records: u64,
}

/// A place where a log is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment's file.
    pub segment: String,
    /// Where in the file, in bytes from its start.
    pub byte: u64,
    /// The log's number of the record that should stand there.
    pub record: u64,
    /// How many records are lost there; none if that cannot be told.
    pub lost: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}, byte {}, record {}: {}", self.segment, self.byte, self.record, self.reason)
    }
}

/// Why a run that has not ended may not be gone on with, though no record is missing from its middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Its last records may be among those that are lost.
    End,
    /// Some of its records were found by searching: a body may have held what only looks like them.
    Unproven,
}

impl Doubt {
    /// Says why, to people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::End => "its last records may be among those that are lost",
            Self::Unproven => "some of its records were only found by searching, and may be none",
        }
    }
}

/// What is left of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundRun {
    /// The run.
    pub run: RunId,
    /// How many of its records are there.
    pub records: u64,
    /// How many are there from the first on, without a gap.
    pub prefix: u64,
    /// The position in the run of the last record that is there.
    pub last: u64,
    /// Why it may not be gone on with even if it has no gap.
    pub doubt: Option<Doubt>,
}

impl Salvage {
    /// Reads what is on `disk`.
    ///
    /// # Errors
    /// Code `format.newer` for segments of a later version, `log.damaged` for sound records of a later release; storage
    /// that fails as a whole.
    pub fn of(disk: &dyn Disk) -> Result<Self> {
        let mut salvage = Self {
            files: Vec::new(),
            sorted: Sorted::default(),
            doubts: BTreeMap::new(),
            damages: Vec::new(),
            records: 0,
        };
        let mut holes = Vec::new();
        let mut parts = parts(disk)?;
        parts.dedup_by(|copy, part| {
            let same = copy.first == part.first;
            if same {
                let reason = format!("it begins at the same record as {}, and is left out", part.name);
                salvage.damages.push(Damage::of_file(copy, reason));
            }
            same
        });
        salvage.sorted.moved = parts.first().is_some_and(|part| part.first > 0);
        for (at, part) in parts.iter().enumerate() {
            holes.extend(salvage.take_in(part, parts.get(at + 1).map(|next| next.first))?);
        }
        salvage.doubts = salvage.sorted.doubts(&holes);
        Ok(salvage)
    }

    /// Takes in one segment, which ends before record `limit`; gives what it lacks.
    fn take_in(&mut self, part: &Part, limit: Option<u64>) -> Result<Vec<Hole>> {
        let failed = |error| disk_error(&error, &format!("segment {}", part.name));
        let (bytes, unreadable) = bytes(&*part.file, usize::MAX).map_err(failed)?;
        let segment = Segment { bytes: &bytes, first: part.first, salt: part.salt, limit };
        let (records, holes) = scan(segment, unreadable.last().map(|bad| bad.end));
        if part.wrong.is_some() && records.is_empty() && holes.is_empty() {
            // The last one, which was only being made: nothing in it was promised.
            return Ok(holes);
        }
        self.damages.extend(part.wrong.clone().map(|wrong| Damage::of_file(part, wrong)));
        self.damages.extend(holes.iter().map(|hole| Damage::of_hole(part, hole, &bytes, &unreadable)));
        for record in records {
            let body = &bytes[record.at + record::HEADER..record.at + record.size];
            let place = Place { segment: self.files.len(), record };
            match parse(body) {
                Ok((RECORD, run, seq)) => self.sorted.record(run, seq, place),
                Ok((FORGOTTEN.., run, _)) => self.sorted.forgotten(run, record.proven),
                Err(newer) if record.proven => return Err(newer),
                Err(_) => continue,
            }
            self.records += 1;
        }
        self.files.push((Arc::clone(&part.file), part.salt));
        Ok(holes)
    }

    /// How many segments there are.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.files.len()
    }

    /// How many sound records there are, of all runs and none.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Where the log is damaged.
    #[must_use]
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// The runs that are not forgotten, in the order in which they began.
    pub fn runs(&self) -> impl Iterator<Item = FoundRun> {
        self.sorted.runs.iter().map(|(run, known)| {
            let (records, prefix) = known.counts();
            FoundRun { run: *run, records, prefix, last: known.last(), doubt: self.doubts.get(run).copied() }
        })
    }

    /// Where record `seq` of `run` lies.
    pub(super) fn place(&self, run: RunId, seq: u64) -> Option<Place> {
        self.sorted.runs.get(&run)?.place(seq)
    }

    /// The body of record `seq` of `run`; none if it is lost, or cannot be read again.
    #[must_use]
    pub fn record(&self, run: RunId, seq: u64) -> Option<Bytes> {
        let Place { segment, record: Sound { index, at, size, .. } } = self.place(run, seq)?;
        let (file, salt) = &self.files[segment];
        let bytes = file.read(at as u64, size).ok()?;
        record::decode(&bytes, *salt).filter(|found| found.index == index)?;
        Some(Bytes::from(bytes).slice(record::HEADER + HEAD..))
    }
}

impl Damage {
    fn of_file(part: &Part, reason: String) -> Self {
        Self { segment: part.name.clone(), byte: 0, record: part.first, lost: Some(0), reason }
    }

    fn of_hole(part: &Part, hole: &Hole, bytes: &[u8], unreadable: &[Range<usize>]) -> Self {
        let claimed = record::head(&bytes[hole.from..hole.to]).map(|head| head.index);
        let reason = if unreadable.iter().any(|bad| bad.start < hole.to && hole.from < bad.end) {
            "the disk cannot read it"
        } else if hole.from == hole.to {
            "the file ends here, and the next one begins later"
        } else if hole.lost() == Some(0) {
            "behind the last record stand bytes of none"
        } else if claimed == Some(hole.missing) {
            "its checksum is wrong"
        } else {
            "there is no record"
        };
        Self {
            segment: part.name.clone(),
            byte: hole.from as u64,
            record: hole.missing,
            lost: hole.lost(),
            reason: reason.to_owned(),
        }
    }
}
