//! Plans and runs workflows: one pure scheduler, one driver, two runtimes.
//!
//! ```text
//! Workflow ──plan──> Plan ──schedule──> Schedule (pure) <──drive──> bodies ──> Results
//!                     shared by runs     one for each run
//! ```

mod journal;
mod plan;
mod run;
mod runtime;
mod schedule;
#[cfg(feature = "testing")]
pub mod testing;

pub use journal::{End, Fate, Happened, Journal, Past, Salvaged, Summary, Wait};
pub use plan::Plan;
pub use run::{
    Events, Hook, Keep, NodeError, NodeStatus, Outcome, Permit, Prepared, Results, RunControl, RunError,
    RunHandle, Settings, Start, Unfinished,
};
#[cfg(feature = "parallel")]
pub use runtime::ParallelRuntime;
pub use runtime::{LocalRuntime, Runtime, by_name};
