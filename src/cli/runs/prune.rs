//! Forgetting runs.

use std::io::Write;

use anyhow::Result;
use kailash_core::exec::{Clock, SystemClock};
use kailash_runtime::Journal;
use serde_json::json;

use crate::cli::{journal, term::out};

/// Forget runs: those named, or those that ended long ago
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Runs to forget, ended or not
    #[arg(required_unless_present = "ended_days")]
    runs: Vec<String>,
    /// Forget every run that ended at least so many days ago
    #[arg(long, value_name = "DAYS")]
    ended_days: Option<u32>,
}

/// Forgets runs and tells how many.
pub(super) async fn main(journal: &Journal, args: &Args, as_json: bool) -> Result<()> {
    let mut gone = Vec::new();
    for name in &args.runs {
        gone.push(journal::find(journal, name).await?);
    }
    if let Some(days) = args.ended_days {
        let before = SystemClock::default().now().unix_millis() - i64::from(days) * 24 * 60 * 60 * 1000;
        for run in journal::all(journal).await? {
            let known = journal.summary(run).await?;
            if known.end.is_some_and(|end| end.at.unix_millis() <= before) && !gone.contains(&run) {
                gone.push(run);
            }
        }
    }
    for run in &gone {
        journal.prune(*run).await?;
    }
    let mut out = out();
    if as_json {
        let ids: Vec<String> = gone.iter().map(ToString::to_string).collect();
        writeln!(out, "{}", json!({ "pruned": ids }))?;
    } else {
        writeln!(out, "{} forgotten", gone.len())?;
    }
    Ok(out.flush()?)
}
