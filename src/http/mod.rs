//! The HTTP API of a host.
//!
//! ```text
//! connection ──(server: limits of connections, heads)──> guard (who, how much) ──> handler ──> host
//! ```

mod answer;
mod app;
mod body;
mod cluster;
mod events;
mod execute;
mod graph;
mod guard;
mod nodes;
mod openapi;
mod page;
mod path;
mod problem;
mod runs;
mod server;
mod system;
mod workflows;

pub use server::{Listener, Socket};
