//! A file much larger than the memory a run may use: read, filtered, aggregated and written over stream connections.

use std::io::{BufWriter, Write};

use kailash::{
    LocalRuntime, ParallelRuntime, Params, Registry, Runtime, Settings, Value, WorkflowBuilder, value,
};

/// Rows of the file, of about 300 bytes each: 74 MB, or what `KAILASH_BIG_ROWS` says (3500000 for a gigabyte).
fn rows() -> u64 {
    std::env::var("KAILASH_BIG_ROWS").map_or(250_000, |rows| rows.parse().expect("a number of rows"))
}

fn write_rows(path: &std::path::Path, rows: u64) {
    let mut file = BufWriter::new(std::fs::File::create(path).expect("a file"));
    let note = "some text to carry along ".repeat(11);
    writeln!(file, "id,machine,temperature,note").expect("a header");
    for id in 0..rows {
        writeln!(file, "{id},machine-{},{}.5,{note}", id % 5, id % 100).expect("a row");
    }
    file.flush().expect("written");
}

/// The largest resident set of this process so far, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}

#[test]
fn a_large_file_streams_through_in_little_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let big = folder.path().join("big.csv");
    let rows = rows();
    write_rows(&big, rows);
    let size = std::fs::metadata(&big).expect("its size").len();
    let mut registry = Registry::new();
    kailash::register_all(&mut registry).expect("the catalog registers");
    let mut builder = WorkflowBuilder::new("big");
    builder
        .add_node("CSVReader", "read", value!({"file_path": "big.csv"}))
        .add_node("Filter", "hot", value!({"field": "temperature", "operator": ">=", "value": 90}))
        .add_node("CSVWriter", "write", value!({"file_path": "hot.csv"}))
        .add_node(
            "Aggregate",
            "mean",
            value!({"group_by": ["machine"], "metrics": {"mean": {"op": "mean", "field": "temperature"}, "n": {"op": "count"}}}),
        );
    builder.connect("read.data", "hot.data").stream();
    builder.connect("hot.filtered_data", "write.data").stream();
    builder.connect("hot.filtered_data", "mean.data").stream();
    let workflow = builder.build(&registry).expect("a valid workflow");
    let services = kailash::services_in(folder.path()).expect("services");
    let settings = Settings::default;
    let runtimes: [Box<dyn Runtime>; 2] = [
        Box::new(LocalRuntime::with_settings(services.clone(), settings()).expect("settings")),
        Box::new(ParallelRuntime::with_settings(services, settings()).expect("settings")),
    ];
    let before = peak_memory();
    for runtime in runtimes {
        let (results, _) = runtime.execute(&workflow, Params::new()).expect("it runs");
        assert_eq!(results.get("write", "rows_written").and_then(Value::as_u64), Some(rows / 10));
        let groups = results.get("mean", "result").and_then(Value::as_list).expect("groups");
        assert_eq!(groups.len(), 5);
        let counted: u64 = groups.iter().filter_map(|group| group.get("n").and_then(Value::as_u64)).sum();
        assert_eq!(counted, rows / 10);
    }
    let grown = peak_memory().saturating_sub(before);
    println!("a file of {} MB took {} MB of memory", size / 1_000_000, grown / 1_000_000);
    assert!(grown < size / 2, "{grown} bytes more for a file of {size}");
}
