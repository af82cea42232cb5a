//! For authors of node types and implementors of ports: run one node by itself, and the conformance suites.

mod node;

pub use node::{Collected, NodeTest};
