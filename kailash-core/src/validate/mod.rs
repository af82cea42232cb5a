//! Validation: every problem of a workflow at once, each with its place, a stable code and a hint.

mod check;
mod connect;
mod cycles;
mod issue;
mod nesting;
#[cfg(test)]
mod tests;

pub(crate) use check::{MAX_ID, validate};
pub use issue::{Issue, Issues, Severity};
pub use nesting::Nesting;
