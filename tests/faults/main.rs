//! Faults of real hosts: processes that are killed, stopped and started, links that break, disks that fill and fail.
//!
//! Each test makes sure that its fault really happened, and that clients were served before it. What clients were told is
//! checked for linearizability. Times are asserted with three times the room of the target, and printed.
//! `KAILASH_FAULT_ROUNDS` lets each fault happen as often (the short form is what is said beside each test).
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops where something it needs is missing, and prints what it measured"
)]

mod clocks;
mod damage;
mod disks;
mod harness;
mod killed;
mod links;
mod membership;
mod paused;
mod snapshots;
mod strangers;

/// How often a fault happens: as the environment says, else `short`.
fn rounds(short: u32) -> u32 {
    std::env::var("KAILASH_FAULT_ROUNDS").map_or(short, |rounds| rounds.parse().expect("a number of rounds"))
}
