//! Whether a history of the replicated map is linearizable (M. Herlihy and J. Wing, "Linearizability: A Correctness
//! Condition for Concurrent Objects", TOPLAS 1990): whether every operation can have happened at one moment between its
//! call and its answer.
//!
//! ```text
//! client a   ├── put 1 ──┤        ├── get: 1 ──┤
//! client b          ├───── put 2 ──────┤               put 2, put 1, get: 1 explains it
//! ```
//! The search is that of J. Wing and C. Gong ("Testing and Verifying Concurrent Objects", JPDC 1993) with the memory of
//! G. Lowe ("Testing for Linearizability", 2017), each key by itself, as in A. Athalye's Porcupine.

mod check;
mod history;
mod model;
mod placed;
#[cfg(test)]
mod tests;
mod verdict;

pub use check::{STEPS, check};
pub use history::{Asked, History, Operation, Outcome, Seen, Told};
pub use verdict::{Verdict, Violation};
