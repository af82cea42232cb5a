//! Documents: workflows as JSON or YAML text, in Kailash's own form and in two forms of the Kailash SDK for Python.
//!
//! ```text
//! text ──read──> Value ──document_of──> Document ──validate──> Workflow
//! text <─to_text─ Value <────write───── Document
//! ```
//!
//! Nothing is lost on the way: what a reader knows becomes a typed field of the [`Document`](crate::workflow::Document),
//! everything else stays in the `extra` map of its level. A field spelt in another way than a writer would (`null`, a
//! default written out, half a policy) is kept as it was spelt under its own name in `extra`, and written back so as
//! long as it still means the same. Writing a document in the dialect it came from gives the same value again.
//!
//! Names that begin with `$` are Kailash's: in `extra` they carry what a form says beside its fields.

mod connections;
mod document;
mod ends;
mod findings;
mod form;
mod level;
mod locate;
mod nodes;
mod raw;
mod raw_read;
mod schema;
mod secret;
mod text;
mod typed;

pub use document::{document_of, write};
pub use locate::{Position, locate};
pub use schema::schema;
pub use text::{MAX_CONNECTIONS, MAX_NODES, MAX_TEXT, Syntax, read, to_text};

use crate::FormatVersion;

/// The version of Kailash's own form that this release writes.
pub const FORMAT: FormatVersion = FormatVersion::new(1, 0);
