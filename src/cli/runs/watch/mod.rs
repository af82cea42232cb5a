//! `kailash runs watch`: a host's runs as they happen.
//!
//! ```text
//! host ──GET /runs, /events──> Client ──> Feed ──Heard──> Board (pure) ──> picture ──> Screen
//!                                (again after a loss)└──────────────────> lines of JSON
//! ```

mod board;
mod client;
mod command;
mod feed;
mod node;
mod picture;
mod row;
mod screen;
#[cfg(test)]
mod tests;

pub(super) use command::{Args, main};
