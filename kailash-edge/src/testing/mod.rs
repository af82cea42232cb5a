//! For tests of clusters, simulated ones and real ones: whether what clients were told can be true.

pub mod linearizability;
