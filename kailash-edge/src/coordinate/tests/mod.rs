//! Members in one process that speak to each other over loopback.

mod cluster;
mod cut;
mod group;
mod leases;
mod standing;
mod strangers;
mod watching;

pub(super) use cluster::{Cluster, Host};
