//! Nodes that run user code.

pub mod python;
