//! The hosts of a demo: processes of this program, each with a folder of its own.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail};
use kailash_core::validate::Issue;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    super::status::{Standing, standing},
    LOOK, PATIENCE, say,
};
use crate::cli::{refusal::Refusal, remote::Client, term::clean};

/// A host of the demo.
pub(super) struct Member {
    pub(super) name: String,
    data: PathBuf,
    /// Where peers reach it, and the first one.
    peers: (String, String),
    pub(super) http: String,
    child: Child,
}

impl Member {
    pub(super) fn start(root: &Path, number: u8, first: &str, peers: &str) -> Result<Self> {
        let name = format!("edge-{number}");
        let (data, http) = (root.join(&name), free_address()?);
        kailash::host::private_folder(&data).map_err(Refusal::from)?;
        let peers = (peers.to_owned(), first.to_owned());
        let child = spawn(&name, &data, &peers, &http)?;
        Ok(Self { name, data, peers, http, child })
    }

    pub(super) fn start_again(&mut self) -> Result<()> {
        self.child = spawn(&self.name, &self.data, &self.peers, &self.http)?;
        Ok(())
    }

    pub(super) fn client(&self) -> Result<Client> {
        Ok(Client::new(&format!("http://{}", self.http), None).map_err(Refusal::from)?)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    fn log(&self) -> PathBuf {
        self.data.join("log")
    }
}

fn spawn(name: &str, data: &Path, (own, first): &(String, String), http: &str) -> Result<Child> {
    let log = File::options().create(true).append(true).open(data.join("log"));
    let log = log.with_context(|| format!("the log of {name}"))?;
    let mut command = Command::new(std::env::current_exe().context("where this program is")?);
    command.arg("serve").arg("--data").arg(data).args(["--listen", http]);
    command.args(["--set", &format!("identity.id={name}"), "--set", &format!("cluster.listen={own}")]);
    if own != first {
        command.args(["--set", &format!("cluster.join=[\"{first}\"]")]);
    }
    // Ctrl-C is for the demo: it stops its hosts itself.
    command.process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().with_context(|| format!("cannot start {name}"))
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port")?.local_addr()?.to_string())
}

/// Where the peers of each host reach it: as before, if there was a demo in this folder.
pub(super) fn addresses(root: &Path, hosts: u8) -> Result<Vec<String>> {
    let file = root.join("addresses.json");
    let mut addresses: Vec<String> = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| file.display().to_string())?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| file.display().to_string()),
    };
    if addresses.len() > usize::from(hosts) {
        let message = format!("the demo in this folder has {} hosts", addresses.len());
        let issue = Issue::error("demo.hosts", message).hint("ask for as many, or give another folder");
        return Err(Refusal::of(issue).into());
    }
    while addresses.len() < usize::from(hosts) {
        addresses.push(free_address()?);
    }
    kailash::host::private_folder(root).map_err(Refusal::from)?;
    std::fs::write(&file, serde_json::to_vec(&addresses)?).with_context(|| file.display().to_string())?;
    Ok(addresses)
}

/// Waits until all take part.
pub(super) async fn begin(members: &mut [Member]) -> Result<Standing> {
    let began = Instant::now();
    let count = members.len();
    let client = members[0].client()?;
    loop {
        for member in &mut *members {
            if let Some(status) = member.ended()? {
                let log = std::fs::read_to_string(member.log()).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default();
                bail!("{} did not begin ({}): {}", member.name, status, clean(last));
            }
        }
        if let Ok(standing) = standing(&client).await
            && standing.members.len() >= count
            && standing.leader().is_some()
        {
            return Ok(standing);
        }
        if began.elapsed() > PATIENCE {
            bail!(
                "the hosts did not become a cluster in {} s; their logs are in their folders",
                PATIENCE.as_secs()
            );
        }
        sleep(LOOK).await;
    }
}

/// Asks every host to stop, and ends those that do not.
pub(super) async fn stop(members: Vec<Member>) -> Result<()> {
    let mut stopping = JoinSet::new();
    for mut member in members {
        if let Some(pid) = member.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
            && let Err(error) = kill_process(pid, Signal::TERM)
        {
            tracing::debug!(%error, host = member.name, "it has gone by itself");
        }
        stopping.spawn(async move {
            let ended = timeout(PATIENCE, member.child.wait()).await;
            (member.name, ended.is_ok())
        });
    }
    while let Some(stopped) = stopping.join_next().await {
        let (name, ended) = stopped?;
        if !ended {
            say(&format!("{name} did not stop and is ended"))?;
        }
    }
    Ok(())
}
