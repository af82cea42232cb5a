//! Building a host from its config, and bringing it to rest.

use std::{fs, path::Path, sync::Arc, time::Duration};

use kailash_core::{
    Error, Registry, Result, RunId, Services,
    exec::RunLog,
    log::{Folder, FolderBlobStore, LogSettings, SegmentRunLog},
};
use kailash_edge::coordinate::Coordination;
use kailash_nodes::{Surroundings, ops::NodeMetrics};
use kailash_runtime::{Journal, Settings, by_name};

use super::{
    Bus, Cluster, Identity, Metrics,
    config::Config,
    keys::Keys,
    runs::{Kept, Runs},
    supervise::{Policy, Supervisor},
    trace::Spans,
    workflows::Workflows,
};

/// How long one task of the host may take to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// A host under way.
pub struct Host {
    /// What it was told.
    pub config: Config,
    /// Who it is.
    pub identity: Identity,
    /// Its workflows.
    pub workflows: Workflows,
    /// Its runs.
    pub runs: Runs,
    /// What it counts.
    pub metrics: Metrics,
    /// The events of its runs.
    pub bus: Bus,
    /// Who may do what.
    pub keys: Keys,
    /// The hosts it acts with.
    pub cluster: Cluster,
    supervisor: Supervisor,
}

impl Host {
    /// Builds a host with every node type of this build.
    ///
    /// # Errors
    /// As [`Host::with`].
    pub async fn start(config: Config) -> Result<Self> {
        let mut registry = Registry::new();
        kailash_nodes::register_all(&mut registry)?;
        config.validate()?;
        let cluster = Cluster::prepare(&config);
        let folder = config.host.folder.clone();
        let services = Surroundings { folder, coordination: Some(cluster.coordination().clone()) };
        Self::of(config, registry, kailash_nodes::services(services)?, cluster).await
    }

    /// Builds a host with the node types of `registry` and the services that they need, and lets runs go on that were cut
    /// off or whose time has come.
    ///
    /// # Errors
    /// A folder that cannot be used, a damaged journal, a document that cannot be registered.
    pub async fn with(config: Config, registry: Registry, services: Services) -> Result<Self> {
        config.validate()?;
        let cluster = match services.get::<Coordination>() {
            Some(own) => Cluster::around(own.clone(), &config)?,
            None => Cluster::prepare(&config),
        };
        Self::of(config, registry, services, cluster).await
    }

    async fn of(config: Config, registry: Registry, services: Services, cluster: Cluster) -> Result<Self> {
        private_folder(&config.host.data)?;
        let identity = Identity::open(&config.identity, &config.host.data)?;
        let keys = Keys::open(&config.host.data)?;
        cluster.begin_if_told().await?;
        let kept = match config.journal.enabled {
            true => Some(open_journal(&config).await?),
            false => None,
        };
        let workflows = Workflows::open(registry, config.host.data.join("workflows"))?;
        if let Some(folder) = &config.workflows.folder {
            workflows.register_folder(folder)?;
        }
        let (bus, metrics, spans) = (Bus::default(), Metrics::default(), Spans::default());
        let settings = Settings {
            max_concurrency: config.runs.max_concurrency,
            timeout: (config.runs.timeout_s > 0).then(|| Duration::from_secs(config.runs.timeout_s)),
            hooks: vec![metrics.hook(), spans.hook(), bus.hook()],
            journal: kept.as_ref().map(|kept| kept.journal.clone()),
            park: kept.is_some(),
            ..Settings::default()
        };
        if let Some(kept) = services.get::<NodeMetrics>() {
            metrics.tell_of_nodes(kept.clone());
        }
        let runtime = by_name(config.runs.runtime.as_str(), services, settings)?;
        let limits = (config.runs.max_running, config.runs.max_waiting);
        let runs = Runs::new(Arc::from(runtime), kept, workflows.clone(), (metrics.clone(), spans), limits);
        runs.recover().await?;
        metrics.watch(runs.downgrade());
        cluster.tell(&metrics);
        let mut supervisor = Supervisor::default();
        if let Some(tls) = identity.tls.clone() {
            supervisor.start("certificate", Policy::Restart, move |stop| tls.clone().follow_files(stop));
        }
        let woken = runs.clone();
        supervisor.start("timers", Policy::Restart, move |stop| woken.clone().wake_in_time(stop));
        let bounded = runs.clone();
        supervisor.start("retention", Policy::Restart, move |stop| bounded.clone().forget_in_time(stop));
        let watched = runs.clone();
        supervisor.start("journal", Policy::StopHost, move |stop| watched.clone().watch_journal(stop));
        tracing::info!(host = %identity.id, data = %config.host.data.display(), "the host is up");
        Ok(Self { config, identity, workflows, runs, metrics, bus, keys, cluster, supervisor })
    }

    /// Takes no more runs, and brings those under way to their end or puts them aside.
    pub async fn rest(&self) {
        self.runs.drain(self.config.drain()).await;
    }

    /// Waits until something failed that the host cannot do without.
    pub async fn failed(&self) {
        self.supervisor.failed().await;
    }

    /// Stops the host's tasks, the last first.
    pub async fn stop(&mut self) {
        self.supervisor.stop(PATIENCE).await;
        self.cluster.stop().await;
        tracing::info!(host = %self.identity.id, "the host is at rest");
    }
}

async fn open_journal(config: &Config) -> Result<Kept> {
    let folder = config.host.data.join("journal");
    let log = Arc::new(SegmentRunLog::open(Folder::open(folder.join("log"))?, LogSettings::default())?);
    let blobs = FolderBlobStore::open(folder.join("blobs"))?;
    let runs: Vec<String> = log.runs(None, usize::MAX).await?.iter().map(RunId::to_string).collect();
    let freed = blobs.keep_only(runs.iter().map(String::as_str))?;
    if freed > 0 {
        tracing::info!(runs = freed, "large values of runs that are forgotten were freed");
    }
    let blobs = Arc::new(blobs);
    let journal = Journal::new(Arc::clone(&log) as _, blobs);
    Ok(Kept { journal, log, section: config.journal.clone() })
}

/// Makes the folder, if it is missing, for nobody else to read.
///
/// # Errors
/// A folder that cannot be made.
pub fn private_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(|error| Error::io(folder, error))
}
