//! Requests under a rate limit that all runs of a host share.

mod api;
mod limiter;
mod limits;
#[cfg(test)]
mod tests;

pub use api::RateLimitedApi;
pub use limiter::Strategy;
pub use limits::RateLimits;
pub(super) use limits::{Gate, RATE_LIMITED};
