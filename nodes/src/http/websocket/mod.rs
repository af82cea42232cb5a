//! A client of WebSocket servers (RFC 6455).

mod connect;
mod frame;
mod node;
mod session;
mod source;
mod whole;

pub use frame::MessageFormat;
pub use node::WebSocket;
pub use source::OnFull;
