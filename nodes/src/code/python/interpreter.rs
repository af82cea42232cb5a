//! Finds the interpreter and the paths it lives from, by asking it.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::{PythonError, PythonSettings};

const PROBE: &str = include_str!("probe.py");
const PROBE_TIME: Duration = Duration::from_secs(30);
const OLDEST: (u32, u32) = (3, 9);

/// An interpreter as it described itself.
#[derive(Debug, Deserialize)]
pub(super) struct Interpreter {
    /// The program itself, not the script that may stand in for it on the `PATH`. A link is kept as it
    /// is, since a virtual environment is known by the place of its link.
    pub(super) executable: PathBuf,
    /// Major and minor version.
    version: (u32, u32),
    /// The files and directories it reads its modules and libraries from.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only landlock asks for it"))]
    pub(super) readable: Vec<PathBuf>,
    /// The modules that the sandbox needs and this interpreter lacks.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the sandbox asks for it"))]
    pub(super) lacking: Vec<String>,
}

/// Runs the interpreter of the settings once and asks it about itself.
///
/// # Errors
///
/// [`PythonError::NoInterpreter`] where there is none that answers or it is too old.
pub(super) async fn find(settings: &PythonSettings) -> Result<Interpreter, PythonError> {
    let program = settings.interpreter.as_deref().map_or(OsStr::new("python3"), |path| path.as_os_str());
    let refuse = |why: String| PythonError::NoInterpreter { hint: format!("`{}` {why}", program.display()) };
    let run = Command::new(program)
        .args(["-I", "-B", "-c", PROBE])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(PROBE_TIME, run).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(refuse("was not found; install Python 3.9 or later, or set the interpreter".into()));
        }
        Ok(Err(error)) => return Err(refuse(format!("cannot be run: {error}"))),
        Err(_) => return Err(refuse(format!("gave no answer within {PROBE_TIME:?}"))),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        return Err(refuse(format!("failed with {}: {last}", output.status)));
    }
    let answer = output.stdout.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let found: Interpreter = serde_json::from_slice(answer)
        .map_err(|error| refuse(format!("did not describe itself as a Python does: {error}")))?;
    if found.version < OLDEST {
        let (major, minor) = found.version;
        return Err(refuse(format!("is Python {major}.{minor}; 3.9 or later is needed")));
    }
    if !found.executable.is_absolute() {
        return Err(refuse("does not know its own program; set the interpreter to its full path".into()));
    }
    tracing::debug!(executable = %found.executable.display(), "found the python interpreter");
    Ok(found)
}
