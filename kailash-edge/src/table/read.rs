//! Reading a table.

use std::sync::Arc;

use bytes::Bytes;
use kailash_core::{
    Result,
    log::{Disk, DiskFile, disk_error},
};

use super::{
    block,
    cursor::Cursor,
    layout::{FOOTER, Footer, HEADER, Place, check_header, checksum, damaged},
};

/// A finished table.
pub struct Table {
    name: String,
    file: Arc<dyn DiskFile>,
    size: u64,
    places: Vec<Place>,
    meta: Bytes,
    entries: u64,
}

impl Table {
    /// Opens the file `name`; none if it was never finished.
    ///
    /// # Errors
    /// Code `table.damaged` if its header, index or meta are not what was written, `format.newer` for a table of a later
    /// version, else failing storage. Blocks are checked when they are read.
    pub fn open(disk: &dyn Disk, name: &str) -> Result<Option<Self>> {
        let failed = |error| disk_error(&error, &format!("table {name}"));
        let file: Arc<dyn DiskFile> = disk.open(name).map_err(failed)?.into();
        let size = file.size().map_err(failed)?;
        let Some(footer_at) = size.checked_sub(FOOTER as u64).filter(|at| *at >= HEADER as u64) else {
            return Ok(None);
        };
        let Some(footer) = Footer::decode(&file.read(footer_at, FOOTER).map_err(failed)?) else {
            return Ok(None);
        };
        let header = file.read(0, HEADER).map_err(failed)?;
        check_header(&header, name)?;
        let (index_length, meta_length) = (footer.index_length as usize, footer.meta_length as usize);
        let behind = footer.index_at.checked_add((index_length + meta_length) as u64);
        if behind != Some(footer_at) {
            return Err(damaged(name, "its footer is wrong"));
        }
        let tail = file.read(footer.index_at, index_length + meta_length + FOOTER).map_err(failed)?;
        let (index, rest) = tail.split_at(index_length);
        let (meta, written) = rest.split_at(meta_length);
        let crc = checksum(&[&header, index, meta, &written[..28]]);
        let places = Place::decode_all(index).filter(|_| written[28..32] == crc.to_le_bytes());
        let Some(places) = places else { return Err(damaged(name, "its index or footer is wrong")) };
        let meta = Bytes::copy_from_slice(meta);
        Ok(Some(Self { name: name.to_owned(), file, size, places, meta, entries: footer.entries }))
    }

    /// The file's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What its writer said of it.
    #[must_use]
    pub fn meta(&self) -> &Bytes {
        &self.meta
    }

    /// How many entries it has.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The value of `key`. One read of a few kilobytes.
    ///
    /// # Errors
    /// Code `table.damaged` if the block is not what was written; failing storage.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let Some(at) = self.block_of(key) else { return Ok(None) };
        let block = self.block(at)?;
        let mut offset = 0;
        while let Some((found, value, length)) = block::first(&block[offset..]) {
            if found >= key {
                return Ok((found == key).then(|| block.slice_ref(value)));
            }
            offset += length;
        }
        Ok(None)
    }

    /// The entries from `key` on.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn cursor(self: &Arc<Self>, key: &[u8]) -> Result<Cursor> {
        Cursor::at(Arc::clone(self), key)
    }

    /// `length` bytes of the file at `offset`, for those who copy it.
    ///
    /// # Errors
    /// Failing storage.
    pub fn bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.file.read(offset, length).map_err(|error| disk_error(&error, &format!("table {}", self.name)))
    }

    /// Reads every block.
    ///
    /// # Errors
    /// Code `table.damaged` if one is not what was written; failing storage.
    pub fn verify(&self) -> Result<()> {
        (0..self.places.len()).try_for_each(|at| self.block(at).map(drop))
    }

    /// The block that has `key` if any has.
    pub(super) fn block_of(&self, key: &[u8]) -> Option<usize> {
        self.places.partition_point(|place| &*place.first <= key).checked_sub(1)
    }

    /// The entries of block `at`.
    pub(super) fn block(&self, at: usize) -> Result<Bytes> {
        let Some(place) = self.places.get(at) else { return Ok(Bytes::new()) };
        let bytes = Bytes::from(self.bytes(place.offset, place.length as usize)?);
        let entries = block::open(&bytes, place.offset).map(|entries| bytes.slice_ref(entries));
        entries.ok_or_else(|| damaged(&self.name, format!("the block at byte {} is wrong", place.offset)))
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.places.len()
    }
}
