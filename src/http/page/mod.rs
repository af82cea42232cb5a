//! A small page for people at `/`: what the host does, and a way to execute workflows.
//!
//! ```text
//! web/*.html, *.css, *.js ──(part of the binary)──> files ──> serve ──> browser ──> the same API as everybody's
//! ```
//! The files are for anybody; what the page shows it asks from the API, with a key where one is needed.

mod files;
mod serve;

pub(super) use serve::{file, index};
