//! The coordination of hosts beside etcd: three members each on this machine, the same client, keys and values.
//!
//! ```sh
//! cargo build --release --bin kailash
//! cargo run --release --manifest-path benches/coordination/Cargo.toml [-- OPTIONS] [PART...]
//! ```
//! Parts: `puts`, `kills`, `memory`; all of them if none is named. Options: `--kailash PROGRAM` (the one in
//! `target/release`), `--folder FOLDER` for the members' data (the current one; it must be on a disk), `--rounds N`,
//! `--seconds N`, `--clients N`
//! (only the rows of so many), `--kills N`, `--only kailash|etcd`. Without `etcd` (Debian's package `etcd-server`) Kailash is measured alone.

mod cluster;
mod etcd;
mod figures;
mod floor;
mod grpc;
mod kailash;
mod kills;
mod load;
mod memory;
mod options;
mod process;
mod puts;
mod row;
mod wire;

use std::process::ExitCode;

use cluster::System;
use options::Options;
use tokio::signal::unix::{SignalKind, signal};

/// What a step of the bench gives.
type Done<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Done {
    let options = Options::read(std::env::args().skip(1))?;
    let systems = System::found(&options);
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    executor.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        // Whatever was begun is ended, and its folders go, when the measuring is dropped.
        tokio::select! {
            measured = measure(&systems, &options) => measured,
            _ = terminate.recv() => Err("terminated".into()),
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    })
}

async fn measure(systems: &[System], options: &Options) -> Done {
    println!("{}\nload before: {}", figures::machine()?, figures::load()?);
    if options.has("puts") {
        puts::measure(systems, options).await?;
    }
    if options.has("kills") {
        kills::measure(systems, options).await?;
    }
    if options.has("memory") {
        memory::measure(systems, options).await?;
    }
    println!("\nload after: {}", figures::load()?);
    Ok(())
}
