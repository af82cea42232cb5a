//! Runs: one driver over the scheduler, shared by the runtimes.

mod asleep;
mod attempt;
mod body;
mod drive;
mod engine;
mod error;
mod events;
mod execute;
mod flying;
mod handle;
mod journaling;
mod lane;
mod line;
mod pipeline;
mod pump;
mod results;
mod settings;
mod shared;
mod start;
mod suspending;
mod telling;

pub(crate) use drive::{End, Run};
pub(crate) use engine::{Compute, Engine};
pub use error::{NodeError, RunError, Unfinished};
pub use events::{Events, Hook};
pub use execute::Outcome;
pub(crate) use execute::{begin, execute, execute_blocking, resume};
pub use handle::{Prepared, RunControl, RunHandle};
pub use results::{NodeStatus, Results};
pub use settings::{Keep, Settings};
pub use start::{Permit, Start};
