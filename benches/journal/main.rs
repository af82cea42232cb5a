//! What keeping a journal costs: node completions per second over 64 concurrent runs, beside the sync rate of the disk.
//!
//! Every run is a chain of trivial nodes; a run ends when all its completions and its end are durable. Effectful nodes
//! begin only when all before them is. The floor is one thread that writes 200 bytes and syncs. All are measured in turn, three rounds; medians are told.
//!
//! `cargo bench --bench journal [-- FOLDER]`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and stops at a mistake"
)]

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use kailash::{
    Journal, Kind, LocalRuntime, Params, Registry, Result, Services, Settings, Value, Workflow,
    WorkflowBuilder,
    log::{Folder, FolderBlobStore, LogSettings, SegmentRunLog},
    node::{Body, BuildContext, Effect, Input, NodeType, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

const RUNS: usize = 64;
const NODES: usize = 100;
const TIME: Duration = Duration::from_secs(4);

macro_rules! node {
    ($type:ident, $effect:expr) => {
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $type {}

        impl NodeType for $type {
            fn spec() -> Spec {
                Spec::new(stringify!($type), "bench", "adds one")
                    .inputs([Input::optional("a", Kind::Any, "a number")])
                    .outputs([Output::new("out", Kind::Any, "a number")])
                    .effect($effect)
            }

            fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
                Ok(Body::inline(|inputs, _| Ok(Outputs::one(inputs.int(0)?.unwrap_or(0) + 1).into())))
            }
        }
    };
}

node!(Add, Effect::Pure);
node!(Act, Effect::Effectful);

fn chain(kind: &str) -> Workflow {
    let mut registry = Registry::new();
    registry.register::<Add>().expect("one name");
    registry.register::<Act>().expect("another name");
    let mut builder = WorkflowBuilder::new("chain");
    for n in 0..NODES {
        builder.add_node(kind, format!("n{n}"), Value::Null);
        if n > 0 {
            builder.add_connection(format!("n{}", n - 1), "out", format!("n{n}"), "a");
        }
    }
    builder.build(&registry).expect("a valid workflow")
}

/// Completions per second of 64 runs at a time, each begun anew when it ends.
fn completions(kind: &str, settings: Settings) -> f64 {
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("an executor");
    let runtime = LocalRuntime::with_settings(Services::default(), settings).expect("settings");
    let (workflow, done) = (chain(kind), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    executor.block_on(async {
        let runs: Vec<_> = (0..RUNS)
            .map(|_| {
                let (runtime, workflow, done) = (runtime.clone(), workflow.clone(), Arc::clone(&done));
                tokio::spawn(async move {
                    while started.elapsed() < TIME {
                        runtime.execute_async(&workflow, Params::new()).await.expect("the run completes");
                        done.fetch_add(NODES as u64, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for run in runs {
            run.await.expect("no run panics");
        }
    });
    done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}

fn journaled(kind: &str, folder: &Path) -> f64 {
    let open = || -> Result<Journal> {
        let log = SegmentRunLog::open(Folder::open(folder.join("log"))?, LogSettings::default())?;
        Ok(Journal::new(Arc::new(log), Arc::new(FolderBlobStore::open(folder.join("blobs"))?)))
    };
    completions(kind, Settings { journal: Some(open().expect("a journal")), ..Settings::default() })
}

fn syncs(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("floor")).expect("a file");
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < TIME {
        file.write_all(&[7; 200]).expect("written");
        file.sync_data().expect("synced");
        count += 1;
    }
    count as f64 / started.elapsed().as_secs_f64()
}

/// Measures a rate with its files in a folder.
type Measure = fn(&Path) -> f64;

fn main() {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_else(|| ".".to_owned());
    let candidates: [(&str, Measure); 4] = [
        ("write and sync, one thread", syncs),
        ("pure nodes, journal", |folder| journaled("Add", folder)),
        ("effectful nodes, journal", |folder| journaled("Act", folder)),
        ("without a journal", |_| completions("Add", Settings::default())),
    ];
    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..3 {
        for ((_, measure), rates) in candidates.iter().zip(&mut rates) {
            let folder = tempfile::tempdir_in(&folder).expect("a folder");
            rates.push(measure(folder.path()));
        }
    }
    println!("{RUNS} runs of {NODES} nodes at a time, per second (median of 3 rounds, least .. most)");
    for ((name, _), rates) in candidates.iter().zip(&mut rates) {
        rates.sort_by(f64::total_cmp);
        println!("  {name:<28} {:>12.0}   {:.0} .. {:.0}", rates[1], rates[0], rates[2]);
    }
}
