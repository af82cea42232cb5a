//! Output of a command to stdout or to a file, which is whole or not there.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use anyhow::{Context, Result};
use kailash_nodes::AtomicFile;

use super::term::out;

/// Writes `text` to `path`, through a file beside it that takes its place when it is complete; to stdout without one.
pub(super) fn write(path: Option<&Path>, text: &str) -> Result<()> {
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        let mut out = out();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    };
    let place = || format!("cannot write `{}`", path.display());
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        // A device or a pipe is written to, never replaced.
        let mut device = OpenOptions::new().write(true).open(path).with_context(place)?;
        return device.write_all(text.as_bytes()).with_context(place);
    }
    let mut file = AtomicFile::create(path)?;
    file.write_all(text.as_bytes()).with_context(place)?;
    Ok(file.commit()?)
}
