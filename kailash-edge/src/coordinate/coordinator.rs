//! The handle of a member's coordination.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use kailash_core::{Error, ErrorKind, Result, Text, exec::Clock, log::Disk};
use openraft::{RaftMetrics, async_runtime::watch::WatchReceiver};

use super::{
    Settings,
    identity::{Identity, IdentityFile},
    keeper::Keeping,
    net::{Answering, Ask, ClusterKey, Dial, Known, Local, Network, Peers, Told},
    raft::{Member, MemberId, Raft, Types, draw},
    service::CoordinatorService,
    state::Request,
    status::Heard,
    store::{LogStore, MachineStore, TimedDisk},
};

/// Speaks for a member of a cluster. Clones speak for the same one.
#[derive(Clone)]
pub struct Coordinator(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) peers: Peers,
    pub(super) raft: Raft,
    pub(super) log: LogStore,
    pub(super) machine: MachineStore,
    identity: Mutex<IdentityFile>,
    pub(super) kept: Keeping,
    pub(super) heard: Heard,
    requests: Requests,
}

/// The numbers of this process's requests.
struct Requests {
    client: u64,
    next: AtomicU64,
    /// Those whose answers nobody has yet.
    open: Mutex<std::collections::BTreeSet<u64>>,
}

impl Coordinator {
    /// Takes a member up from `disk`, or makes one there. It takes part from now on, in a cluster that it belongs to
    /// already, and does nothing by itself until its service runs.
    ///
    /// # Errors
    /// Wrong settings; codes `log.damaged`, `sealed.damaged`, `table.damaged`, for what was promised and is not there;
    /// failing storage.
    pub async fn open(
        disk: Arc<dyn Disk>,
        settings: Settings,
        dial: Dial,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, CoordinatorService)> {
        settings.validate()?;
        let config = Arc::new(settings.raft()?);
        let identity = IdentityFile::open(Arc::clone(&disk))?;
        let Identity { member, cluster, .. } = identity.get();
        let disk: Arc<dyn Disk> = Arc::new(TimedDisk { disk, observing: settings.observing.clone() });
        let log = LogStore::open(Arc::clone(&disk), settings.compaction.segment).await?;
        let machine = MachineStore::open(disk)?;
        let key = ClusterKey::of(&settings.token);
        let peers = Peers::new(Local { cluster, member, host: settings.host.clone(), key }, dial);
        let raft = Raft::new(member, config, Network(peers.clone()), log.clone(), machine.clone()).await;
        let raft = raft.map_err(|error| stopped(&error))?;
        let [client, _] = draw()?;
        let requests = Requests { client: client.max(1), next: AtomicU64::new(1), open: Mutex::default() };
        let identity = Mutex::new(identity);
        let (kept, heard) = (Keeping::default(), Heard::default());
        let shared = Shared { settings, clock, peers, raft, log, machine, identity, kept, heard, requests };
        let coordinator = Self(Arc::new(shared));
        if coordinator.metrics().membership_config.voter_ids().eq([coordinator.member()]) {
            // Nobody else could stand: there is nothing to wait for.
            let elected = coordinator.0.raft.trigger().elect(false).await;
            elected.map_err(|error| stopped(&error))?;
        }
        Ok((coordinator.clone(), CoordinatorService::new(coordinator)))
    }

    /// The number of this member.
    #[must_use]
    pub fn member(&self) -> MemberId {
        self.0.peers.local().member
    }

    /// The name of its host.
    #[must_use]
    pub fn host(&self) -> Text {
        self.0.settings.host.clone()
    }

    /// Where this member is, as the others know it.
    #[must_use]
    pub(super) fn own(&self) -> Member {
        Member { host: self.0.settings.host.clone(), address: self.0.settings.address.clone() }
    }

    pub(super) fn identity(&self) -> MutexGuard<'_, IdentityFile> {
        self.0.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the group looks like from here.
    #[must_use]
    pub fn metrics(&self) -> RaftMetrics<Types> {
        WatchReceiver::borrow_watched(&self.0.raft.metrics()).clone()
    }

    /// The leader, as far as it is known here.
    #[must_use]
    pub fn leader(&self) -> Option<(MemberId, Member)> {
        let server = self.0.raft.server_metrics();
        let server = WatchReceiver::borrow_watched(&server);
        let leader = server.current_leader?;
        let member = server.membership_config.membership().get_node(&leader)?;
        Some((leader, member.clone()))
    }

    /// A hash of all that the members agree on, with the log index behind the last command that it has: members that carried
    /// out as much have the same one.
    ///
    /// # Errors
    /// Failing or damaged storage.
    pub fn digest(&self) -> Result<(u64, blake3::Hash)> {
        self.0.machine.digest()
    }

    /// Ends taking part. What is on the disk stays.
    ///
    /// # Errors
    /// The group's task has panicked.
    pub async fn stop(&self) -> Result<()> {
        self.0.raft.shutdown().await.map_err(|error| Error::internal(format!("the Raft group: {error}")))
    }

    /// A number for a request, given back when it is dropped.
    pub(super) fn request(&self) -> Numbered<'_> {
        let requests = &self.0.requests;
        let mut open = requests.open.lock().unwrap_or_else(PoisonError::into_inner);
        let number = requests.next.fetch_add(1, Ordering::Relaxed);
        open.insert(number);
        let settled = open.first().copied().unwrap_or(number);
        Numbered { requests, request: Request { client: requests.client, number, settled } }
    }
}

/// A request whose answer nobody has yet.
pub(super) struct Numbered<'r> {
    requests: &'r Requests,
    pub(super) request: Request,
}

impl Drop for Numbered<'_> {
    fn drop(&mut self) {
        self.requests.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request.number);
    }
}

#[async_trait]
impl Answering for Coordinator {
    fn local(&self) -> Local {
        self.0.peers.local()
    }

    fn raft(&self) -> Option<(Raft, MachineStore)> {
        Some((self.0.raft.clone(), self.0.machine.clone()))
    }

    fn heard(&self, from: &Known) {
        self.0.heard.from(from.member);
    }

    async fn ask(&self, _: &Known, ask: Ask) -> Result<Told> {
        self.answer(ask).await
    }
}

/// The group does not run any more.
pub(super) fn stopped(error: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "coordinate.stopped",
        format!("this member takes no part any more: {error}"),
    )
    .with_hint("its log tells why; once that is mended, start the host again")
}
