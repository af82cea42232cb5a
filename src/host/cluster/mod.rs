//! The cluster that a host takes part in: one of its own until it is told of another.
//!
//! What it keeps lies in `cluster/` of the data folder. It begins with the host where the config tells of it, else when the
//! first node needs it.

mod listen;
mod metrics;
mod told;

use std::{sync::Arc, time::Duration};

use kailash_core::{
    Error, ErrorKind, Result, Retry, Text,
    exec::SystemClock,
    log::{Disk, Folder},
};
use kailash_edge::coordinate::{Coordination, Coordinator, Observing, Settings, net::plain_dial};
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) use self::metrics::{Figures, Standing};
pub use self::told::ClusterEvent;
use self::{
    listen::{bind, listen},
    told::Telling,
};
use super::{
    Identity, Metrics,
    config::{ClusterSection, Config},
};

/// How long until a cluster that could not be joined is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The cluster of a host.
pub struct Cluster {
    coordination: Coordination,
    stop: CancellationToken,
    tasks: TaskTracker,
    told: bool,
    telling: Arc<Telling>,
}

impl Cluster {
    /// Prepares what `config` says; nothing begins.
    pub(super) fn prepare(config: &Config) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let telling = Arc::new(Telling::default());
        let observing = Observing(telling.clone());
        let begin = Begin { config: config.clone(), stop: stop.clone(), tasks: tasks.clone(), observing };
        let told = config.cluster != ClusterSection::default();
        let begin = Arc::new(begin);
        let coordination = Coordination::lazy(move || Arc::clone(&begin).begin());
        Self { coordination, stop, tasks, told, telling }
    }

    /// The cluster that the nodes of an embedder's host act in, which the embedder begins and ends.
    ///
    /// # Errors
    /// Kind `Conflict`, code `cluster.twice`, if `config` tells of another.
    pub(super) fn around(coordination: Coordination, config: &Config) -> Result<Self> {
        if config.cluster != ClusterSection::default() {
            let message = "the host was given coordination, and its config tells of a cluster";
            let error = Error::new(ErrorKind::Conflict, "cluster.twice", message);
            return Err(error.with_hint("leave out one of both").with_retry(Retry::Never));
        }
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        Ok(Self { coordination, stop, tasks, told: false, telling: Arc::default() })
    }

    /// The events of the group from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<ClusterEvent>> {
        self.telling.watch()
    }

    /// Lets `metrics` tell of it.
    pub(super) fn tell(&self, metrics: &Metrics) {
        metrics.tell_of_cluster(&self.telling.figures, Standing(self.coordination.clone()));
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
    observing: Observing,
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
            observing: self.observing.clone(),
            ..Settings::alone(identity.id)
        };
        let disk: Arc<dyn Disk> = Arc::new(Folder::open(host.data.join("cluster"))?);
        let opened = Coordinator::open(disk, settings, plain_dial(), Arc::new(SystemClock::default())).await;
        let (coordinator, service) = opened?;
        // Peers are heard until this member has handed over what it leads.
        let unheard = CancellationToken::new();
        let (stop, gone) = (self.stop.clone(), unheard.clone());
        self.tasks.spawn(async move {
            service.run(stop).await;
            gone.cancel();
        });
        if let Some((listener, address)) = listener {
            tracing::info!(%address, member = coordinator.member(), "listening for the cluster's peers");
            let listening = listen(listener, coordinator.clone(), self.tasks.clone(), unheard.clone());
            self.tasks.spawn(unheard.run_until_cancelled_owned(listening));
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
