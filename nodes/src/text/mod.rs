//! Nodes that make and cut text.

mod split;
mod template;
mod text_splitter;

use kailash_core::{Registry, Result};
pub use template::Template;
pub use text_splitter::TextSplitter;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<Template>()?;
    registry.register::<TextSplitter>()
}
