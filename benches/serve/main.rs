//! What the HTTP API costs: a trivial workflow executed over HTTP, beside a bare axum handler that echoes JSON.
//!
//! `cargo bench --bench serve [-- --seconds N --rounds N]`, with `wrk` from the system's packages. Every candidate is a
//! process of its own and takes its turn in each round; the figures are medians over rounds. Then: how soon and how
//! small `kailash serve` is, and what 100,000 suspended runs take.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]

mod candidates;
mod idle;
mod load;
mod suspended;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["candidate", name, folder] => candidates::serve(name, folder.as_ref()),
        ["suspended", folder] => suspended::measure(folder.as_ref()),
        options => load::compare(options).and_then(|()| idle::measure()).and_then(|()| suspended::apart()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What a step of the bench gives.
pub(crate) type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The middle of `values`.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The resident memory of process `pid`, in MB.
pub(crate) fn resident_mb(pid: u32) -> Done<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}
