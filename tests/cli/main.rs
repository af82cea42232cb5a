//! The command line, as its users see it: the real binary in a folder of its own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod catalog;
mod cluster;
mod convert;
mod graph;
mod journal;
mod new;
mod params;
mod pipes;
mod refused;
mod run;
mod salvage;
mod serve;
mod signals;
mod sink;
mod support;
mod validate;
mod watch;
