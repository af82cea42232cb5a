//! The edge platform of Kailash. At present: the lifecycle of an edge host.

pub mod lifecycle;
