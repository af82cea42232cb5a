//! A client of a GraphQL service over HTTP.

mod answer;
mod connection;
mod document;
mod node;

pub use connection::ConnectionPages;
pub use node::GraphQl;
