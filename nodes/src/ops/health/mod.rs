//! Whether what a workflow leans on is well.

mod node;
mod probe;
mod target;

pub use node::HealthCheck;
