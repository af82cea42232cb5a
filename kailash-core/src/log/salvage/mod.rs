//! What a damaged log still holds: read, and never changed.
//!
//! ```text
//! segment files ──read──> bytes ──scan──> sound records ──sort──> runs: whole, with gaps, in doubt
//!   (bad sectors are zeros)    └──> holes ─────┘
//! ```
//! The scan says which bytes are records; the sorting says what their runs can be trusted with.

mod found;
mod read;
mod scan;
mod sort;

#[cfg(test)]
mod tests;

pub use found::{Damage, Doubt, FoundRun, Salvage};
