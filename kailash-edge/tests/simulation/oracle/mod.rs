//! What must be true of every world, whatever happens in it.

pub(crate) mod leases;
pub(crate) mod logs;
pub(crate) mod resource;
pub(crate) mod watching;
pub(crate) mod writes;

/// What is not true.
pub(crate) type Violation = String;
