//! `kailash cluster demo`: hosts on loopback, each a process, to try out what happens when one goes.

mod member;
mod story;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use self::{
    member::{Member, addresses, begin, stop},
    story::Story,
};
use super::status::{Standing, standing};
use crate::cli::{
    journal::wait,
    term::{Paint, clean, out},
};

/// How often the cluster is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long until a host that has gone is started again, so that one sees what the others do meanwhile.
const AGAIN: Duration = Duration::from_secs(5);
/// How long the cluster may take to begin, and hosts to stop.
const PATIENCE: Duration = Duration::from_secs(30);

const EXAMPLES: &str = "\
Each host is a process of `kailash serve` with a folder of its own, and its log in it. Kill one (`kill -9 PID`) and see who
leads then; it is started again after 5 s. Ctrl-C stops all; with --data the next demo goes on with what was kept.";

/// Begin a cluster of hosts on loopback and tell what happens, until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// How many hosts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    hosts: u8,
    /// Where they keep their data; a temporary folder if it is not given
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let temporary = match args.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("a temporary folder")?),
    };
    let root = match (&args.data, &temporary) {
        (Some(data), _) => std::path::absolute(data)?,
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => bail!("no folder"),
    };
    wait(demo(&root, args.hosts))??;
    Ok(ExitCode::SUCCESS)
}

async fn demo(root: &Path, hosts: u8) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let addresses = addresses(root, hosts)?;
    let first = &addresses[0];
    let mut members = Vec::new();
    for (number, address) in (1..).zip(&addresses) {
        members.push(Member::start(root, number, first, address)?);
    }
    let watched = tokio::select! {
        watched = watch(root, &mut members) => watched,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    say(&Paint::stdout().dim("stopping"))?;
    stop(members).await?;
    watched
}

fn say(line: &str) -> Result<()> {
    let mut out = out();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Tells what happens, and starts again whoever has gone.
async fn watch(root: &Path, members: &mut [Member]) -> Result<()> {
    say(&format!("data in {}", clean(&root.display().to_string())))?;
    let first = begin(members).await?;
    for member in &*members {
        say(&format!("{}  http://{}  pid {}", member.name, member.http, member.pid()))?;
    }
    let url = &members[0].http;
    say(&format!("{}; `kailash cluster status --url http://{url}`", story::leads(&first)))?;
    let mut story = Story::new(first, Paint::stdout());
    let mut gone: Vec<(usize, Instant)> = Vec::new();
    loop {
        sleep(LOOK).await;
        for (at, member) in members.iter_mut().enumerate() {
            if gone.iter().all(|(of, _)| *of != at)
                && let Some(status) = member.ended()?
            {
                gone.push((at, Instant::now()));
                say(&story.gone(&member.name, status))?;
            }
        }
        while let Some((at, since)) = gone.first().copied()
            && since.elapsed() >= AGAIN
        {
            gone.remove(0);
            members[at].start_again()?;
            say(&format!("{} is started again, pid {}", members[at].name, members[at].pid()))?;
        }
        let alive = members.iter().enumerate().filter(|(at, _)| gone.iter().all(|(of, _)| of != at));
        if let Some(line) = story.stands(best(alive.map(|(_, member)| member)).await?) {
            say(&line)?;
        }
    }
}

/// How the cluster stands, as a host sees it that is with a majority.
async fn best(members: impl Iterator<Item = &Member>) -> Result<Option<Standing>> {
    for member in members {
        if let Ok(standing) = standing(&member.client()?).await
            && standing.leader().is_some()
        {
            return Ok(Some(standing));
        }
    }
    Ok(None)
}
