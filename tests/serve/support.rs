//! A host on a free port, and node types that wait, fail and count as a test says.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kailash::{
    Error, Kind, Registry, Result, Services, Value,
    host::{Host, config::Layers},
    http::Listener,
    node::{Body, BuildContext, Effect, Input, NodeType, Outcome, Output, Outputs, Spec, Wake},
};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// What the tests' nodes act on.
#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

struct Inner {
    gate: Semaphore,
    held: watch::Sender<usize>,
    calls: AtomicUsize,
}

impl Default for World {
    fn default() -> Self {
        Self(Arc::new(Inner {
            gate: Semaphore::new(0),
            held: watch::Sender::new(0),
            calls: AtomicUsize::new(0),
        }))
    }
}

impl World {
    /// Lets `count` nodes go on that hold.
    pub(crate) fn open(&self, count: usize) {
        self.0.gate.add_permits(count);
    }

    /// Waits until `count` nodes hold.
    pub(crate) async fn holding(&self, count: usize) {
        self.0.held.subscribe().wait_for(|held| *held >= count).await.unwrap();
    }

    /// How many `Count` nodes ran.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }
}

/// Holds until the test lets it go.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Hold {}

impl NodeType for Hold {
    fn spec() -> Spec {
        Spec::new("Hold", "test", "")
            .outputs([Output::new("out", Kind::Int, "")])
            .requires::<World>("world")
            .effect(Effect::Effectful)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let world = cx.services.require::<World>("world")?.clone();
        Ok(Body::future(move |_, _| {
            let world = world.clone();
            async move {
                world.0.held.send_modify(|held| *held += 1);
                world.0.gate.acquire().await.map_err(|_| Error::internal("closed"))?.forget();
                Ok(Outputs::one(1).into())
            }
        }))
    }
}

/// Counts how often it runs, and gives `x` on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Count {}

impl NodeType for Count {
    fn spec() -> Spec {
        Spec::new("Count", "test", "")
            .inputs([Input::required("x", Kind::Any, "")])
            .outputs([Output::new("out", Kind::Any, "")])
            .requires::<World>("world")
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let world = cx.services.require::<World>("world")?.clone();
        Ok(Body::inline(move |mut inputs, _| {
            world.0.calls.fetch_add(1, Ordering::SeqCst);
            Ok(Outputs::one(inputs.value(0)?).into())
        }))
    }
}

/// Fails.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Broken {}

impl NodeType for Broken {
    fn spec() -> Spec {
        Spec::new("Broken", "test", "").outputs([Output::new("out", Kind::Any, "")])
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::inline(|_, _| Err(Error::node("test.broken", "it is broken").with_hint("mend it"))))
    }
}

/// Waits for a signal; another version of it means something else.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Aging<const VERSION: u32> {}

impl<const VERSION: u32> NodeType for Aging<VERSION> {
    fn spec() -> Spec {
        Spec::new("Aging", "test", "").outputs([Output::new("out", Kind::Int, "")]).version(VERSION)
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::inline(|_, _| Ok(Outcome::Suspend(Wake::Signal("go".into())))).suspending())
    }
}

