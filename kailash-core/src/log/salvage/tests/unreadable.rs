//! A disk that fails to read.

use std::{io, ops::Range};

use super::{
    super::{
        super::{Disk, DiskFile, LogSettings, SegmentRunLog},
        Salvage,
    },
    append, checked, found, layout, of,
};
use crate::testing::SimulatedDisk;

/// A disk that cannot read some bytes of a file.
struct Bad(SimulatedDisk, Range<u64>);

struct BadFile(Box<dyn DiskFile>, Range<u64>);

impl Disk for Bad {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.0.create(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(BadFile(self.0.open(name)?, self.1.clone())))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
}

impl DiskFile for BadFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        if offset < self.1.end && self.1.start < offset + length as u64 {
            return Err(io::Error::other("input/output error"));
        }
        self.0.read(offset, length)
    }

    fn cut(&self, size: u64) -> io::Result<()> {
        self.0.cut(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

#[test]
fn what_the_disk_cannot_read_is_lost_and_the_rest_found() {
    let disk = SimulatedDisk::default();
    let log = SegmentRunLog::open(disk.clone(), LogSettings::default()).unwrap();
    append(&log, &[1; 400]);
    drop(log);
    let layout = layout(&found(&disk));
    let end = layout[399].1.end;
    for bad in [10_000..10_001, 4096..9000, end as u64 - 1..end as u64] {
        let sectors = bad.start / 4096 * 4096..bad.end.next_multiple_of(4096);
        let hit =
            |place: &Range<usize>| (place.start as u64) < sectors.end && sectors.start < place.end as u64;
        let left = layout.iter().filter(|(_, place, ..)| !hit(place)).count();
        let salvage = Salvage::of(&Bad(disk.clone(), bad)).unwrap();
        assert_eq!(checked(&salvage).len(), left);
        assert_eq!(salvage.damages()[0].reason, "the disk cannot read it");
        assert!(of(&salvage, 1).doubt.is_some(), "the end was promised, or may have been");
    }
}
