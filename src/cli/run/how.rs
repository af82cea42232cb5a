//! How a run is carried out and told of: what `run` and `resume` have in common.

use std::{path::PathBuf, time::Duration};

/// Options of everything that runs a workflow.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct How {
    /// How to run it: `local` on one thread, `parallel` on all cores
    #[arg(long, default_value = "local", value_parser = ["local", "parallel"])]
    pub(in crate::cli) runtime: String,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Print events as they happen, one JSON object a line, on stderr
    #[arg(long)]
    pub(in crate::cli) events: bool,
    /// The longest time for the run; goes before the document's
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(in crate::cli) timeout: Option<Duration>,
    /// How many async nodes may be under way at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) max_concurrency: Option<u32>,
    /// No progress and no warnings on stderr
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// The folder where runs keep what they have done; without one they keep nothing
    #[arg(long, value_name = "FOLDER", env = "KAILASH_JOURNAL")]
    pub(in crate::cli) journal: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("a time limit is more than no time at all".to_owned()),
    }
}
