//! The lifecycle of an edge host, as a pure machine.
//!
//! ```text
//! initialized ──warm──> warming ──ready──> active ──drain──> draining ──drained──> terminated
//!                          │  ^               │                  │                     ^
//!                          └──┴───── fail ────┴────── fail ──────┴─────────────────────┘
//! ```
//! Work is admitted while a host is active; work under way is finished while it drains. A terminated host stays so: it
//! comes back as another instance.

mod machine;
mod state;

pub use machine::{Lifecycle, Refused};
pub use state::{Signal, State};
