//! The catalog of node types.

pub mod code;
