//! Nodes of the edge platform.

mod coordination;
mod events;
mod state;
mod update;

pub use coordination::EdgeCoordination;
use kailash_core::{Registry, Result};
pub use state::EdgeStateMachine;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<EdgeCoordination>()?;
    registry.register::<EdgeStateMachine>()
}
