//! A database for one test, and nodes at it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use kailash_core::{
    Map, Result, RunId, Services, Text, UnitId, Value,
    event::What,
    exec::{Clock, SystemClock},
    from_value,
    node::{BuildContext, Context, Emit, Inputs, NodeType, RunScope, Source, Stage, Streaming, UnitKey},
    testing::NodeTest,
    value,
};

use super::server::Server;
use crate::{
    data::WorkDir,
    sql::{SqlBulkUpsert, SqlDatabase, SqlPools},
};

/// A database that nobody else uses.
pub(super) struct Bench {
    dir: tempfile::TempDir,
    pub(super) services: Services,
    address: String,
    pub(super) is_server: bool,
}

impl Bench {
    /// A file of SQLite.
    pub(super) fn sqlite() -> Self {
        Self::at("sqlite:test.db".into(), false)
    }

    /// A database of the shared server.
    pub(super) async fn postgres() -> Self {
        Self::at_server(Server::shared()).await
    }

    /// A new database of `server`. Its address holds a password, so it is referred to.
    pub(super) async fn at_server(server: &Server) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let root = Self::with_secret(&server.address("postgres"));
        root.sql(&format!("CREATE DATABASE {name}"), Value::Null).await.unwrap();
        Self::with_secret(&server.address(&name))
    }

    /// The database at `address`, which stands in a file.
    pub(super) fn with_secret(address: &str) -> Self {
        let mut bench = Self::at(String::new(), true);
        let file = bench.dir.path().join("secret");
        std::fs::write(&file, address).unwrap();
        bench.address = format!("file:{}", file.display());
        bench
    }

    fn at(address: String, is_server: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let services = Services::builder().with(WorkDir(dir.path().into())).unwrap();
        let services = services.with(SqlPools::default()).unwrap().build();
        Self { dir, services, address, is_server }
    }

    /// A node SQLDatabase with more config.
    pub(super) fn node(&self, config: Value) -> NodeTest {
        NodeTest::new::<SqlDatabase>(self.config(config), &self.services).unwrap()
    }

    /// A node SQLBulkUpsert with more config.
    pub(super) fn bulk(&self, config: Value) -> NodeTest {
        NodeTest::new::<SqlBulkUpsert>(self.config(config), &self.services).unwrap()
    }

    /// The config of a node at this database.
    pub(super) fn config(&self, more: Value) -> Value {
        let mut config = more.into_map().unwrap();
        config.insert("connection_string", self.address.as_str());
        config.into()
    }

    /// The rows of SQLDatabase as a source that has not begun.
    pub(super) fn source(&self, config: Value, inputs: Inputs) -> Box<dyn Source> {
        match self.streaming::<SqlDatabase>(config, &["query", "parameters"]) {
            Streaming::Source(factory) => factory.open(inputs, &context()).unwrap(),
            Streaming::Stage(_) => panic!("this is no source"),
        }
    }

    /// SQLBulkUpsert as a stage that has no rows yet.
    pub(super) fn stage(&self, config: Value) -> Box<dyn Stage> {
        match self.streaming::<SqlBulkUpsert>(config, &["rows"]) {
            Streaming::Stage(factory) => factory.open(Inputs::new(), &context()).unwrap(),
            Streaming::Source(_) => panic!("this is no stage"),
        }
    }

    fn streaming<T: NodeType>(&self, config: Value, inputs: &[&str]) -> Streaming {
        let node: T = from_value(&self.config(config)).unwrap();
        let names: Vec<Text> = inputs.iter().map(|name| Text::from(*name)).collect();
        let cx = BuildContext { services: &self.services, node: &"node".into(), inputs: &names };
        node.build(&cx).unwrap().streaming.unwrap()
    }

    /// The outputs of a statement.
    pub(super) async fn sql(&self, query: &str, parameters: Value) -> Result<Map> {
        self.node(value!({})).run(value!({"query": query, "parameters": parameters})).await
    }

    /// The rows of a statement as lists.
    pub(super) async fn rows(&self, query: &str, parameters: Value) -> Value {
        let node = self.node(value!({"result_format": "list"}));
        let outputs = node.run(value!({"query": query, "parameters": parameters})).await.unwrap();
        outputs.get("data").cloned().unwrap()
    }

    /// Statements without parameters, one after the other.
    pub(super) async fn all<const N: usize>(&self, queries: [&str; N]) {
        for query in queries {
            self.sql(query, Value::Null).await.unwrap();
        }
    }
}

/// A database of each kind.
pub(super) async fn both() -> [Bench; 2] {
    [Bench::sqlite(), Bench::postgres().await]
}

/// Counts rows that a source emits, and how many there were at once.
#[derive(Default)]
pub(super) struct Count {
    pub(super) rows: usize,
    pub(super) most: usize,
}

#[async_trait]
impl Emit for Count {
    async fn emit(&mut self, _: usize, items: Vec<Value>) -> Result<()> {
        self.rows += items.len();
        self.most = self.most.max(items.len());
        Ok(())
    }
}

/// The context of a run that goes on for ever.
pub(super) fn context() -> Context {
    Context::new(Arc::new(LoneRun(SystemClock::default())), UnitKey::default(), 1, None)
}

struct LoneRun(SystemClock);

impl RunScope for LoneRun {
    fn unit_id(&self, _: UnitKey) -> UnitId {
        UnitId { run: RunId::from_u128(0), path: Vec::new() }
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn clock(&self) -> &dyn Clock {
        &self.0
    }

    fn emit(&self, _: UnitKey, _: u32, _: What) {}

    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(job);
    }
}
