//! For authors of node types and implementors of ports: run one node by itself, and the conformance suites.
//!
//! A suite is a list of named checks, each of which panics with the rule that was broken. Run them all at once, or each
//! as a test of its own:
//!
//! ```
//! use std::sync::Arc;
//! use kailash_core::{exec::MemoryRunLog, testing::run_log};
//!
//! for (name, check) in run_log::CHECKS {
//!     println!("{name}");
//!     pollster::block_on(check(Arc::new(MemoryRunLog::default())));
//! }
//! ```

#[expect(clippy::expect_used, reason = "a check panics with the rule that was broken")]
pub mod blob_store;
#[expect(clippy::expect_used, reason = "a check panics with the rule that was broken")]
pub mod clock;
mod disk;
#[expect(clippy::expect_used, reason = "a check panics with the rule that was broken")]
pub mod lease;
mod node;
#[expect(clippy::expect_used, reason = "a check panics with the rule that was broken")]
pub mod run_log;
mod together;

pub use disk::SimulatedDisk;
pub use node::{Collected, NodeTest};
pub use together::{Check, Checking};
