//! Nodes against servers on this machine.

mod alone;
mod faults;
mod graphql;
mod oauth;
mod raw;
mod request;
mod rest;
mod rest_pages;
pub(in crate::http) mod served;
mod talking;
mod websocket;
mod websocket_stream;
