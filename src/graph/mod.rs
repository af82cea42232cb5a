//! Pictures of workflows.
//!
//! ```text
//! document ──> Picture (nodes, lines) ──> mermaid | dot
//!                                   └───> layout ──> svg
//! ```
//! A picture is drawn from the document as it stands: one that could not run has a picture too.

mod dot;
mod layout;
mod measure;
mod mermaid;
mod picture;
mod style;
mod svg;

pub use picture::{Line, MAX_DRAWN, Picture, Shape};
