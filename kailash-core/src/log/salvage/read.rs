//! The segments of a damaged log, and their bytes as far as the disk gives them.

use std::{ops::Range, sync::Arc};

use super::super::{
    disk::{Disk, DiskFile, disk_error},
    segment::{self, START, first_of, name},
};
use crate::Result;

/// How much is read at a time, and how much is given up where that fails.
const PIECE: usize = 1 << 20;
const SECTOR: usize = 4096;

/// A segment's file, before its records are looked at.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) first: u64,
    pub(super) salt: u32,
    pub(super) file: Arc<dyn DiskFile>,
    /// What is wrong with its header.
    pub(super) wrong: Option<String>,
}

/// The segments in order of their records. Where a header is wrong the file's name says how it was; where the two
/// disagree the header is right, because it has a checksum.
///
/// # Errors
/// Code `format.newer` for segments of a later version; failing storage.
pub(super) fn parts(disk: &dyn Disk) -> Result<Vec<Part>> {
    let names = disk.list().map_err(|error| disk_error(&error, "the log's folder"))?;
    let mut parts = Vec::new();
    for (named, name) in names.into_iter().filter_map(|name| Some((first_of(&name)?, name))) {
        let failed = |error| disk_error(&error, &format!("segment {name}"));
        let file: Arc<dyn DiskFile> = disk.open(&name).map_err(failed)?.into();
        let (bytes, _) = bytes(&*file, START).map_err(failed)?;
        let (first, salt, wrong) = match segment::read_header(&bytes)? {
            Some((told, salt)) if told == named => (told, salt, None),
            Some((told, salt)) => (told, salt, Some(format!("its header says that it begins at {told}"))),
            None => (named, segment::header(named).1, Some("its header is wrong".to_owned())),
        };
        parts.push(Part { name, first, salt, file, wrong });
    }
    // Of two files that say the same, the one that is called so comes first.
    parts.sort_by_key(|part| (part.first, part.name != name(part.first)));
    Ok(parts)
}

/// The bytes of a file, `most` of them, and which of them could not be read and are zeros.
pub(super) fn bytes(file: &dyn DiskFile, most: usize) -> std::io::Result<(Vec<u8>, Vec<Range<usize>>)> {
    let size = usize::try_from(file.size()?).map_err(std::io::Error::other)?.min(most);
    let (mut bytes, mut unreadable) = (Vec::with_capacity(size), Vec::new());
    for piece in (0..size).step_by(PIECE) {
        let end = size.min(piece + PIECE);
        if let Ok(read) = file.read(piece as u64, end - piece) {
            bytes.extend_from_slice(&read);
            continue;
        }
        for sector in (piece..end).step_by(SECTOR) {
            let length = SECTOR.min(end - sector);
            match file.read(sector as u64, length) {
                Ok(read) => bytes.extend_from_slice(&read),
                Err(_) => {
                    bytes.resize(bytes.len() + length, 0);
                    unreadable.push(sector..sector + length);
                }
            }
        }
    }
    Ok((bytes, unreadable))
}
