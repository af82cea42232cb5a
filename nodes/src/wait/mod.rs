//! Nodes that wait without costing anything: the run may be put aside meanwhile, and survives the process.

mod delay;
mod signal_wait;

pub use delay::Delay;
use kailash_core::{Registry, Result};
pub use signal_wait::SignalWait;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<Delay>()?;
    registry.register::<SignalWait>()
}
