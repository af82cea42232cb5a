//! The coordination of a host, begun when it is first needed.

use std::{future::Future, pin::Pin, sync::Arc, thread};

use kailash_core::{
    Error, Result, Text,
    exec::SystemClock,
    log::{Disk, Folder},
};
use tokio::sync::{OnceCell, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Coordinator, Settings, net::plain_dial};

type Opening = Pin<Box<dyn Future<Output = Result<Coordinator>> + Send>>;

/// The coordination of a host, as its nodes and services reach it. Clones are the same.
#[derive(Clone)]
pub struct Coordination(Arc<Inner>);

struct Inner {
    open: Box<dyn Fn() -> Opening + Send + Sync>,
    begun: OnceCell<Coordinator>,
    /// Ends what was begun for this alone.
    _stop: Option<DropGuard>,
}

impl Coordination {
    /// Coordination that `open` begins when it is first asked for.
    pub fn lazy<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Coordinator>> + Send + 'static,
    {
        Self::new(move || Box::pin(open()), None)
    }

    /// Coordination of a cluster of one, in a temporary folder, for as long as this lives: for hosts that were told of no
    /// cluster and have no folder. It works on a thread of its own, whatever executor it is asked from.
    #[must_use]
    pub fn temporary() -> Self {
        let stop = CancellationToken::new();
        let token = stop.clone();
        Self::new(move || Box::pin(begin_apart(token.clone())), Some(stop.drop_guard()))
    }

    fn new(open: impl Fn() -> Opening + Send + Sync + 'static, stop: Option<DropGuard>) -> Self {
        Self(Arc::new(Inner { open: Box::new(open), begun: OnceCell::new(), _stop: stop }))
    }

    /// Coordination that is under way.
    #[must_use]
    pub fn of(coordinator: Coordinator) -> Self {
        Self::lazy(move || std::future::ready(Ok(coordinator.clone())))
    }

    /// The coordinator, which begins now if nobody needed it before.
    ///
    /// # Errors
    /// What keeps it from beginning; the next who asks tries again.
    pub async fn coordinator(&self) -> Result<&Coordinator> {
        self.0.begun.get_or_try_init(|| (self.0.open)()).await
    }

    /// The coordinator, if somebody needed it already.
    #[must_use]
    pub fn begun(&self) -> Option<&Coordinator> {
        self.0.begun.get()
    }
}

/// Begins a cluster of one in a temporary folder, on a thread of its own.
async fn begin_apart(stop: CancellationToken) -> Result<Coordinator> {
    let folder = tempfile::tempdir().map_err(|error| Error::io(&std::env::temp_dir(), error))?;
    let disk: Arc<dyn Disk> = Arc::new(Folder::open(folder.path())?);
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        let executor = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(executor) => executor,
            Err(error) => return drop(sender.send(Err(Error::internal(format!("an executor: {error}"))))),
        };
        executor.block_on(async {
            let opened = Coordinator::open(
                disk,
                Settings::alone("localhost"),
                plain_dial(),
                Arc::new(SystemClock::default()),
            );
            let (coordinator, service) = match opened.await {
                Ok(opened) => opened,
                Err(error) => return drop(sender.send(Err(error))),
            };
            let founded = coordinator.found().await.map(|_| coordinator);
            // Whoever asked may be gone: the next one finds it begun, or begins it again.
            drop(sender.send(founded));
            service.run(stop).await;
        });
        drop(folder);
    };
    let spawned = thread::Builder::new().name("kailash-cluster".into()).spawn(work);
    spawned.map_err(|error| Error::internal(format!("a thread for the cluster: {error}")))?;
    receiver.await.unwrap_or_else(|_| Err(Error::internal("the thread of the cluster has ended")))
}

impl Settings {
    /// The settings of a host called `host` that is alone.
    #[must_use]
    pub fn alone(host: impl Into<Text>) -> Self {
        Self { host: host.into(), ..Self::default() }
    }
}
