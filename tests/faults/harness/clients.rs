//! Clients that write and read entries through all hosts, and remember what they were told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use kailash::Value;
use kailash_edge::{
    coordinate::state::Expect,
    testing::linearizability::{Asked, History, Seen, Told, Verdict, check},
};
use rand::RngExt;
use reqwest::{Client as Http, StatusCode};
use serde_json::{Value as Json, json};
use tokio::{task::JoinSet, time::Instant};

/// How long a client waits for an answer, and then knows nothing.
pub(crate) const LIMIT: Duration = Duration::from_secs(7);
/// How many entries are written.
const KEYS: u64 = 8;
/// How many orders of the operations on an entry are tried.
const STEPS: u64 = 20_000_000;
/// How many answered operations make a history that tells something.
const ENOUGH: usize = 50;

/// Clients at work.
pub(crate) struct Clients {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    urls: Vec<String>,
    began: Instant,
    stop: AtomicBool,
    history: Mutex<History>,
    /// When the last write was acknowledged, in nanoseconds since the beginning.
    acknowledged: AtomicU64,
    next: AtomicU64,
}

impl Clients {
    /// Lets `count` clients work, on the hosts at `urls` in turn.
    pub(crate) fn begin(urls: impl IntoIterator<Item = String>, count: u64) -> Self {
        let shared = Arc::new(Shared {
            urls: urls.into_iter().collect(),
            began: Instant::now(),
            stop: AtomicBool::new(false),
            history: Mutex::default(),
            acknowledged: AtomicU64::new(0),
            next: AtomicU64::new(1),
        });
        let mut tasks = JoinSet::new();
        for client in 0..count {
            tasks.spawn(Arc::clone(&shared).work(client));
        }
        Self { shared, tasks }
    }

    /// Waits until as many more operations were answered.
    pub(crate) async fn answered(&self, more: usize) {
        let answered = || self.shared.history.lock().unwrap().answered();
        let (before, began) = (answered(), Instant::now());
        while answered() < before + more {
            assert!(began.elapsed().as_secs() < 60, "clients are served");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for the next write that is acknowledged, of those that begin from now on. Returns how long that took.
    pub(crate) async fn gap(&self) -> Duration {
        let from = Instant::now();
        let after = self.shared.since(from);
        while self.shared.acknowledged.load(Ordering::SeqCst) <= after {
            assert!(from.elapsed().as_secs() < 60, "a write is acknowledged");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        from.elapsed()
    }

    /// The longest time without an acknowledged write in the next `time`.
    pub(crate) async fn longest_gap(&self, time: Duration) -> Duration {
        let (until, mut longest) = (Instant::now() + time, Duration::ZERO);
        while Instant::now() < until {
            longest = longest.max(self.gap().await);
        }
        longest
    }

    /// Ends the work and checks what was told. Returns how many operations were answered.
    pub(crate) async fn check(mut self) -> usize {
        self.shared.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let history = self.shared.history.lock().unwrap().clone();
        let answered = history.answered();
        assert!(answered >= ENOUGH, "only {answered} operations were answered: they tell nothing");
        match check(&history, STEPS) {
            Verdict::Linearizable => answered,
            verdict => {
                let file = std::env::temp_dir().join("kailash-history.json");
                std::fs::write(&file, serde_json::to_vec(&history).unwrap()).unwrap();
                panic!("{verdict}\nthe history is in {}", file.display());
            }
        }
    }
}

impl Shared {
    fn since(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.began).as_nanos()).unwrap()
    }

    async fn work(self: Arc<Self>, client: u64) {
        let http = Http::builder().timeout(LIMIT).build().unwrap();
        let mut turn = usize::try_from(client).unwrap();
        while !self.stop.load(Ordering::SeqCst) {
            let url = &self.urls[turn % self.urls.len()];
            if !self.once(&http, url, client).await {
                turn += 1;
            }
        }
    }

    /// One operation. Returns whether it was answered.
    async fn once(&self, http: &Http, url: &str, client: u64) -> bool {
        let key = format!("k{}", rand::rng().random_range(0..KEYS));
        let at = format!("{url}/cluster/map/{key}");
        let asked = match rand::rng().random_range(0..10) {
            0..4 => Asked::Get,
            4 => Asked::Put { value: self.value(), expect: Expect::Absent },
            5 => Asked::Put { value: self.value(), expect: Expect::Version(rand::rng().random_range(1..20)) },
            6 => Asked::Delete { expect: Expect::Any },
            _ => Asked::Put { value: self.value(), expect: Expect::Any },
        };
        let request = match &asked {
            Asked::Put { value, expect } => {
                let version = match expect {
                    Expect::Absent => Some(0),
                    Expect::Version(version) => Some(*version),
                    _ => None,
                };
                http.put(at).json(&json!({ "value": value, "if_version": version }))
            }
            Asked::Delete { .. } => http.delete(at),
            _ => http.get(at),
        };
        let place = {
            let mut history = self.history.lock().unwrap();
            let now = self.since(Instant::now());
            history.call(client, key, asked.clone(), now)
        };
        let called = Instant::now();
        let Ok(answer) = request.send().await else {
            // A host that does not run refuses at once.
            tokio::time::sleep(Duration::from_millis(5)).await;
            return false;
        };
        let status = answer.status();
        let Ok(content) = answer.json::<Json>().await else { return false };
        let Some(told) = told(&asked, status, &content) else { return false };
        if matches!(told, Told::Written { .. } | Told::Deleted { .. }) {
            // Only one that began after a fault shows that it is over.
            self.acknowledged.fetch_max(self.since(called), Ordering::SeqCst);
        }
        let mut history = self.history.lock().unwrap();
        let now = self.since(Instant::now());
        history.answer(place, told, now);
        true
    }

    /// A value that nobody else writes.
    fn value(&self) -> Value {
        Value::from(i64::try_from(self.next.fetch_add(1, Ordering::SeqCst)).unwrap())
    }
}

/// What an answer tells; none if nobody knows what became of the operation.
fn told(asked: &Asked, status: StatusCode, content: &Json) -> Option<Told> {
    let version = || content["version"].as_u64().unwrap();
    match (asked, status.as_u16()) {
        (Asked::Get, 200) => {
            let value: Value = serde_json::from_value(content["value"].clone()).unwrap();
            Some(Told::Found(Some(Seen { version: version(), value })))
        }
        (Asked::Get, 404) => Some(Told::Found(None)),
        (Asked::Put { .. }, 200) => Some(Told::Written { version: version(), length: None }),
        (Asked::Put { .. }, 409) => Some(Told::Refused),
        (Asked::Delete { .. }, 200) => Some(Told::Deleted { existed: content["existed"].as_bool().unwrap() }),
        (_, 503 | 504 | 429) => None,
        (asked, status) => panic!("{asked:?} is answered with {status}: {content}"),
    }
}
