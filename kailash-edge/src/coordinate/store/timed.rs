//! A disk that tells how long it takes until what was written would survive the power going off.

use std::{io, sync::Arc};

use kailash_core::log::{Disk, DiskFile, Runner};
use tokio::time::Instant;

use crate::coordinate::Observing;

/// A disk that tells how long it takes to sync.
pub(in crate::coordinate) struct TimedDisk {
    pub(in crate::coordinate) disk: Arc<dyn Disk>,
    pub(in crate::coordinate) observing: Observing,
}

struct TimedFile {
    file: Box<dyn DiskFile>,
    observing: Observing,
}

impl TimedDisk {
    fn timed(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(TimedFile { file, observing: self.observing.clone() })
    }
}

impl Disk for TimedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create(name).map(|file| self.timed(file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(name).map(|file| self.timed(file))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn runner(&self) -> Option<Runner> {
        self.disk.runner()
    }
}

impl DiskFile for TimedFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.file.read(offset, length)
    }

    fn cut(&self, size: u64) -> io::Result<()> {
        self.file.cut(size)
    }

    fn sync(&self) -> io::Result<()> {
        let began = Instant::now();
        let synced = self.file.sync();
        self.observing.0.synced(began.elapsed());
        synced
    }
}
