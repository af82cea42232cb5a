//! `kailash cluster`: the hosts that act together.
//!
//! ```text
//! status, events, step-down, remove ──HTTP──> a host of the cluster
//! demo ──processes──> hosts on loopback, to try out what happens when one goes
//! ```

mod demo;
mod events;
mod status;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;

use super::{
    journal::wait,
    refusal::Refusal,
    remote::Place,
    term::{clean, err},
};

const EXAMPLES: &str = "\
Examples:
  kailash cluster demo --hosts 3                     three hosts on loopback, until Ctrl-C
  kailash cluster status                             of the cluster of the host at 127.0.0.1:8470
  kailash cluster status --url https://edge-7:8470 --key env:KAILASH_KEY --json
  kailash cluster events                             who leads, who is cut off, as it happens
  kailash cluster step-down                          let another host lead, before maintenance
  kailash cluster remove edge-3                      a host that will not come back

Exit status of `status`: 0 a majority is there, 1 none is, 2 the host could not be asked.";

/// Show and change a cluster of hosts, or try one out
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Args),
    Events(events::Args),
    /// Let another host lead
    StepDown {
        #[command(flatten)]
        host: Place,
    },
    /// Let a host go for good: it counts no longer, and its data is of no use to the cluster any more
    Remove {
        /// Its name, or its number as `kailash cluster status --json` tells it
        member: String,
        #[command(flatten)]
        host: Place,
    },
    Demo(demo::Args),
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Command::Status(args) => status::main(args),
        Command::Events(args) => events::main(args),
        Command::StepDown { host } => tell(host, &Method::POST, "cluster/step-down", "another host leads"),
        Command::Remove { member, host } => {
            let path = format!("cluster/members/{}", urlencoding(member));
            tell(host, &Method::DELETE, &path, &format!("{} takes part no longer", clean(member)))
        }
        Command::Demo(args) => demo::main(args),
    }
}

fn tell(host: &Place, method: &Method, path: &str, done: &str) -> Result<ExitCode> {
    use std::io::Write;
    let client = host.client()?;
    wait(client.tell(method.clone(), path))?.map_err(Refusal::from)?;
    writeln!(err(), "{done}")?;
    Ok(ExitCode::SUCCESS)
}

/// `name` as a part of a path (RFC 3986, section 2).
fn urlencoding(name: &str) -> String {
    use std::fmt::Write;
    name.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let written = write!(path, "%{byte:02X}");
            debug_assert!(written.is_ok(), "a string takes everything");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        assert_eq!(urlencoding("edge-3"), "edge-3");
        assert_eq!(urlencoding("../a b?ä"), "..%2Fa%20b%3F%C3%A4");
    }
}
