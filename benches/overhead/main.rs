//! What running a workflow costs beside the work of its nodes, next to a floor measured in the same process.
//!
//! The floor `F` is a sequential loop in topological order over boxed async nodes with `Arc<dyn Any>` slots: about the
//! least that a dynamic graph of futures can cost. Every figure is the median over rounds; in each round the floor and
//! all candidates run once, and ratios are medians of the ratios within a round, so that a loaded machine slows both.
//! Times are CPU time of the whole process (threads included), wall time beside it.
//!
//! `cargo bench --bench overhead [-- FILTER]`; under a tool that counts instructions, one candidate alone:
//! `valgrind --tool=callgrind BENCH FILTER --only NAME --rounds N`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and stops at a mistake"
)]

mod floor;
mod measure;
mod nodes;
mod process;

use std::sync::Arc;

use kailash::{
    Keep, LocalRuntime, ParallelRuntime, Params, Services, Settings, Value, Workflow, WorkflowBuilder, value,
};
use measure::{Round, report};

fn chain(kind: &str, length: usize) -> Workflow {
    let mut builder = WorkflowBuilder::new("chain");
    for i in 0..length {
        builder.add_node(kind, format!("n{i}"), Value::Null);
        if i > 0 {
            builder.add_connection(format!("n{}", i - 1), "out", format!("n{i}"), "a");
        }
    }
    built(&builder)
}

fn fan(width: usize) -> Workflow {
    let mut builder = WorkflowBuilder::new("fan");
    builder.add_node("Add", "first", Value::Null).add_node("Sum", "last", Value::Null);
    for i in 0..width {
        builder.add_node("Add", format!("n{i}"), Value::Null);
        builder.add_connection("first", "out", format!("n{i}"), "a");
        builder.add_connection(format!("n{i}"), "out", "last", format!("x{i}"));
    }
    built(&builder)
}

/// 100 layers of 100 nodes; each takes three of the layer before.
fn layered(kind: &str) -> (Workflow, Vec<Vec<usize>>) {
    let mut builder = WorkflowBuilder::new("layered");
    let mut edges: Vec<Vec<usize>> = Vec::new();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for i in 0..10_000 {
        builder.add_node(kind, format!("n{i}"), Value::Null);
        let mut from = Vec::new();
        if i >= 100 {
            for port in ["a", "b", "c"] {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let source = (i / 100 - 1) * 100 + (random % 100) as usize;
                builder.add_connection(format!("n{source}"), "out", format!("n{i}"), port);
                from.push(source);
            }
        }
        edges.push(from);
    }
    (built(&builder), edges)
}

fn built(builder: &WorkflowBuilder) -> Workflow {
    builder.build(&nodes::registry()).expect("a bench workflow is valid")
}

struct Runtimes {
    tokio: tokio::runtime::Runtime,
    local: LocalRuntime,
    parallel: ParallelRuntime,
}

impl Runtimes {
    fn local(&self, workflow: &Workflow) {
        let outcome = self.tokio.block_on(self.local.execute_async(workflow, Params::new()));
        std::hint::black_box(outcome.expect("a bench workflow runs"));
    }

    fn parallel(&self, workflow: &Workflow) {
        let outcome = self.tokio.block_on(self.parallel.execute_async(workflow, Params::new()));
        std::hint::black_box(outcome.expect("a bench workflow runs"));
    }
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let wanted = |name: &str| name.contains(&filter);
    let services = Services::default;
    let runtimes = Runtimes {
        tokio: tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("an executor"),
        local: LocalRuntime::new(services()),
        parallel: ParallelRuntime::new(services()),
    };
    println!("{}", measure::machine());
    for (name, length) in [("chain 100", 100), ("chain 10,000", 10_000)] {
        if wanted(name) {
            overhead(&runtimes, name, &chain("Add", length), &floor::chain(length), Some("AddAsync"));
        }
    }
    if wanted("fan 1,000") {
        overhead(&runtimes, "fan 1,000", &fan(1000), &floor::fan(1000), None);
    }
    if wanted("layered 10,000") {
        let (workflow, edges) = layered("Add3");
        overhead(&runtimes, "layered 10,000", &workflow, &floor::layered(&edges), None);
    }
    if wanted("compute") {
        compute(&runtimes);
    }
    if wanted("payload") {
        payload(&runtimes);
    }
    if wanted("document") {
        document();
    }
    if wanted("process") && !measure::is_counting() {
        process::run();
    }
}

fn overhead(runtimes: &Runtimes, name: &str, workflow: &Workflow, floor: &floor::Graph, also: Option<&str>) {
    let count = workflow.nodes().len();
    let repeats = (20_000 / count).max(2);
    let mut rounds = Round::new(name, count * repeats);
    let others = also.map(|kind| chain(kind, count));
    rounds.run(61, |round| {
        round.measure("floor F", || (0..repeats).for_each(|_| runtimes.tokio.block_on(floor.run())));
        round.measure("Local", || (0..repeats).for_each(|_| runtimes.local(workflow)));
        round.measure("Parallel", || (0..repeats).for_each(|_| runtimes.parallel(workflow)));
        round.measure("workflow -> plan", || {
            (0..repeats)
                .for_each(|_| drop(kailash::Plan::new(workflow, &Services::default()).expect("a plan")));
        });
        if let Some(workflow) = &others {
            round.measure("Local, async bodies", || (0..repeats).for_each(|_| runtimes.local(workflow)));
            round
                .measure("Parallel, async bodies", || (0..repeats).for_each(|_| runtimes.parallel(workflow)));
        }
    });
    report(&rounds, "floor F");
}

