//! Output of a command to stdout or to a file, which is whole or not there.

use std::{fs::Permissions, io::Write, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, Result};

use super::term::out;

/// Writes `text` to `path`, through a file beside it that takes its place when it is complete; to stdout without one.
pub(super) fn write(path: Option<&Path>, text: &str) -> Result<()> {
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        let mut out = out();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = || format!("cannot write `{}`", path.display());
    let mut builder = tempfile::Builder::new();
    // As for any new file: the process's umask takes its part away.
    let mut file =
        builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder).with_context(place)?;
    file.write_all(text.as_bytes()).with_context(place)?;
    file.persist(path).with_context(place)?;
    Ok(())
}
