//! The command line: one file or folder for each command, and what they share.
//!
//! ```text
//! arguments ──> command ──> stdout: data, what a script or a reader asked for
//!                     └───> stderr: talk: progress, warnings, errors with file, place and hint
//! exit 0 done · 1 the work failed or was cancelled · 2 refused: nothing was begun
//! ```

mod answer;
mod args;
mod cluster;
mod completions;
mod convert;
mod diagnose;
mod entry;
mod file;
mod graph;
mod journal;
mod keys;
mod load;
mod logs;
mod new;
mod nodes;
mod params;
mod refusal;
mod remote;
mod resume;
mod run;
mod runs;
mod schema;
mod serve;
mod source;
mod term;
mod validate;

pub(crate) use entry::main;
