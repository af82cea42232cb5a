//! The edge platform of Kailash: coordination of hosts by Raft, and the lifecycle of a host.

pub mod coordinate;
pub mod lifecycle;
pub mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
