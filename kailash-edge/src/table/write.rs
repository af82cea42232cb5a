//! Writing a table.

use kailash_core::{
    Error, ErrorKind, Result, Retry,
    log::{Disk, DiskFile, disk_error},
};

use super::{
    block,
    layout::{self, Footer, Place},
};

/// How many bytes are written at once, at least.
const WRITE: usize = 256 << 10;

/// A table that is being written. Nobody takes one for a table that was not finished.
pub struct TableWriter {
    name: String,
    file: Box<dyn DiskFile>,
    /// What was not handed to the file yet; it begins at `written`.
    buffer: Vec<u8>,
    written: u64,
    block: Vec<u8>,
    /// The first key of the block and the last key at all.
    first: Box<[u8]>,
    last: Vec<u8>,
    places: Vec<u8>,
    entries: u64,
}

impl TableWriter {
    /// Makes the file `name`.
    ///
    /// # Errors
    /// It exists, or failing storage.
    pub fn create(disk: &dyn Disk, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let file = disk.create(&name).map_err(|error| disk_error(&error, &format!("table {name}")))?;
        Ok(Self {
            name,
            file,
            buffer: layout::header().to_vec(),
            written: 0,
            block: Vec::with_capacity(2 * block::FULL),
            first: Box::default(),
            last: Vec::new(),
            places: Vec::new(),
            entries: 0,
        })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// Kind `Limit`, code `table.entry`, for a key over 64 KiB or a value over 64 MiB; kind `Internal` for a key that
    /// does not come behind the last one; failing storage.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if key.len() > block::MAX_KEY || value.len() > block::MAX_VALUE {
            let message =
                format!("an entry with a key of {} and a value of {} bytes", key.len(), value.len());
            return Err(Error::new(ErrorKind::Limit, "table.entry", message).with_retry(Retry::Never));
        }
        if self.entries > 0 && key <= &*self.last {
            return Err(Error::internal("the keys of a table are not in order"));
        }
        if self.block.is_empty() {
            self.first = key.into();
        }
        block::push(&mut self.block, key, value);
        self.last.clear();
        self.last.extend_from_slice(key);
        self.entries += 1;
        if self.block.len() >= block::FULL { self.close_block() } else { Ok(()) }
    }

    /// Writes what is left and returns when the table, with `meta`, survives the power going off.
    ///
    /// # Errors
    /// Failing storage: the file is worth nothing then.
    pub fn finish(mut self, meta: &[u8]) -> Result<()> {
        if !self.block.is_empty() {
            self.close_block()?;
        }
        let index_at = self.written + self.buffer.len() as u64;
        let length = |bytes: &[u8]| {
            u32::try_from(bytes.len()).map_err(|_| Error::internal("the index of a table is too long"))
        };
        let footer = Footer {
            index_at,
            index_length: length(&self.places)?,
            meta_length: length(meta)?,
            entries: self.entries,
        };
        let footer = footer.encode(&self.places, meta);
        for part in [&self.places[..], meta, &footer] {
            self.buffer.extend_from_slice(part);
        }
        self.flush()?;
        self.file.sync().map_err(|error| self.failed(&error))
    }

    fn close_block(&mut self) -> Result<()> {
        let offset = self.written + self.buffer.len() as u64;
        block::seal(&mut self.block, offset);
        let length = u32::try_from(self.block.len()).map_err(|_| Error::internal("a block is too long"))?;
        Place { first: std::mem::take(&mut self.first), offset, length }.encode(&mut self.places);
        self.buffer.extend_from_slice(&self.block);
        self.block.clear();
        if self.buffer.len() >= WRITE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.file.append(&self.buffer).map_err(|error| self.failed(&error))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        disk_error(error, &format!("writing table {}", self.name))
    }
}
