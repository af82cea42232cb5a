//! Runs that keep a journal: what was answered is never run again, effects happen once, whenever the power goes off.
#![expect(clippy::expect_used, reason = "a test stops where something it needs is missing")]

mod blobs;
mod losses;
mod suspended;
mod versions;
mod world;
