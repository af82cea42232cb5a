//! The parts of a table's file that are not entries: header, index, footer.
//!
//! ```text
//! header  │ KLTB │ major │ minor │ 0 ... │                                        16 bytes
//! index   │ offset │ length │ key length │ first key │ ...                        one for each block
//! footer  │ index at │ index length │ meta length │ entries │ crc │ KLTE │        36 bytes
//! ```
//! All numbers are little-endian. The checksum of the footer covers header, index, meta and the footer before it.

use kailash_core::{Error, ErrorKind, FormatVersion, Result, Retry};

/// The version of table files.
const FORMAT: FormatVersion = FormatVersion::new(1, 0);
const MAGIC: &[u8; 4] = b"KLTB";
const END: &[u8; 4] = b"KLTE";

/// The bytes before the first block.
pub(super) const HEADER: usize = 16;
/// The bytes behind the meta.
pub(super) const FOOTER: usize = 36;

/// The first bytes of every table.
pub(super) fn header() -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..6].copy_from_slice(&FORMAT.major.to_le_bytes());
    bytes[6..8].copy_from_slice(&FORMAT.minor.to_le_bytes());
    bytes
}

/// Checks the first bytes of a table.
///
/// # Errors
/// Code `table.damaged`, or `format.newer` for a table of a later version.
pub(super) fn check_header(bytes: &[u8], name: &str) -> Result<()> {
    let number = |at: usize| bytes[at..].first_chunk().map_or(0, |two| u16::from_le_bytes(*two));
    if bytes.len() != HEADER || !bytes.starts_with(MAGIC) || bytes[8..] != [0; HEADER - 8] {
        return Err(damaged(name, "its header is wrong"));
    }
    FORMAT.check(FormatVersion::new(number(4), number(6)))
}

/// Where a block lies and the first key in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) first: Box<[u8]>,
    pub(super) offset: u64,
    pub(super) length: u32,
}

impl Place {
    /// Writes it behind `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        // Keys are at most 64 KiB long.
        out.extend_from_slice(&u16::try_from(self.first.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&self.first);
    }

    /// The places in `bytes`; none if they are not whole.
    pub(super) fn decode_all(mut bytes: &[u8]) -> Option<Vec<Self>> {
        let mut places = Vec::new();
        while !bytes.is_empty() {
            let offset = u64::from_le_bytes(*bytes.first_chunk()?);
            let length = u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
            let key = usize::from(u16::from_le_bytes(*bytes.get(12..)?.first_chunk()?));
            places.push(Self { first: bytes.get(14..14 + key)?.into(), offset, length });
            bytes = &bytes[14 + key..];
        }
        Some(places)
    }
}

/// The last bytes of a finished table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) index_at: u64,
    pub(super) index_length: u32,
    pub(super) meta_length: u32,
    pub(super) entries: u64,
}

impl Footer {
    /// The bytes, of which the checksum covers `header`, `index` and `meta` too.
    pub(super) fn encode(&self, index: &[u8], meta: &[u8]) -> [u8; FOOTER] {
        let mut bytes = [0; FOOTER];
        bytes[..8].copy_from_slice(&self.index_at.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.index_length.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.meta_length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.entries.to_le_bytes());
        // Four bytes for what a later version may want to say.
        let crc = checksum(&[&header(), index, meta, &bytes[..28]]);
        bytes[28..32].copy_from_slice(&crc.to_le_bytes());
        bytes[32..].copy_from_slice(END);
        bytes
    }

    /// What the bytes say, whether or not the checksum fits; none if they are no footer.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == FOOTER && bytes.ends_with(END)).then_some(())?;
        Some(Self {
            index_at: u64::from_le_bytes(*bytes.first_chunk()?),
            index_length: u32::from_le_bytes(*bytes[8..].first_chunk()?),
            meta_length: u32::from_le_bytes(*bytes[12..].first_chunk()?),
            entries: u64::from_le_bytes(*bytes[16..].first_chunk()?),
        })
    }
}

/// The CRC-32 (ISO-HDLC) of all `parts`.
pub(super) fn checksum(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// A table that cannot be trusted.
pub(super) fn damaged(name: &str, what: impl AsRef<str>) -> Error {
    let message = format!("table {name}: {}", what.as_ref());
    Error::new(ErrorKind::Internal, "table.damaged", message).with_retry(Retry::Never)
}
