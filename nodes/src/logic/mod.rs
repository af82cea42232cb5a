//! Nodes that decide, join, compute and nest.

mod convergence;
mod expression;
mod for_each;
mod inner;
mod mapping;
mod merge;
mod saga;
mod switch;
pub(crate) mod variables;
mod workflow;

pub use convergence::ConvergenceChecker;
pub use expression::Expression;
pub use for_each::ForEach;
use kailash_core::{Registry, Result};
pub use merge::Merge;
pub use saga::SagaCoordinator;
pub use switch::Switch;
pub use workflow::Workflow;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<ConvergenceChecker>()?;
    registry.register::<Expression>()?;
    registry.register::<ForEach>()?;
    registry.register::<Merge>()?;
    registry.register::<SagaCoordinator>()?;
    registry.register::<Switch>()?;
    registry.register::<Workflow>()
}
