//! Opening a log: finds its segments, cuts a torn tail, refuses damage.

use std::{collections::VecDeque, sync::Arc};

use super::{
    disk::{Disk, disk_error},
    segment::{self, START, Segment, Tail, damaged, first_of, name},
};
use crate::Result;

/// A log as it was found.
pub(super) struct Opened {
    pub(super) segments: VecDeque<Segment>,
    /// The index of the first record if there is no segment.
    pub(super) base: u64,
}

/// Reads every segment.
///
/// # Errors
/// Code `log.damaged` for records that were promised and are not there, `format.newer`, or failing storage.
pub(super) fn open(disk: &dyn Disk) -> Result<Opened> {
    let failed = |error| disk_error(&error, "the log's folder");
    let mut firsts: Vec<u64> =
        disk.list().map_err(failed)?.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    let mut opened = Opened { segments: VecDeque::new(), base: 0 };
    let count = firsts.len();
    for (at, first) in firsts.into_iter().enumerate() {
        let name = name(first);
        if let Some(before) = opened.segments.back().map(Segment::next).filter(|next| *next != first) {
            return Err(damaged(&name, format!("records {before} to {first} before it are missing")));
        }
        opened.base = first;
        opened.segments.extend(one(disk, &name, first, at + 1 == count)?);
    }
    Ok(opened)
}

/// Reads a segment; none if it was only being made.
fn one(disk: &dyn Disk, name: &str, first: u64, last: bool) -> Result<Option<Segment>> {
    let failed = |error| disk_error(&error, &format!("segment {name}"));
    let file: Arc<dyn super::DiskFile> = disk.open(name).map_err(failed)?.into();
    let bytes = segment::read_all(&*file).map_err(failed)?;
    let salt = match segment::read_header(&bytes)? {
        Some((told, salt)) if told == first => salt,
        Some((told, _)) => return Err(damaged(name, format!("its header says that it begins at {told}"))),
        // Header and first records are written together: without the one none of the others was promised, unless
        // what is behind it is sound.
        None => {
            let (_, salt) = segment::header(first);
            let (ends, tail) = segment::scan(&bytes, first, salt);
            if !last || !ends.is_empty() || tail != Tail::Torn && tail != Tail::Whole {
                return Err(damaged(name, "its header is wrong"));
            }
            disk.remove(name).map_err(failed)?;
            return Ok(None);
        }
    };
    let (ends, tail) = segment::scan(&bytes, first, salt);
    let sound = ends.last().map_or(START as u64, |end| u64::from(*end));
    let missing = first + ends.len() as u64;
    match tail {
        Tail::Whole => {}
        Tail::Torn if last => {
            file.cut(sound).map_err(failed)?;
            file.sync().map_err(failed)?;
        }
        Tail::Torn => return Err(damaged(name, format!("record {missing} at byte {sound} is wrong"))),
        Tail::Damaged(behind) => {
            let what =
                format!("record {missing} at byte {sound} is wrong, but record {behind} behind it is sound");
            return Err(damaged(name, what));
        }
    }
    Ok(Some(Segment::new(first, salt, file, ends)))
}