/// How long answers under way may take when a host stops.
pub(crate) const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The workflows that every test finds: each a node of its type, called as the workflow.
const WORKFLOWS: [(&str, &str, &str); 5] = [
    ("count", "Count", "{}"),
    ("hold", "Hold", "{}"),
    ("broken", "Broken", "{}"),
    ("wait", "SignalWait", r#"{"signal_name": "go"}"#),
    ("aging", "Aging", "{}"),
];

/// A host that serves on a free port.
pub(crate) struct Served {
    pub(crate) host: Arc<Host>,
    pub(crate) address: SocketAddr,
    pub(crate) world: World,
    client: reqwest::Client,
    stop: CancellationToken,
    data: Arc<TempDir>,
}

impl Served {
    /// A host with these settings.
    pub(crate) async fn with(settings: &[&str]) -> Self {
        Self::again::<1>(Arc::new(tempfile::tempdir().unwrap()), settings).await
    }

    /// A host with the default settings.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A host on this data, with this version of the node type `Aging`.
    async fn again<const VERSION: u32>(data: Arc<TempDir>, settings: &[&str]) -> Self {
        let folder = format!("host.data={}", data.path().display());
        let basic = [folder.as_str(), "http.listen=127.0.0.1:0", "host.drain_s=20"];
        let settings = basic.iter().chain(settings).copied();
        let config = Layers::new().settings(settings).unwrap().config().unwrap();
        let mut registry = Registry::new();
        kailash::register_all(&mut registry).unwrap();
        registry.register::<Hold>().unwrap();
        registry.register::<Count>().unwrap();
        registry.register::<Broken>().unwrap();
        registry.register::<Aging<VERSION>>().unwrap();
        let world = World::default();
        let services = Services::builder().with(world.clone()).unwrap();
        let services = services.with(kailash_nodes::ops::NodeMetrics::default()).unwrap().build();
        let host = Arc::new(Host::with(config, registry, services).await.unwrap());
        for (name, node, config) in WORKFLOWS {
            let text = format!(
                r#"{{"format": "1.0", "name": "{name}", "nodes": [{{"id": "{name}", "type": "{node}", "config": {config}}}]}}"#
            );
            let document = kailash::format::read(&text, kailash::format::Syntax::Json).unwrap();
            host.workflows.register(host.workflows.build(document).unwrap()).await.unwrap();
        }
        let listener = Listener::bind(Arc::clone(&host)).await.unwrap();
        let (address, stop) = (listener.address(), CancellationToken::new());
        tokio::spawn(listener.serve(stop.clone(), LAST_ANSWERS));
        Self { host, address, world, client: reqwest::Client::new(), stop, data }
    }

    /// Stops the host as SIGTERM does, and starts another one on the same data.
    pub(crate) async fn restarted(self, settings: &[&str]) -> Self {
        self.restarted_with_version::<1>(settings).await
    }

    /// [`Self::restarted`], with this version of the node type `Aging`.
    pub(crate) async fn restarted_with_version<const VERSION: u32>(mut self, settings: &[&str]) -> Self {
        self.host.rest().await;
        self.stop.cancel();
        until(|| Arc::strong_count(&self.host) == 1).await;
        Arc::get_mut(&mut self.host).unwrap().stop().await;
        let data = Arc::clone(&self.data);
        drop(self);
        Self::again::<VERSION>(data, settings).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Json) {
        read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Json) -> (StatusCode, Json) {
        read(self.request(Method::POST, path).json(body).send().await.unwrap()).await
    }

    /// Executes a workflow in the background and returns the run's id.
    pub(crate) async fn begin(&self, workflow: &str) -> String {
        let (status, told) =
            self.post(&format!("/workflows/{workflow}/execute"), &json!({"mode": "async"})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{told}");
        told["run_id"].as_str().unwrap().to_owned()
    }

    /// Waits until a run stands as `status`.
    pub(crate) async fn until(&self, run: &str, status: &str) -> Json {
        let mut told = Json::Null;
        for _ in 0..2000 {
            told = self.get(&format!("/status/{run}")).await.1;
            if told["status"] == status {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the run is not {status}: {told}");
    }
}

/// Waits until something holds that tells nobody when it does.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The status and the JSON of an answer; a problem names its own status.
pub(crate) async fn read(response: Response) -> (StatusCode, Json) {
    let status = response.status();
    let problem =
        response.headers().get("content-type").is_some_and(|media| media == "application/problem+json");
    let text = response.text().await.unwrap();
    let told: Json = if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap() };
    if problem {
        assert_eq!(told["status"], status.as_u16(), "a problem names its own status: {told}");
        assert!(
            told["code"].is_string() && told["detail"].is_string() && told["title"].is_string(),
            "{told}"
        );
    } else {
        assert!(status.is_success(), "what is no success is a problem: {status} {told}");
    }
    (status, told)
}

/// A value as the API takes it.
pub(crate) fn inputs(x: impl Into<Value>) -> Json {
    let x: Value = x.into();
    json!({ "inputs": { "x": serde_json::to_value(x).unwrap() } })
}