/// Nodes of about 101 µs: what Parallel adds to each, and how much faster two cores are.
fn compute(runtimes: &Runtimes) {
    let mut builder = WorkflowBuilder::new("compute");
    builder.add_node("Add", "first", Value::Null);
    let count = 2000;
    for i in 0..count {
        builder.add_node("Spin", format!("n{i}"), Value::Null);
        builder.add_connection("first", "out", format!("n{i}"), "a");
    }
    let workflow = built(&builder);
    let (layered, _) = layered("Spin3");
    let spins = nodes::calibrate(101.0);
    let mut rounds = Round::new("compute nodes of 101 µs, wide", count);
    rounds.run(41, |round| {
        round.measure("sequential loop", || {
            (0..count).for_each(|i| {
                std::hint::black_box(nodes::spin(i as u64, spins));
            });
        });
        round.measure("static split over threads", || {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            std::thread::scope(|scope| {
                for t in 0..threads {
                    scope.spawn(move || {
                        (t..count).step_by(threads).for_each(|i| {
                            std::hint::black_box(nodes::spin(i as u64, spins));
                        });
                    });
                }
            });
        });
        round.measure("Parallel", || runtimes.parallel(&workflow));
    });
    report(&rounds, "sequential loop");
    let mut rounds = Round::new("compute nodes of 101 µs, layered 10,000", 10_000);
    rounds.run(9, |round| {
        round.measure("sequential loop", || {
            (0..10_000).for_each(|i| {
                std::hint::black_box(nodes::spin(i as u64, spins));
            });
        });
        round.measure("Parallel", || runtimes.parallel(&layered));
    });
    report(&rounds, "sequential loop");
}

/// A payload of 1 MiB through 100 nodes.
fn payload(runtimes: &Runtimes) {
    let mut builder = WorkflowBuilder::new("payload");
    builder.add_node("Pass", "n0", value!({"a": (Value::bytes(vec![7_u8; 1 << 20]))}));
    for i in 1..100 {
        builder.add_node("Pass", format!("n{i}"), Value::Null);
        builder.add_connection(format!("n{}", i - 1), "out", format!("n{i}"), "a");
    }
    let workflow = built(&builder);
    let settings = Settings { keep: Keep::Leaves, ..Settings::default() };
    let leaves = LocalRuntime::with_settings(Services::default(), settings).expect("settings");
    let mut rounds = Round::new("1 MiB through 100 nodes", 100 * 50);
    let blob = Arc::new(vec![7_u8; 1 << 20]);
    rounds.run(31, |round| {
        round.measure("clone at every node, freed", || {
            for _ in 0..50 {
                let mut here = (*blob).clone();
                for _ in 0..99 {
                    here = std::hint::black_box(here.clone());
                }
            }
        });
        round.measure("Local, all outputs kept", || (0..50).for_each(|_| runtimes.local(&workflow)));
        round.measure("Local, only leaves kept", || {
            for _ in 0..50 {
                let outcome = runtimes.tokio.block_on(leaves.execute_async(&workflow, Params::new()));
                drop(std::hint::black_box(outcome));
            }
        });
    });
    report(&rounds, "clone at every node, freed");
}

/// From the text of a document with 10,000 nodes to its plan.
fn document() {
    let registry = nodes::registry();
    let mut text = String::from(r#"{"format": "1.0", "name": "long", "nodes": {"#);
    for i in 0..10_000 {
        text += &format!(
            r#"{}"n{i}": {{"type": "Add", "config": {{"step": {i}}}}}"#,
            if i == 0 { "" } else { "," }
        );
    }
    text += r#"}, "connections": ["#;
    for i in 1..10_000 {
        text += &format!(r#"{}{{"from": "n{}.out", "to": "n{i}.a"}}"#, if i == 1 { "" } else { "," }, i - 1);
    }
    text += "]}";
    let read = || kailash::format::read(&text, kailash::format::Syntax::Json).expect("a document");
    let document = read();
    let workflow = WorkflowBuilder::from(document.clone()).build(&registry).expect("a workflow");
    let plan = |workflow: &Workflow| kailash::Plan::new(workflow, &Services::default()).expect("a plan");
    let mut rounds = Round::new("document of 10,000 nodes", 10_000);
    rounds.run(31, |round| {
        round.measure("serde_json parse alone", || drop(serde_json::from_str::<serde_json::Value>(&text)));
        round.measure("text -> document", || drop(read()));
        let builder = WorkflowBuilder::from(document.clone());
        round.measure("document -> workflow", || drop(builder.build(&registry)));
        round.measure("workflow -> plan", || drop(plan(&workflow)));
        round.measure("text -> plan", || {
            drop(plan(&WorkflowBuilder::from(read()).build(&registry).expect("a workflow")));
        });
    });
    report(&rounds, "serde_json parse alone");
}
