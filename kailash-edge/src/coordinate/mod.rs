//! Coordination of edge hosts: one Raft group for each cluster, and what rests on its one order of commands.
//!
//! ```text
//! Coordinator (handle) ── propose ──> leader ──> log on a majority of disks ──> state, the same on every member
//!                      ── read ────> own state, once it has caught up with all that was answered before
//!                      ── watch ───> changes, in order
//! ```
//! `state` is the pure machine, `store` the disk, `net` the peers, `raft` what openraft is told. A cluster of one needs
//! no configuration and listens nowhere; it grows by members that join.

mod coordinator;
mod embedded;
mod expiry;
mod handover;
mod identity;
mod keeper;
mod lease;
mod members;
pub mod net;
mod noticing;
mod observer;
mod owned;
mod propose;
pub mod raft;
mod read;
mod service;
mod settings;
pub mod state;
mod status;
pub mod store;
#[cfg(test)]
mod tests;
mod watching;

pub use coordinator::Coordinator;
pub use embedded::Coordination;
pub use noticing::Happened;
pub use observer::{Observer, Observing};
pub use owned::{Owned, StateAsk, StateTold, is_reserved, name_of_state};
pub use propose::Carried;
pub use read::{Consistency, Reading};
pub use service::CoordinatorService;
pub use settings::{Compaction, Settings};
pub use status::{MemberStatus, Role, SnapshotStatus, Status};
pub use watching::Watch;
