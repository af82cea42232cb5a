//! The bytes of one record.
//!
//! ```text
//! 0      4      8       16      24
//! │ crc  │ len  │ index │ write │ body ...
//! ```
//! All numbers are little-endian. `crc` is CRC-32 (ISO-HDLC) of everything behind it, begun with the
//! segment's salt. `write` is the index of the first
//! record that was written together with this one: a later write begins only when all before it is durable, so that a
//! good record behind a bad one shows damage exactly if it belongs to a later write.

use crate::{Error, ErrorKind, Result, Retry};

/// The bytes before the body.
pub(super) const HEADER: usize = 24;

/// The longest body, in bytes.
pub(super) const MAX_BODY: usize = 16 << 20;

/// A record as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'b> {
    pub(super) index: u64,
    pub(super) write: u64,
    pub(super) body: &'b [u8],
}

impl Found<'_> {
    /// Its length on disk.
    pub(super) fn size(&self) -> usize {
        HEADER + self.body.len()
    }
}

/// Writes a record behind `out`.
pub(super) fn encode(out: &mut Vec<u8>, salt: u32, index: u64, write: u64, body: &[u8]) {
    let start = out.len();
    // Bodies are at most MAX_BODY long: the cast keeps every bit.
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&index.to_le_bytes());
    out.extend_from_slice(&write.to_le_bytes());
    out.extend_from_slice(body);
    let crc = checksum(salt, &out[start + 4..]);
    out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

/// The record at the start of `bytes`, if a whole and sound one is there.
pub(super) fn decode(bytes: &[u8], salt: u32) -> Option<Found<'_>> {
    let found = peek(bytes)?;
    let crc = u32::from_le_bytes(*bytes.first_chunk()?);
    (checksum(salt, &bytes[4..found.size()]) == crc).then_some(found)
}

/// Whether `bytes` are one sound record but for the length that its header tells.
pub(super) fn is_sound_but_for_its_length(bytes: &[u8], salt: u32) -> bool {
    let sum = || {
        let crc = u32::from_le_bytes(*bytes.first_chunk()?);
        let len = u32::try_from(bytes.len().checked_sub(HEADER)?).ok()?;
        let mut hasher = crc32fast::Hasher::new_with_initial(salt);
        hasher.update(&len.to_le_bytes());
        hasher.update(&bytes[8..]);
        Some(hasher.finalize() == crc)
    };
    sum().unwrap_or(false)
}

/// The record at the start of `bytes` if there is room for one, sound or not.
pub(super) fn peek(bytes: &[u8]) -> Option<Found<'_>> {
    let Head { len, index, write } = head(bytes)?;
    let body = if len > MAX_BODY { None } else { bytes.get(HEADER..HEADER + len) };
    Some(Found { index, write, body: body? })
}

/// What the bytes before a body say.
pub(super) struct Head {
    pub(super) len: usize,
    pub(super) index: u64,
    pub(super) write: u64,
}

/// What stands where the head of a record would, sound or not.
pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    Some(Head {
        len: u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize,
        index: u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?),
        write: u64::from_le_bytes(*bytes.get(16..)?.first_chunk()?),
    })
}

fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// Refuses a body that is too long.
pub(super) fn check(body: &[u8]) -> Result<()> {
    if body.len() <= MAX_BODY {
        return Ok(());
    }
    let message = format!("a record has {} bytes, more than {MAX_BODY}", body.len());
    Err(Error::new(ErrorKind::Limit, "log.record", message).with_retry(Retry::Never))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(index: u64, write: u64, body in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut bytes = Vec::new();
            encode(&mut bytes, 5, index, write, &body);
            prop_assert_eq!(decode(&bytes, 5), Some(Found { index, write, body: &body }));
            prop_assert_eq!(decode(&bytes[..bytes.len() - 1], 5), None);
        }

        #[test]
        fn one_wrong_bit_is_noticed(body in prop::collection::vec(any::<u8>(), 0..50), bit: prop::sample::Index) {
            let mut bytes = Vec::new();
            encode(&mut bytes, 5, 3, 2, &body);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(&bytes, 5), None);
        }
    }

    #[test]
    fn a_record_is_known_by_its_checksum_when_only_its_length_is_wrong() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 5, 3, 2, b"body");
        bytes[4..8].copy_from_slice(&[9, 9, 9, 9]);
        assert!(decode(&bytes, 5).is_none() && is_sound_but_for_its_length(&bytes, 5));
        assert!(!is_sound_but_for_its_length(&bytes[..bytes.len() - 1], 5));
        assert!(!is_sound_but_for_its_length(&bytes[..20], 5));
        bytes[25] ^= 1;
        assert!(!is_sound_but_for_its_length(&bytes, 5));
    }

    #[test]
    fn a_record_of_another_segment_is_none() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 5, 3, 2, b"body");
        assert_eq!(decode(&bytes, 6), None);
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(decode(&[0; 4096], 5), None);
    }
}
