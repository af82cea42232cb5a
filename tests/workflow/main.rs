//! Workflows end to end through the public API: real documents, real data.

#![expect(clippy::expect_used, reason = "a test stops where something it needs is missing")]

mod big_file;
mod saga;
mod samples;
