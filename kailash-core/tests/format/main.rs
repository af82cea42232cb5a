//! Documents: what is read, what is refused, and that nothing is lost.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

mod issues;
mod laws;
mod limits;
mod locate;
mod own;
mod regressions;
mod roundtrip;
mod strategies;
