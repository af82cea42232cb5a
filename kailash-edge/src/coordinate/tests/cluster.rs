//! A cluster for tests: each member with a disk and a listener of its own, to be stopped and started again.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kailash_core::{exec::SystemClock, testing::SimulatedDisk};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::cut::{Cut, IsCut, dial};
use crate::coordinate::{Coordinator, Observer, Observing, Settings, net::serve_connection};

/// What is on a host, whether it runs or not.
pub(in crate::coordinate) struct Host {
    pub(in crate::coordinate) disk: SimulatedDisk,
    address: SocketAddr,
    observing: Observing,
    running: Option<Running>,
}

struct Running {
    coordinator: Coordinator,
    cut: IsCut,
    stop: CancellationToken,
    tasks: TaskTracker,
    listening: JoinHandle<()>,
}

/// Hosts, the first of which began the cluster.
pub(in crate::coordinate) struct Cluster {
    pub(in crate::coordinate) hosts: Vec<Host>,
}

pub(in crate::coordinate) const TOKEN: &str = "a token of tests";

impl Cluster {
    /// As many members that vote.
    pub(in crate::coordinate) async fn of(count: usize) -> Self {
        Self::with(count, Observing::default()).await
    }

    /// As many members that vote, and all tell `observer`.
    pub(in crate::coordinate) async fn watched(count: usize, observer: Arc<dyn Observer>) -> Self {
        Self::with(count, Observing(observer)).await
    }

    async fn with(count: usize, observing: Observing) -> Self {
        let mut cluster = Self { hosts: Vec::new() };
        for number in 0..count {
            let mut host = Host { observing: observing.clone(), ..Host::new().await };
            host.start(TOKEN).await;
            match cluster.hosts.first() {
                None => drop(host.coordinator().found().await.unwrap()),
                Some(first) => {
                    let seeds = [first.address()];
                    host.coordinator().join(&seeds, true).await.unwrap_or_else(|e| panic!("{number}: {e}"));
                }
            }
            cluster.hosts.push(host);
        }
        cluster
    }

    pub(in crate::coordinate) fn coordinator(&self, at: usize) -> &Coordinator {
        self.hosts[at].coordinator()
    }

    /// Which host leads, once one does that at least a majority of those that run agree on.
    pub(in crate::coordinate) async fn leader(&self) -> usize {
        let mut tries = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..500 {
            tries.tick().await;
            let running: Vec<_> = self.hosts.iter().filter_map(|host| host.running.as_ref()).collect();
            let told: Vec<_> = running.iter().filter_map(|host| host.coordinator.leader()).collect();
            if let Some((leader, _)) = told.first()
                && told.len() == running.len()
                && told.iter().all(|(other, _)| other == leader)
                && let Some(at) = self.hosts.iter().position(|host| host.is(*leader))
            {
                return at;
            }
        }
        panic!("nobody leads");
    }
}

impl Host {
    pub(in crate::coordinate) async fn new() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        Self { disk: SimulatedDisk::default(), address, observing: Observing::default(), running: None }
    }

    pub(in crate::coordinate) fn address(&self) -> kailash_core::Text {
        self.address.to_string().into()
    }

    pub(in crate::coordinate) fn coordinator(&self) -> &Coordinator {
        &self.running.as_ref().expect("it runs").coordinator
    }

    fn is(&self, member: u64) -> bool {
        self.running.as_ref().is_some_and(|running| running.coordinator.member() == member)
    }

    /// Starts it with what is on its disk.
    pub(in crate::coordinate) async fn start(&mut self, token: &str) {
        let settings = Settings {
            host: format!("host at {}", self.address).into(),
            address: self.address(),
            token: token.to_owned(),
            observing: self.observing.clone(),
            ..Settings::default()
        };
        let (clock, cut) = (Arc::new(SystemClock::default()), IsCut::default());
        let opened =
            Coordinator::open(Arc::new(self.disk.clone()), settings, dial(Arc::clone(&cut)), clock).await;
        let (coordinator, service) = opened.unwrap();
        let listener = TcpListener::bind(self.address).await.unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        // Peers are served until it has handed over what it leads.
        let unheard = CancellationToken::new();
        tasks.spawn({
            let (stop, unheard) = (stop.clone(), unheard.clone());
            async move {
                service.run(stop).await;
                unheard.cancel();
            }
        });
        let answering = Arc::new(coordinator.clone());
        let listening = tokio::spawn({
            let (tasks, cut) = (tasks.clone(), Arc::clone(&cut));
            async move {
                loop {
                    let (wire, _) = listener.accept().await.unwrap();
                    wire.set_nodelay(true).unwrap();
                    let wire = Cut { wire, cut: Arc::clone(&cut) };
                    let serving = serve_connection(wire, Arc::clone(&answering));
                    tasks.spawn(unheard.clone().run_until_cancelled_owned(serving));
                }
            }
        });
        self.running = Some(Running { coordinator, cut, stop, tasks, listening });
    }

    /// Cuts it off from all others, for good.
    pub(in crate::coordinate) fn cut_off(&self) {
        self.running.as_ref().expect("it runs").cut.store(true, Ordering::SeqCst);
    }

    /// Ends it as the power does: it hands nothing over. Its disk stays.
    pub(in crate::coordinate) async fn cut_short(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.listening.abort();
        running.coordinator.stop().await.unwrap();
        running.stop.cancel();
        running.tasks.close();
        running.tasks.wait().await;
    }

    /// Stops it. Its disk stays.
    pub(in crate::coordinate) async fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.listening.abort();
        running.stop.cancel();
        running.tasks.close();
        running.tasks.wait().await;
    }
}
