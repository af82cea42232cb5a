//! Three members of one system on this machine, each with a folder of its own.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{Done, etcd, kailash, options::Options, process::Process};

/// How many members a cluster has.
pub(crate) const MEMBERS: usize = 3;
/// How long a cluster may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at until then.
const LOOK: Duration = Duration::from_millis(20);

/// What is measured.
#[derive(Clone)]
pub(crate) enum System {
    Kailash(PathBuf),
    Etcd,
}

/// Where a member is.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) clients: String,
    pub(crate) peers: String,
    pub(crate) data: PathBuf,
}

pub(crate) struct Cluster {
    system: System,
    places: Vec<Place>,
    pub(crate) members: Vec<Process>,
    folder: tempfile::TempDir,
}

/// A connection of one client to one member.
pub(crate) enum Client {
    Kailash(kailash::Client),
    Etcd(etcd::Client),
}

impl System {
    /// Those that are here and wanted.
    pub(crate) fn found(options: &Options) -> Vec<Self> {
        let version =
            Command::new("etcd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let mut systems = vec![Self::Kailash(options.kailash.clone())];
        match version {
            Ok(status) if status.success() => systems.push(Self::Etcd),
            _ => eprintln!(
                "etcd is not installed (Debian's package is `etcd-server`): Kailash is measured alone"
            ),
        }
        systems.retain(|system| options.only.as_ref().is_none_or(|only| only == system.name()));
        systems
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Kailash(_) => "kailash",
            Self::Etcd => "etcd",
        }
    }
}

impl Cluster {
    /// Begins a cluster with its data under the folder that `options` tell, and waits until every member takes puts.
    pub(crate) async fn start(system: &System, options: &Options) -> Done<Self> {
        let folder = tempfile::tempdir_in(&options.folder)?;
        // All are held until all are known, so that no two are the same.
        let ports: Vec<_> =
            (0..2 * MEMBERS).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let addresses: Vec<_> =
            ports.iter().map(|port| Ok(port.local_addr()?.to_string())).collect::<Done<_>>()?;
        drop(ports);
        let places = (0..MEMBERS).map(|member| Place {
            name: format!("edge-{}", member + 1),
            clients: addresses[2 * member].clone(),
            peers: addresses[2 * member + 1].clone(),
            data: folder.path().join(format!("data-{}", member + 1)),
        });
        let mut cluster =
            Self { system: system.clone(), places: places.collect(), members: Vec::new(), folder };
        for member in 0..MEMBERS {
            cluster.members.push(cluster.begin(member)?);
        }
        cluster.ready().await?;
        Ok(cluster)
    }

    fn begin(&self, member: usize) -> Done<Process> {
        let place = &self.places[member];
        let log = self.folder.path().join(format!("{}.log", place.name));
        match &self.system {
            System::Kailash(program) => kailash::start(program, place, &self.places, &log),
            System::Etcd => etcd::start(place, &self.places, &log),
        }
    }

    /// Begins a member again that is gone.
    pub(crate) fn restart(&mut self, member: usize) -> Done {
        self.members[member] = self.begin(member)?;
        Ok(())
    }

    /// A connection to `member`.
    pub(crate) async fn client(&self, member: usize) -> Done<Client> {
        Client::connect(&self.system, &self.places[member].clients).await
    }

    /// Where clients reach `member`.
    pub(crate) fn address(&self, member: usize) -> (System, String) {
        (self.system.clone(), self.places[member].clients.clone())
    }

    /// Waits until every member takes puts, all of them vote, and one leads. Gives that one.
    pub(crate) async fn ready(&self) -> Done<usize> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.look().await {
                Ok(Some(leader)) => return Ok(leader),
                Err(error) if Instant::now() > until => return Err(error),
                Ok(None) if Instant::now() > until => {
                    return Err(format!(
                        "{} has no leader after {} s",
                        self.system.name(),
                        PATIENCE.as_secs()
                    )
                    .into());
                }
                _ => sleep(LOOK).await,
            }
        }
    }

    /// Who leads, if every member takes puts and all of them vote.
    async fn look(&self) -> Done<Option<usize>> {
        let mut leader = None;
        for member in 0..MEMBERS {
            let mut client = self.client(member).await?;
            client.put("ready", "yes").await?;
            if !client.is_whole().await? {
                return Ok(None);
            }
            if client.leads().await? {
                leader = Some(member);
            }
        }
        Ok(leader)
    }

    /// The time that all members together have had on processors.
    pub(crate) fn cpu(&self) -> Done<Duration> {
        self.members.iter().map(Process::cpu).sum()
    }
}

impl Client {
    pub(crate) async fn connect(system: &System, address: &str) -> Done<Self> {
        Ok(match system {
            System::Kailash(_) => Self::Kailash(kailash::Client::connect(address).await?),
            System::Etcd => Self::Etcd(etcd::Client::connect(address).await?),
        })
    }

    pub(crate) async fn put(&mut self, key: &str, value: &str) -> Done {
        match self {
            Self::Kailash(client) => client.put(key, value).await,
            Self::Etcd(client) => client.put(key, value).await,
        }
    }

    /// A linearizable read.
    pub(crate) async fn get(&mut self, key: &str) -> Done<Option<String>> {
        match self {
            Self::Kailash(client) => client.get(key).await,
            Self::Etcd(client) => client.get(key).await,
        }
    }

    async fn leads(&mut self) -> Done<bool> {
        match self {
            Self::Kailash(client) => client.leads().await,
            Self::Etcd(client) => client.leads().await,
        }
    }

    /// Whether all members vote: those of etcd do from the start.
    async fn is_whole(&mut self) -> Done<bool> {
        match self {
            Self::Kailash(client) => Ok(client.voters().await? == MEMBERS),
            Self::Etcd(_) => Ok(true),
        }
    }
}
