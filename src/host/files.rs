//! Small things that hosts keep: files that appear whole or not at all, and what nobody can guess.

use std::{fmt::Write as _, io::Write as _, path::Path};

use kailash_core::{Error, Result};
use kailash_nodes::AtomicFile;

/// Writes a file for its owner alone, whole or not at all. Blocks.
pub(crate) fn whole_file(path: &Path, content: &[u8]) -> Result<()> {
    let mut file = AtomicFile::private(path)?;
    file.write_all(content).map_err(|error| Error::io(path, error))?;
    file.commit()
}

/// `N` random bytes of the system's generator, in hex.
///
/// # Errors
/// A system without randomness.
pub fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(format!("no randomness: {error}")))?;
    let mut hex = String::with_capacity(2 * N);
    for byte in bytes {
        write!(hex, "{byte:02x}").map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(hex)
}
