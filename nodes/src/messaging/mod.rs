//! What the families that send and receive messages have in common.

mod format;
mod stage;

pub use format::MessageFormat;
pub(crate) use format::write;
pub(crate) use stage::{Publisher, Publishing, all};
