//! Nodes of the edge platform.

mod coordination;
mod events;

pub use coordination::EdgeCoordination;
use kailash_core::{Registry, Result};

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<EdgeCoordination>()
}
