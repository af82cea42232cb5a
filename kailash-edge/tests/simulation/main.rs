//! Members of a cluster in a simulated world, in which everything goes wrong that can: what clients were told must be
//! true, and once nothing goes wrong any more, everything must work.
//!
//! ```text
//! KAILASH_SEED=7 KAILASH_SEEDS=1000 cargo test -p kailash-edge --features testing --test simulation
//! KAILASH_SEED=7 KAILASH_TRACE=1 ...        one world, told line by line
//! ```

#![expect(clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::print_stdout, reason = "what really happened is told beside the result")]

mod clients;
mod clock;
mod dice;
mod disk;
mod faults;
mod host;
mod life;
mod mutants;
mod net;
mod oracle;
mod plan;
mod tally;
mod trace;
mod world;
mod worlds;
