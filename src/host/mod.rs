//! A host: workflows and runs behind one config, and the tasks that keep them going.
//!
//! ```text
//! Config ──> Identity ──> journal ──> Workflows ──> Runs ──> listeners       (built)
//!                                                     listeners ──> Runs     (stopped)
//! ```

mod cluster;
pub mod config;
mod events;
mod files;
mod identity;
pub mod keys;
mod metrics;
mod node_metrics;
pub mod runs;
mod start;
mod supervise;
mod tls;
pub mod trace;
pub mod workflows;

pub use cluster::{Cluster, ClusterEvent};
pub use events::Bus;
pub use files::random_hex;
pub(crate) use files::whole_file;
pub use identity::Identity;
pub use metrics::Metrics;
pub use start::{Host, private_folder};
pub use tls::Tls;
