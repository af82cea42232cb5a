//! What a file is by its first bytes.

use std::{fs::File, io::Read, path::Path};

/// How many bytes are looked at.
const HEAD: u64 = 16;

/// First bytes that tell what a file is.
const SIGNS: [(&str, &[u8]); 20] = [
    ("image", b"\x89PNG\r\n\x1a\n"),
    ("image", b"\xff\xd8\xff"),
    ("image", b"GIF8"),
    ("image", b"II*\0"),
    ("image", b"MM\0*"),
    ("pdf", b"%PDF-"),
    ("zip", b"PK\x03\x04"),
    ("zip", b"PK\x05\x06"),
    ("gzip", b"\x1f\x8b"),
    ("zstd", b"\x28\xb5\x2f\xfd"),
    ("xz", b"\xfd7zXZ\0"),
    ("bzip2", b"BZh"),
    ("sqlite", b"SQLite format 3\0"),
    ("parquet", b"PAR1"),
    ("executable", b"\x7fELF"),
    ("wasm", b"\0asm"),
    ("audio", b"fLaC"),
    ("audio", b"OggS"),
    ("audio", b"ID3"),
    ("xml", b"<?xml"),
];

/// The kind of the file at `path` by its first bytes, if they tell. Blocks.
pub(super) fn kind_of(path: &Path) -> Option<&'static str> {
    let mut head = Vec::with_capacity(16);
    // A file that cannot be read is of the kind that its name says.
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let by_start = SIGNS.iter().find(|(_, sign)| head.starts_with(sign)).map(|(kind, _)| *kind);
    by_start.or_else(|| match (head.get(..4)?, head.get(8..12)?) {
        (b"RIFF", b"WAVE") => Some("audio"),
        (b"RIFF", b"WEBP") => Some("image"),
        (b"RIFF", b"AVI ") => Some("video"),
        _ if head.get(4..8) == Some(b"ftyp") => Some("video"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_a_file_is() {
        let dir = tempfile::tempdir().unwrap();
        for (content, kind) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], Some("image")),
            (b"%PDF-1.7", Some("pdf")),
            (b"RIFF\x10\0\0\0WAVEfmt ", Some("audio")),
            (b"\0\0\0\x18ftypmp42", Some("video")),
            (b"id,name\n", None),
            (b"", None),
        ] {
            let path = dir.path().join("file.csv");
            std::fs::write(&path, content).unwrap();
            assert_eq!(kind_of(&path), kind, "{content:?}");
        }
        assert_eq!(kind_of(&dir.path().join("none")), None);
    }
}
