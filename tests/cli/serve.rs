//! `kailash serve` as a process, stopped and killed while runs are under way.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    sink::Sink,
    support::{Folder, signal},
};

/// Clients at a time.
const CLIENTS: u32 = 24;

/// The longest time for a stop, and for what was put aside to come to its end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host as a process, with a workflow `act` that asks `url` and then computes something.
struct Serving {
    child: Child,
    url: String,
    client: Client,
}

impl Serving {
    fn start(folder: &Folder, client: &Client) -> Self {
        let arguments = ["serve", "--data", "data", "--listen", "127.0.0.1:0", "--workflows", "flows"];
        let mut child = folder.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = lines.find_map(|line| Some(line.unwrap().strip_prefix("kailash serves ")?.to_owned()));
        // Whoever writes to a pipe that nobody reads stops.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: url.expect("the host starts"), client: client.clone() }
    }

    async fn status(&self, run: &str) -> Value {
        let response = self.client.get(format!("{}/status/{run}", self.url)).send().await.unwrap();
        response.json().await.unwrap()
    }
}

fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("flows")).unwrap();
    let document = json!({"format": "1.0", "name": "act", "nodes": {
        "ask": {"type": "HTTPRequest", "config": {"method": "POST", "body": "x", "idempotent": true, "raise_for_status": true}},
        "after": {"type": "Expression", "config": {"expression": "item + 1"}}},
        "connections": [{"from": "ask.status_code", "to": "after.item"}]});
    folder.write("flows/act.json", document.to_string());
    folder
}

/// What clients asked for, by number: the run, if they were answered that it is kept or has ended.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<BTreeMap<u32, Option<String>>>>);

impl Asked {
    /// Asks for runs until the host answers no more, every other one in the background. `next` gives their numbers.
    async fn load(self, client: Client, host: String, sink: String, next: Arc<AtomicU32>) {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            self.0.lock().unwrap().insert(number, None);
            if !self.ask(&client, &host, &sink, number).await {
                return;
            }
        }
    }

    /// Asks for run `number` under its key, and says whether it was taken.
    async fn ask(&self, client: &Client, host: &str, sink: &str, number: u32) -> bool {
        let mode = if number.is_multiple_of(2) { "sync" } else { "async" };
        let body = json!({"inputs": {"ask": {"url": format!("{sink}/{number}")}}, "mode": mode});
        let request = client.post(format!("{host}/workflows/act/execute")).json(&body);
        let Ok(response) = request.header("idempotency-key", number.to_string()).send().await else {
            return false;
        };
        let status = response.status().as_u16();
        let Ok(told) = response.json::<Value>().await else { return false };
        assert!([200, 202, 503].contains(&status), "{status} {told}");
        let run = told["run_id"].as_str().filter(|_| status < 300).map(str::to_owned);
        let taken = run.is_some();
        self.0.lock().unwrap().insert(number, run);
        taken
    }

    fn runs(&self) -> BTreeMap<u32, Option<String>> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until every run that was taken is completed, and fails if one comes to another end or is not known.
    async fn all_complete(&self, serving: &Serving) {
        let until = Instant::now() + PATIENCE;
        for (number, run) in self.runs() {
            let Some(run) = run else { continue };
            loop {
                let told = serving.status(&run).await;
                if told["status"] == "completed" {
                    assert_eq!(told["outputs"]["after"]["result"], 201, "run {number}: {told}");
                    break;
                }
                assert!(
                    ["pending", "running", "suspended"].contains(&told["status"].as_str().unwrap()),
                    "{told}"
                );
                assert!(Instant::now() < until, "run {number} does not end: {told}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Puts the host under load until `requests` more have reached the sink, calls `stop`, and waits for all clients.
async fn under_load(
    serving: &mut Serving,
    (sink, address): (&Sink, &str),
    (asked, next): (&Asked, &Arc<AtomicU32>),
    requests: u32,
    stop: impl FnOnce(&mut Child),
) {
    let count = || sink.requests().values().sum::<u32>();
    let before = count();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, host, sink) = (serving.client.clone(), serving.url.clone(), address.to_owned());
            tokio::spawn(asked.clone().load(client, host, sink, Arc::clone(next)))
        })
        .collect();
    while count() < before + requests {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop(&mut serving.child);
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_ends_or_puts_aside_every_run() {
    let (folder, sink) = (folder(), Sink::default());
    let (address, _arrived) = sink.open();
    let (asked, next, client) = (Asked::default(), Arc::default(), Client::new());
    let mut serving = Serving::start(&folder, &client);
    let mut began = Instant::now();
    let stop = |child: &mut Child| {
        signal(child, "-TERM");
        began = Instant::now();
    };
    under_load(&mut serving, (&sink, &address), (&asked, &next), 200, stop).await;
    let ended = tokio::task::spawn_blocking(move || serving.child.wait().unwrap()).await.unwrap();
    println!("at rest after {:?}", began.elapsed());
    assert!(ended.success(), "{ended}");
    assert!(began.elapsed() < PATIENCE);

    let mut serving = Serving::start(&folder, &client);
    asked.all_complete(&serving).await;
    let taken = asked.runs().values().flatten().count();
    assert!(taken >= 150, "{taken} runs are too few to tell");
    let effects = sink.effects_by_path();
    assert!(effects.values().all(|count| *count == 1), "{effects:?}");
    signal(&serving.child, "-TERM");
    assert!(serving.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_again_and_again_no_run_is_lost_and_no_effect_doubled() {
    const ROUNDS: u32 = 8;
    let (folder, sink) = (folder(), Sink::default());
    let (address, _arrived) = sink.open();
    let (asked, next, client) = (Asked::default(), Arc::default(), Client::new());
    for round in 0..ROUNDS {
        let mut serving = Serving::start(&folder, &client);
        under_load(&mut serving, (&sink, &address), (&asked, &next), 40 + 7 * round, |child| {
            child.kill().unwrap();
        })
        .await;
        serving.child.wait().unwrap();
    }
    let mut serving = Serving::start(&folder, &client);
    asked.all_complete(&serving).await;
    // Clients that were not answered ask again, under the same keys.
    let unanswered: Vec<u32> =
        asked.runs().into_iter().filter_map(|(number, run)| run.is_none().then_some(number)).collect();
    for number in &unanswered {
        assert!(asked.ask(&client, &serving.url, &address, *number).await, "run {number}");
    }
    asked.all_complete(&serving).await;
    let (effects, asked) = (sink.effects_by_path(), asked.runs());
    println!("{ROUNDS} kills, {} runs, {} of them asked for twice", asked.len(), unanswered.len());
    assert!(unanswered.len() as u32 >= ROUNDS, "requests were under way at the kills");
    assert_eq!(effects.len(), asked.len(), "every run acted");
    assert!(effects.values().all(|count| *count == 1), "and once: {effects:?}");
    signal(&serving.child, "-TERM");
    assert!(serving.child.wait().unwrap().success());
}
