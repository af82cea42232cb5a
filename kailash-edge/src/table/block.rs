//! The bytes of one block: entries in order of their keys, then a checksum.
//!
//! ```text
//! │ key length │ value length │ key │ value │ ... │ crc │
//! ```
//! The checksum begins with the block's offset, so that a block in another's place is noticed.

use super::layout::checksum;

/// The length in bytes from which on a block takes no more.
pub(super) const FULL: usize = 4096;
/// The longest key, in bytes.
pub(super) const MAX_KEY: usize = u16::MAX as usize;
/// The longest value, in bytes.
pub(super) const MAX_VALUE: usize = 64 << 20;
/// The bytes before a key.
const HEAD: usize = 6;
/// The bytes of the checksum.
const CRC: usize = 4;

/// Writes an entry behind `block`; key and value are within their limits.
pub(super) fn push(block: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    block.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
    block.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    block.extend_from_slice(key);
    block.extend_from_slice(value);
}

/// Writes the checksum behind a block that will lie at `offset`.
pub(super) fn seal(block: &mut Vec<u8>, offset: u64) {
    let crc = checksum(&[&offset.to_le_bytes(), block]);
    block.extend_from_slice(&crc.to_le_bytes());
}

/// The entries of a block that was found at `offset`; none if its checksum is wrong.
pub(super) fn open(bytes: &[u8], offset: u64) -> Option<&[u8]> {
    let (entries, crc) = bytes.split_at_checked(bytes.len().checked_sub(CRC)?)?;
    (checksum(&[&offset.to_le_bytes(), entries]).to_le_bytes() == crc).then_some(entries)
}

/// The entry at the start of `entries`: key, value, and the bytes that both take together. None at the end.
pub(super) fn first(entries: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let key = usize::from(u16::from_le_bytes(*entries.first_chunk()?));
    let value = u32::from_le_bytes(*entries.get(2..)?.first_chunk()?) as usize;
    let length = HEAD + key + value;
    let body = entries.get(HEAD..length)?;
    let (key, value) = body.split_at(key);
    Some((key, value, length))
}
