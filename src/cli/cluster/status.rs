//! `kailash cluster status`: members, leader, term, lag, leases.

use std::{fmt::Write as _, io::Write as _, process::ExitCode, time::Duration};

use anyhow::Result;
use kailash_core::exec::{Clock, SystemClock};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::cli::{
    journal::wait,
    refusal::Refusal,
    remote::{Client, Place, Trouble},
    term::{Paint, clean, out},
};

/// How many leases are shown.
const LEASES: usize = 100;

/// Show how a cluster stands, as one of its hosts sees it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How a cluster stands: what the command needs of it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Standing {
    pub(super) cluster: Option<String>,
    pub(super) term: u64,
    pub(super) quorum: bool,
    last_log: Option<u64>,
    committed: Option<u64>,
    applied: Option<u64>,
    log_bytes: u64,
    #[serde(default)]
    disk_full: bool,
    snapshot: Option<Snapshot>,
    member: String,
    role: String,
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Debug, Deserialize)]
struct Snapshot {
    last: u64,
    at_ms: u64,
    bytes: u64,
}

/// Somebody who takes part.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Member {
    id: String,
    pub(super) host: String,
    address: String,
    voter: bool,
    pub(super) leader: bool,
    lag: Option<u64>,
    silent_ms: Option<u64>,
}

/// A lease that somebody holds.
#[derive(Clone, Debug, Deserialize)]
struct Lease {
    lease: String,
    holder: String,
    token: u64,
    since_ms: u64,
}

