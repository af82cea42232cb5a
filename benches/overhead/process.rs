//! The whole process: from its start to its exit.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

const RUNS: usize = 40;

/// A document in which each node adds one to what the node before gave.
fn chain(length: usize) -> String {
    let node = |i: usize| {
        let expression = if i == 0 { "1" } else { "before + 1" };
        format!(r#""n{i}": {{"type": "Expression", "config": {{"expression": "{expression}"}}}}"#)
    };
    let connection = |i: usize| format!(r#"{{"from": "n{}.result", "to": "n{i}.before"}}"#, i - 1);
    let nodes: Vec<String> = (0..length).map(node).collect();
    let connections: Vec<String> = (1..length).map(connection).collect();
    format!(
        r#"{{"format": "1.0", "name": "chain", "nodes": {{{}}}, "connections": [{}]}}"#,
        nodes.join(", "),
        connections.join(", ")
    )
}

/// The CPU time of all children that have ended, in seconds.
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the process's own figures");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    // Fields 16 and 17 of proc(5), in ticks of 10 ms; the name, which may hold blanks, is field 2.
    let ticks = after_name.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

struct Measured {
    median_ms: f64,
    least_ms: f64,
    cpu_ms: f64,
}

fn measure(document: &Path) -> Measured {
    let before = children_cpu();
    let mut walls: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            let status = Command::new(env!("CARGO_BIN_EXE_kailash"))
                .args(["run", "--json"])
                .arg(document)
                .stdout(Stdio::null())
                .status()
                .expect("the binary starts");
            assert!(status.success(), "the document runs");
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let cpu_ms = (children_cpu() - before) * 1e3 / RUNS as f64;
    walls.sort_by(f64::total_cmp);
    Measured { median_ms: walls[RUNS / 2], least_ms: walls[0], cpu_ms }
}

/// `kailash run` of one node and of a chain, each in processes of its own.
pub(crate) fn run() {
    let measured = [1, 1000].map(|length| {
        let mut file = tempfile::Builder::new().suffix(".json").tempfile().expect("a file");
        file.write_all(chain(length).as_bytes()).expect("the document is written");
        measure(file.path())
    });
    println!("\nprocess start to exit, {RUNS} runs each");
    println!("  {:<30} {:>12} {:>12} {:>12}", "", "median ms", "least ms", "CPU ms");
    for (name, m) in ["one node", "chain of 1,000"].iter().zip(&measured) {
        println!("  {name:<30} {:>12.1} {:>12.1} {:>12.1}", m.median_ms, m.least_ms, m.cpu_ms);
    }
    let per_node = (measured[1].cpu_ms - measured[0].cpu_ms) * 1e3 / 999.0;
    println!("  CPU of a node of the chain, document read, run and result printed: {per_node:.1} µs");
}
