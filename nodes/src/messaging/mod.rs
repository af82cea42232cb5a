//! What the families that send and receive messages have in common.

mod format;
mod shared;
mod stage;

pub use format::MessageFormat;
pub(crate) use format::write;
pub(crate) use shared::{Borrowed, Share, Shared};
pub(crate) use stage::{Publisher, Publishing, given};