impl Standing {
    /// The host that leads.
    pub(super) fn leader(&self) -> Option<&str> {
        self.members.iter().find(|member| member.leader && self.quorum).map(|member| member.host.as_str())
    }
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let client = args.host.client()?;
    let (standing, leases) = wait(ask(&client))?.map_err(Refusal::from)?;
    let has_quorum = standing["quorum"] == true;
    let mut out = out();
    if args.json {
        let mut whole = standing;
        whole["leases"] = leases["leases"].clone();
        writeln!(out, "{whole:#}")?;
    } else {
        let mut standing: Standing = serde_json::from_value(standing)?;
        standing.members.sort_by(|one, other| one.host.cmp(&other.host));
        let leases: Vec<Lease> = serde_json::from_value(leases["leases"].clone())?;
        let now = u64::try_from(SystemClock::default().now().unix_millis()).unwrap_or_default();
        out.write_all(picture(&standing, &leases, now, Paint::stdout()).as_bytes())?;
    }
    out.flush()?;
    Ok(if has_quorum { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How the cluster stands and who holds which lease, as the host has it.
async fn ask(client: &Client) -> Result<(Json, Json), Trouble> {
    let standing: Json = client.read("cluster", &[]).await?;
    let query = [("limit", LEASES.to_string()), ("stale_ok", "true".to_owned())];
    let leases: Json = client.read("cluster/leases", &query).await?;
    match (standing.is_object(), leases["leases"].is_array()) {
        (true, true) => Ok((standing, leases)),
        _ => Err(Trouble::stranger(client.url(), "it tells of no cluster")),
    }
}

/// How the cluster stands.
pub(super) async fn standing(client: &Client) -> Result<Standing, Trouble> {
    client.read("cluster", &[]).await
}

/// Everything for people.
fn picture(standing: &Standing, leases: &[Lease], now: u64, paint: Paint) -> String {
    let mut picture = String::new();
    let written = draw(&mut picture, standing, leases, now, paint);
    debug_assert!(written.is_ok(), "a string takes everything");
    picture
}

fn draw(
    into: &mut String,
    standing: &Standing,
    leases: &[Lease],
    now: u64,
    paint: Paint,
) -> std::fmt::Result {
    let index = |index: Option<u64>| index.map_or("none".to_owned(), |index| index.to_string());
    let quorum = if standing.quorum { paint.green("a majority is there") } else { paint.red("no majority") };
    let leader = standing.leader().map_or("nobody".to_owned(), |host| clean(host).into_owned());
    writeln!(into, "cluster   {}", standing.cluster.as_deref().unwrap_or("none yet"))?;
    writeln!(into, "term      {}, {leader} leads, {quorum}", standing.term)?;
    writeln!(
        into,
        "log       entry {}, committed {}, carried out {}, {}",
        index(standing.last_log),
        index(standing.committed),
        index(standing.applied),
        bytes(standing.log_bytes)
    )?;
    if standing.disk_full {
        writeln!(into, "disk      {}", paint.red("full: the log waits for room"))?;
    }
    if let Some(Snapshot { last, at_ms, bytes: size }) = &standing.snapshot {
        let age = age(now.saturating_sub(*at_ms));
        writeln!(into, "snapshot  to entry {last}, {}, of {age} ago", bytes(*size))?;
    }
    writeln!(into)?;
    let wide = |cells: &[&str]| cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let hosts: Vec<String> = standing.members.iter().map(|member| clean(&member.host).into_owned()).collect();
    let host_width = wide(&hosts.iter().map(String::as_str).chain(["host"]).collect::<Vec<_>>());
    let places: Vec<String> =
        standing.members.iter().map(|member| clean(&member.address).into_owned()).collect();
    let place_width = wide(&places.iter().map(String::as_str).chain(["address"]).collect::<Vec<_>>());
    let head =
        format!("  {:<host_width$}  {:<9}  {:<place_width$}  {:>8}  heard", "host", "role", "address", "lag");
    writeln!(into, "{}", paint.dim(head))?;
    for ((member, host), place) in standing.members.iter().zip(&hosts).zip(&places) {
        let own = member.id == standing.member;
        let role = match member {
            _ if own => standing.role.as_str(),
            Member { leader: true, .. } if standing.quorum => "leader",
            // It was when it was heard last.
            Member { leader: true, .. } => "leader?",
            Member { voter: true, .. } => "follower",
            _ => "learner",
        };
        let role = format!("{role:<9}");
        let role = if member.leader && standing.quorum { paint.bold(role) } else { role };
        let lag = member.lag.map_or("?".to_owned(), |lag| lag.to_string());
        let heard = match member.silent_ms {
            _ if member.leader => String::new(),
            None => paint.dim("?"),
            Some(silent) if silent >= 1000 => paint.red(format!("{} ago", age(silent))),
            Some(silent) => format!("{} ago", age(silent)),
        };
        let mark = if own { "*" } else { " " };
        let line = format!("{mark} {host:<host_width$}  {role}  {place:<place_width$}  {lag:>8}  {heard}");
        writeln!(into, "{}", line.trim_end())?;
    }
    if !leases.is_empty() {
        writeln!(into)?;
        let names: Vec<String> = leases.iter().map(|lease| clean(&lease.lease).into_owned()).collect();
        let width = wide(&names.iter().map(String::as_str).chain(["lease"]).collect::<Vec<_>>());
        writeln!(
            into,
            "{}",
            paint.dim(format!("  {:<width$}  {:>8}  {:>7}  holder", "lease", "token", "since"))
        )?;
        for (lease, name) in leases.iter().zip(&names) {
            let since = age(now.saturating_sub(lease.since_ms));
            writeln!(into, "  {name:<width$}  {:>8}  {since:>7}  {}", lease.token, clean(&lease.holder))?;
        }
    }
    Ok(())
}

fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is shown to three digits")]
    let size = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{:.1} KiB", size / 1024.0),
        _ => format!("{:.1} MiB", size / 1_048_576.0),
    }
}

fn age(millis: u64) -> String {
    let seconds = Duration::from_millis(millis).as_secs();
    match seconds {
        0 => format!("{millis} ms"),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn member(id: &str, host: &str, leader: bool, lag: Option<u64>, silent_ms: Option<u64>) -> Member {
        let address = format!("10.0.0.{id}:7470");
        Member { id: id.into(), host: host.into(), address, voter: id != "4", leader, lag, silent_ms }
    }

    fn standing(quorum: bool) -> Standing {
        Standing {
            cluster: Some("5f2c9a0e6f7d4b1c8a3e2d1c0b9a8f7e".into()),
            term: 3,
            quorum,
            last_log: Some(1204),
            committed: Some(1204),
            applied: Some(1203),
            log_bytes: 131_072,
            disk_full: !quorum,
            snapshot: Some(Snapshot { last: 1000, at_ms: 1_000_000, bytes: 3 << 20 }),
            member: "2".into(),
            role: if quorum { "follower" } else { "candidate" }.into(),
            members: vec![
                member("1", "edge-1", true, Some(0), None),
                member("2", "edge-2", false, Some(0), Some(41)),
                member("3", "press\u{1b}[31m-hall", false, Some(204), Some(61_000)),
                member("4", "edge-4", false, None, None),
            ],
        }
    }

    #[test]
    fn a_cluster_that_works() {
        let leases = [Lease {
            lease: "group/edge_cluster".into(),
            holder: "edge-1".into(),
            token: 17,
            since_ms: 1_000_000,
        }];
        assert_snapshot!(picture(&standing(true), &leases, 1_200_000, Paint::none()));
    }

    #[test]
    fn a_host_that_is_cut_off() {
        assert_snapshot!(picture(&standing(false), &[], 1_002_500, Paint::none()));
    }
}
