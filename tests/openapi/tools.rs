//! The tools that know OpenAPI: `tests/run openapi_tools` installs them below the target folder.

use std::{path::Path, process::Command};

/// One of the tools.
pub(crate) fn tool(name: &str) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let path = target.join("schemathesis/bin").join(name);
    assert!(
        path.is_file(),
        "{} is missing. Install the tools of tests/openapi/requirements.txt with `tests/run openapi_tools`, or by hand: \
         python3 -m venv {target}/schemathesis && {target}/schemathesis/bin/pip install -r tests/openapi/requirements.txt",
        path.display(),
        target = target.display(),
    );
    Command::new(path)
}

/// Runs a tool, and shows what it said if it fails.
pub(crate) fn run(command: &mut Command) {
    let output = command.output().expect("the tool runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}\n{}", said(&output.stdout), said(&output.stderr));
}
