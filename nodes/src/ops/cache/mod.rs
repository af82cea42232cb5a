//! Values remembered between nodes and runs.

mod lru;
mod node;
mod service;

pub use node::CacheNode;
pub use service::{Cache, CacheSettings};
