//! A host and its HTTP API, in this process, spoken to as clients do.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where something it needs is missing"
)]

mod bad_input;
mod cluster;
mod events;
mod execute;
mod guard;
mod load;
mod metrics;
mod runs;
mod support;
mod tls;
mod websocket;
mod workflows;
