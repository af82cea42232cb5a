//! A small piece of state in a file of its own: what is read is what was stored last.
//!
//! ```text
//! vote.00000000000000000007   │ KLSL │ crc │ number │ bytes ...
//! ```
//! Storing makes the file with the next number, waits until it is durable, and removes the one before. So there is
//! always a whole one; a torn newest was never promised. One that is damaged is refused, never taken for an older one.

use std::{marker::PhantomData, sync::Arc};

use kailash_core::{
    Error, ErrorKind, Result, Retry,
    log::{Disk, disk_error},
};
use serde::{Serialize, de::DeserializeOwned};

const MAGIC: &[u8; 4] = b"KLSL";
/// The bytes before the content.
const HEAD: usize = 16;

/// A small piece of state, in MessagePack.
pub(in crate::coordinate) struct Sealed<T> {
    disk: Arc<dyn Disk>,
    name: &'static str,
    /// The number of the file that holds it.
    number: Option<u64>,
    holds: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> Sealed<T> {
    /// Finds what was stored as `name`; none if nothing ever was.
    ///
    /// # Errors
    /// Code `sealed.damaged` if it cannot be trusted; failing storage.
    pub(in crate::coordinate) fn open(disk: Arc<dyn Disk>, name: &'static str) -> Result<(Self, Option<T>)> {
        let failed = |error| disk_error(&error, &format!("the file {name}"));
        let mut numbers: Vec<u64> =
            disk.list().map_err(failed)?.iter().filter_map(|file| number_of(file, name)).collect();
        numbers.sort_unstable();
        let mut sealed = Self { disk, name, number: None, holds: PhantomData };
        let Some(newest) = numbers.pop() else { return Ok((sealed, None)) };
        let (number, content) = match (sealed.read(newest)?, numbers.pop()) {
            (Some(content), older) => {
                numbers.extend(older);
                (newest, content)
            }
            (None, Some(older)) => {
                let content = sealed.read(older)?.ok_or_else(|| damaged(&file_name(name, older)))?;
                numbers.push(newest);
                (older, content)
            }
            (None, None) => return Err(damaged(&file_name(name, newest))),
        };
        for number in numbers {
            sealed.disk.remove(&file_name(name, number)).map_err(failed)?;
        }
        sealed.number = Some(number);
        let value = rmp_serde::from_slice(&content);
        let unreadable = |error| Error::internal(format!("the file {name} cannot be read: {error}"));
        Ok((sealed, Some(value.map_err(unreadable)?)))
    }

    /// Replaces it; durable when this returns.
    ///
    /// # Errors
    /// Failing storage: what was stored before is still there.
    pub(in crate::coordinate) fn store(&mut self, value: &T) -> Result<()> {
        let content = rmp_serde::to_vec(value);
        let content = content.map_err(|error| Error::internal(format!("the file {}: {error}", self.name)))?;
        let failed = |error| disk_error(&error, &format!("the file {}", self.name));
        let number = self.number.map_or(0, |number| number + 1);
        let file = file_name(self.name, number);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&checksum(number, &content).to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&content);
        // One that could not be written before may still be there.
        self.disk.remove(&file).map_err(failed)?;
        let made = self.disk.create(&file).map_err(failed)?;
        made.append(&bytes).and_then(|()| made.sync()).map_err(failed)?;
        if let Some(before) = self.number.replace(number) {
            self.disk.remove(&file_name(self.name, before)).map_err(failed)?;
        }
        Ok(())
    }

    /// The content of file `number`; none if that is not sound.
    fn read(&self, number: u64) -> Result<Option<Vec<u8>>> {
        let failed = |error| disk_error(&error, &format!("the file {}", self.name));
        let file = self.disk.open(&file_name(self.name, number)).map_err(failed)?;
        let size = usize::try_from(file.size().map_err(failed)?).unwrap_or(usize::MAX);
        let mut bytes = file.read(0, size).map_err(failed)?;
        if bytes.len() < HEAD {
            return Ok(None);
        }
        let content = bytes.split_off(HEAD);
        let crc = checksum(number, &content);
        let sound = bytes.starts_with(MAGIC)
            && bytes[4..8] == crc.to_le_bytes()
            && bytes[8..] == number.to_le_bytes();
        Ok(sound.then_some(content))
    }
}

fn checksum(number: u64, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(content);
    hasher.finalize()
}

fn file_name(name: &str, number: u64) -> String {
    format!("{name}.{number:020}")
}

fn number_of(file: &str, name: &str) -> Option<u64> {
    file.strip_prefix(name)?.strip_prefix('.').filter(|digits| digits.len() == 20)?.parse().ok()
}

fn damaged(file: &str) -> Error {
    let message = format!("the file {file} is not what was written");
    Error::new(ErrorKind::Internal, "sealed.damaged", message).with_retry(Retry::Never).with_hint(
        "what this member had promised is lost: remove it from the cluster, move its folder away, and let it join as a \
         new member",
    )
}
