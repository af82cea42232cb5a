//! `kailash new`: a folder with a workflow that runs at once.

mod template;

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use kailash_core::validate::Issue;

use self::template::Template;
use super::{
    refusal::Refusal,
    term::{Paint, out},
};

const EXAMPLES: &str = "\
Examples:
  kailash new demo                        read, filter, aggregate, write
  kailash new demo --template branch      two ways for two kinds of rows
  kailash new demo --template cycle       repeat until it has converged

  kailash run demo/workflow.yaml --dir demo";

/// Make a folder with a first workflow, its data and a README
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder to make; it must not exist, or be empty
    name: PathBuf,
    /// What the workflow does
    #[arg(long, default_value = "pipeline")]
    template: Template,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let folder = &args.name;
    check(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("workflow");
    for (file, text) in args.template.files() {
        let path = folder.join(file);
        let text =
            text.replace("{{name}}", &plain(name)).replace("{{folder}}", &folder.display().to_string());
        // Created anew: what stands there by now is somebody else's.
        let made = fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        made.with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let (mut out, paint) = (out(), Paint::stdout());
    writeln!(out, "made {} with workflow.yaml, README.md and data", paint.bold(folder.display()))?;
    let shown = quoted(&folder.display().to_string());
    writeln!(out, "run it:  {}", paint.cyan(format!("kailash run {shown}/workflow.yaml --dir {shown}")))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn check(folder: &Path) -> Result<(), Refusal> {
    let taken = match folder.read_dir() {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => true,
    };
    if !taken {
        return Ok(());
    }
    let issue = Issue::error("new.exists", format!("`{}` is already there", folder.display()));
    Err(Refusal::of(issue.hint("nothing was changed: choose another name")))
}

/// A name that stands in a YAML text as it is.
fn plain(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' };
    name.chars().map(safe).collect()
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    if path.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c)) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}
