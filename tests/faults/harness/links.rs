//! The links between hosts: a proxy before each host, which knows who speaks and lets each direction of each pair be cut
//! off, slow or lossy.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::RngExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::process::owner;

/// How many chunks of bytes are on their way in one direction of a connection.
const ON_THE_WAY: usize = 256;
/// How long it takes until TCP sends again what was lost: the smallest time of Linux.
const AGAIN: Duration = Duration::from_millis(200);

/// What is wrong with one direction of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Fault {
    /// Nothing arrives until it is mended.
    pub(crate) cut: bool,
    /// Everything arrives so much later.
    pub(crate) delay: Duration,
    /// The share of chunks that are lost on the way, and arrive when TCP sends them again.
    pub(crate) loss: f64,
}

impl Fault {
    pub(crate) const CUT: Self = Self { cut: true, delay: Duration::ZERO, loss: 0.0 };
}

/// By who speaks and who hears.
type Faults = BTreeMap<(usize, usize), Fault>;

/// The links between all hosts. Clones are the same.
#[derive(Clone)]
pub(crate) struct Links(Arc<Shared>);

struct Shared {
    faults: watch::Sender<Faults>,
    /// The hosts by process.
    pids: Mutex<BTreeMap<u32, usize>>,
    /// How many bytes were held up, lost or delayed.
    hit: AtomicU64,
}

impl Links {
    pub(super) fn new() -> Self {
        let shared = Shared {
            faults: watch::Sender::new(Faults::new()),
            pids: Mutex::default(),
            hit: AtomicU64::new(0),
        };
        Self(Arc::new(shared))
    }

    /// Notes which process a host is.
    pub(super) fn is(&self, host: usize, pid: u32) {
        let mut pids = self.0.pids.lock().unwrap();
        pids.retain(|_, at| *at != host);
        pids.insert(pid, host);
    }

    /// Lets these directions have this fault, and all others none.
    pub(crate) fn set(&self, fault: Fault, directions: impl IntoIterator<Item = (usize, usize)>) {
        self.0.faults.send_replace(directions.into_iter().map(|direction| (direction, fault)).collect());
    }

    /// Mends everything. Returns how many bytes were hit by faults since they were mended before.
    pub(crate) fn mend(&self) -> u64 {
        self.0.faults.send_replace(Faults::new());
        self.0.hit.swap(0, Ordering::SeqCst)
    }

    /// How many bytes were hit by faults since they were mended.
    pub(crate) fn hit(&self) -> u64 {
        self.0.hit.load(Ordering::SeqCst)
    }

    /// Listens before host `at`, whose own listener is `behind`.
    pub(super) async fn proxy(&self, at: usize, behind: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let links = self.clone();
        tokio::spawn(async move {
            while let Ok((wire, from)) = listener.accept().await {
                let pids = links.0.pids.lock().unwrap().clone();
                let Some(from) = owner(from.port(), address.port(), &pids) else { continue };
                tokio::spawn(links.clone().carry(wire, (from, at), behind));
            }
        });
        address
    }

    /// Carries a connection between two hosts.
    async fn carry(self, wire: TcpStream, (from, to): (usize, usize), behind: SocketAddr) {
        self.passes((from, to), 0).await;
        let Ok(server) = TcpStream::connect(behind).await else { return };
        if wire.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
            return;
        }
        let ((hear, say), (server_hear, server_say)) = (wire.into_split(), server.into_split());
        let there = self.pump(hear, server_say, (from, to));
        let back = self.pump(server_hear, say, (to, from));
        // Whoever ends a connection ends both directions.
        tokio::select! {
            _ = there => {}
            _ = back => {}
        }
    }

    /// Carries the bytes of one direction, with its faults.
    async fn pump(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        direction: (usize, usize),
    ) -> io::Result<()> {
        let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
        let reading = async {
            let mut buffer = vec![0; 1 << 16];
            let mut last = Instant::now();
            loop {
                let count = from.read(&mut buffer).await?;
                if count == 0 {
                    return Ok::<(), io::Error>(());
                }
                let fault = self.fault(direction);
                let lost = fault.loss > 0.0 && rand::rng().random_bool(fault.loss);
                let late = fault.delay + if lost { AGAIN } else { Duration::ZERO };
                if !late.is_zero() {
                    self.0.hit.fetch_add(count as u64, Ordering::SeqCst);
                }
                // Bytes arrive in order.
                last = last.max(Instant::now() + late);
                if sender.send((last, buffer[..count].to_vec())).await.is_err() {
                    return Ok(());
                }
            }
        };
        let writing = async {
            while let Some((at, bytes)) = under_way.recv().await {
                sleep_until(at).await;
                self.passes(direction, bytes.len() as u64).await;
                to.write_all(&bytes).await?;
            }
            Ok::<(), io::Error>(())
        };
        tokio::select! {
            done = reading => done,
            done = writing => done,
        }
    }

    fn fault(&self, direction: (usize, usize)) -> Fault {
        self.0.faults.borrow().get(&direction).copied().unwrap_or_default()
    }

    /// Waits until a direction is not cut.
    async fn passes(&self, direction: (usize, usize), bytes: u64) {
        if self.fault(direction).cut {
            self.0.hit.fetch_add(bytes.max(1), Ordering::SeqCst);
            let mut faults = self.0.faults.subscribe();
            let mended = |faults: &Faults| !faults.get(&direction).is_some_and(|fault| fault.cut);
            faults.wait_for(mended).await.unwrap();
        }
    }
}
