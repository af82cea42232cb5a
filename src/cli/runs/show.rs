//! One run: its summary, or everything that its journal knows.

use std::io::Write;

use anyhow::Result;
use kailash_runtime::Journal;

use super::{status, summary};
use crate::cli::{
    journal,
    term::{clean, out},
};

/// Shows a run.
pub(super) async fn show(journal: &Journal, name: &str, as_json: bool) -> Result<()> {
    let run = journal::find(journal, name).await?;
    let shown = journal.summary(run).await?;
    let mut out = out();
    if as_json {
        writeln!(out, "{:#}", summary(&shown))?;
        return Ok(out.flush()?);
    }
    writeln!(out, "run       {run}")?;
    writeln!(out, "workflow  {}", clean(&shown.workflow))?;
    writeln!(out, "status    {}", status(&shown))?;
    writeln!(out, "began     {}", shown.began)?;
    if let Some(wait) = &shown.wait {
        let until = wait.until.map(|until| format!("until {until} ")).unwrap_or_default();
        writeln!(out, "waits     {until}{}", clean(&wait.signals.join(", ")))?;
    }
    if let Some(end) = &shown.end {
        writeln!(out, "ended     {}", end.at)?;
        if let Some(error) = &end.error {
            writeln!(out, "error     {} [{}]", clean(&error.to_string()), error.code())?;
        }
    }
    for happened in journal.history(run).await? {
        let Some(unit) = happened.unit else { continue };
        let message = happened.message.map(|message| format!(": {message}")).unwrap_or_default();
        writeln!(out, "  {:<8}  {}", happened.what, clean(&format!("{unit}{message}")))?;
    }
    Ok(out.flush()?)
}

/// Prints the journal, one JSON object a line.
pub(super) async fn events(journal: &Journal, name: &str) -> Result<()> {
    let run = journal::find(journal, name).await?;
    let mut out = out();
    for happened in journal.history(run).await? {
        serde_json::to_writer(&mut out, &happened).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
