//! Validation: every problem of a workflow at once, each with its place, a stable code and a hint.

mod check;
mod connect;
mod cycles;
mod issue;
#[cfg(test)]
mod tests;

pub(crate) use check::validate;
pub use issue::{Issue, Issues, Severity};
