//! `kailash keys`: who may use the HTTP API.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Subcommand;
use kailash::host::keys::{Key, Keys, Scopes};
use serde_json::{Value as Json, json};

use super::{
    refusal::Refusal,
    term::{clean, err, out},
};

const EXAMPLES: &str = "\
Examples:
  kailash keys add dashboard --scopes read
  kailash keys add ci --scopes read,execute,manage
  kailash keys list
  kailash keys revoke dashboard

Scopes: read (look), execute (execute registered workflows, signal, cancel), manage (change workflows, execute documents
that come with a request, forget runs). A running host sees changes at its next request.";

/// Make, list and revoke API keys
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The data folder of the host
    #[arg(
        long,
        value_name = "FOLDER",
        env = "KAILASH_HOST__DATA",
        default_value = "kailash-data",
        global = true
    )]
    data: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key and print its token, which is kept nowhere
    Add {
        /// What people call it
        name: String,
        /// What it allows
        #[arg(long, default_value = "read,execute")]
        scopes: String,
    },
    /// List the keys, without their tokens
    List,
    /// Revoke a key
    Revoke {
        /// Its name or id
        key: String,
    },
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    if matches!(args.command, Command::Add { .. }) {
        kailash::host::private_folder(&args.data).map_err(Refusal::from)?;
    }
    let keys = Keys::open(&args.data).map_err(Refusal::from)?;
    let mut out = out();
    match &args.command {
        Command::Add { name, scopes } => {
            let scopes: Scopes = scopes.parse().map_err(Refusal::from)?;
            let (key, token) = keys.add(name, scopes).map_err(Refusal::from)?;
            if args.json {
                let mut made = told(&key);
                made["token"] = token.into();
                writeln!(out, "{made:#}")?;
            } else {
                writeln!(out, "{token}")?;
                writeln!(err(), "keep it: it is shown only now")?;
            }
        }
        Command::List => {
            let keys = keys.list().map_err(Refusal::from)?;
            if args.json {
                writeln!(out, "{:#}", keys.iter().map(told).collect::<Json>())?;
            } else {
                for key in keys {
                    writeln!(
                        out,
                        "{}  {}  {:<20}  {}",
                        key.id,
                        key.created,
                        key.scopes.to_string(),
                        clean(&key.name)
                    )?;
                }
            }
        }
        Command::Revoke { key } => {
            let gone = keys.revoke(key).map_err(Refusal::from)?;
            if args.json {
                writeln!(out, "{:#}", told(&gone))?;
            } else {
                writeln!(out, "{} revoked", gone.id)?;
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn told(key: &Key) -> Json {
    json!({ "id": key.id, "name": key.name, "scopes": key.scopes.to_string(), "created": key.created })
}
