//! Nodes against servers on this machine.

mod alone;
mod faults;
mod oauth;
mod raw;
mod request;
mod rest;
