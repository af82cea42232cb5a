//! Runs user Python in a pool of `python3` worker processes that the kernel confines.
//!
//! [`PythonPool`] hands each [`Call`] to one worker. A worker serves one call at a time and many
//! calls in its life; a worker of [`Sandbox::Restricted`] is confined by landlock, seccomp and
//! resource limits before it sees any user code.
//!
//! # What a worker is a boundary for
//!
//! The confinement stands between user code and the host. Calls that share a worker share its
//! interpreter: each has fresh globals, but code that sets out to do so can change a module for the
//! calls that come after it. Set [`PythonSettings::calls_per_worker`] to 1 where documents that must
//! not trust one another meet in one pool.

mod call;
mod error;
mod guardian;
mod interpreter;
mod pool;
mod protocol;
mod sandbox;
#[cfg(target_os = "linux")]
mod seccomp;
mod settings;
#[cfg(test)]
mod tests;
mod worker;

pub use call::{Call, Mode, Reply, Sandbox};
pub use error::PythonError;
pub use pool::PythonPool;
pub use settings::PythonSettings;
