//! Nodes that run user code.

mod async_python_code;
mod data_transformer;
pub mod python;
mod python_code;
pub(crate) mod script;

pub use async_python_code::AsyncPythonCode;
pub use data_transformer::DataTransformer;
use kailash_core::{Registry, Result};
pub use python_code::PythonCode;
pub use script::SandboxMode;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<PythonCode>()?;
    registry.register::<AsyncPythonCode>()?;
    registry.register::<DataTransformer>()
}
