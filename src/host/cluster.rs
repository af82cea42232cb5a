//! The cluster that a host takes part in: one of its own until it is told of another.
//!
//! What it keeps lies in `cluster/` of the data folder. It begins with the host where the config tells of it, else when the
//! first node needs it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use kailash_core::{
    Error, ErrorKind, Result, Retry, Text,
    exec::SystemClock,
    log::{Disk, Folder},
};
use kailash_edge::coordinate::{
    Coordination, Coordinator, Settings,
    net::{plain_dial, serve_connection},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Identity,
    config::{ClusterSection, Config},
};

/// How many peers may be connected at a time.
const CONNECTIONS: usize = 256;
/// How long until a cluster that could not be joined is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The cluster of a host.
pub struct Cluster {
    coordination: Coordination,
    stop: CancellationToken,
    tasks: TaskTracker,
    told: bool,
}

impl Cluster {
    /// Prepares what `config` says; nothing begins.
    pub(super) fn prepare(config: &Config) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let begin = Begin { config: config.clone(), stop: stop.clone(), tasks: tasks.clone() };
        let told = config.cluster != ClusterSection::default();
        let begin = Arc::new(begin);
        let coordination = Coordination::lazy(move || Arc::clone(&begin).begin());
        Self { coordination, stop, tasks, told }
    }

    /// The handle for nodes and services.
    #[must_use]
    pub fn coordination(&self) -> &Coordination {
        &self.coordination
    }

    /// Begins, where the config tells of a cluster.
    ///
    /// # Errors
    /// A folder that cannot be used or is damaged, an address that is taken.
    pub(super) async fn begin_if_told(&self) -> Result<()> {
        if self.told {
            self.coordination.coordinator().await?;
        }
        Ok(())
    }

    /// Takes part no longer.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Begin {
    config: Config,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Begin {
    async fn begin(self: Arc<Self>) -> Result<Coordinator> {
        let Config { cluster, host, identity, .. } = &self.config;
        let identity = Identity::open(identity, &host.data)?;
        let listener = match cluster.listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let own = listener.as_ref().map(|(_, address)| address.to_string());
        let settings = Settings {
            address: cluster.advertise.clone().or(own).unwrap_or_default().into(),
            token: identity.cluster_token.unwrap_or_default(),
            ..Settings::alone(identity.id)
        };
        let disk: Arc<dyn Disk> = Arc::new(Folder::open(host.data.join("cluster"))?);
        let opened = Coordinator::open(disk, settings, plain_dial(), Arc::new(SystemClock::default())).await;
        let (coordinator, service) = opened?;
        self.tasks.spawn(service.run(self.stop.clone()));
        if let Some((listener, address)) = listener {
            tracing::info!(%address, member = coordinator.member(), "listening for the cluster's peers");
            let listening = listen(listener, coordinator.clone(), self.tasks.clone(), self.stop.clone());
            self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(listening));
        }
        let seeds: Vec<Text> = cluster.join.iter().map(Text::from).collect();
        if seeds.is_empty() {
            coordinator.found().await?;
        }
        let joining = join(coordinator.clone(), seeds, cluster.voter);
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(joining));
        Ok(coordinator)
    }
}

/// Joins the cluster of a seed, and tells the others where this member is now.
async fn join(coordinator: Coordinator, seeds: Vec<Text>, voter: bool) {
    loop {
        let joined = match seeds.is_empty() {
            false => coordinator.join(&seeds, voter).await.map(drop),
            true => coordinator.announce().await,
        };
        match joined {
            Ok(()) => return,
            Err(error) if error.retry() == Retry::Never => {
                return tracing::error!(%error, "this host does not belong to the cluster that it was told of");
            }
            Err(error) => tracing::warn!(%error, "the cluster cannot be reached yet"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let unbound = |error: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "cluster.bind", format!("{address}: {error}"))
            .with_retry(Retry::Never)
            .with_hint("is the port taken? `cluster.listen` says another one")
    };
    let listener = TcpListener::bind(address).await.map_err(unbound)?;
    let bound = listener.local_addr().map_err(unbound)?;
    Ok((listener, bound))
}

async fn listen(
    listener: TcpListener,
    coordinator: Coordinator,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let answering = Arc::new(coordinator);
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let wire = match listener.accept().await {
            Ok((wire, _)) => wire,
            Err(error) => {
                tracing::warn!(%error, "a peer could not be taken");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        if let Err(error) = wire.set_nodelay(true) {
            tracing::debug!(%error, "a peer is gone already");
            continue;
        }
        let answering = Arc::clone(&answering);
        let serving = async move {
            serve_connection(wire, answering).await;
            drop(place);
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(serving));
    }
}
