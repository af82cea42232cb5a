//! Hosts that are processes, links between them that break, and clients that remember what they were told.

mod clients;
mod cluster;
mod host;
mod links;
mod process;

pub(crate) use clients::{Clients, LIMIT};
pub(crate) use cluster::Cluster;
pub(crate) use host::{Host, Started};
pub(crate) use links::{Fault, Links};
