//! An append-only log of who did what, in which tampering shows.

mod chain;
mod file;
mod node;
mod redact;
mod service;
#[cfg(test)]
mod tests;

pub use node::AuditLog;
pub use service::AuditLogs;
