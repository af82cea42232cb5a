//! Every example runs and gives what it promises.
//!
//! A folder with `workflow.yaml` is run by the command line; `expected.json` beside it holds the results that must come
//! out, `{node: {output: value}}`, and the files that must be written, `{"files": {name: number of lines}}`. An example in
//! Rust is run as the program it is.

#![expect(clippy::expect_used, reason = "a test stops where something it needs is missing")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Runs the workflow of folder `name` where nothing else is, but for the examples themselves.
fn run(name: &str, runtime: &str) -> (Value, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(examples(), folder.path().join("examples")).expect("a link to the examples");
    let output = Command::new(env!("CARGO_BIN_EXE_kailash"))
        .args(["run", &format!("examples/{name}/workflow.yaml"), "--json", "--runtime", runtime])
        .current_dir(folder.path())
        .output()
        .expect("the command line runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    (serde_json::from_slice(&output.stdout).expect("one JSON object"), folder)
}

fn gives_what_it_promises(name: &str) {
    let text = std::fs::read_to_string(examples().join(name).join("expected.json")).expect("expected.json");
    let expected: Value = serde_json::from_str(&text).expect("expected.json is JSON");
    for runtime in ["local", "parallel"] {
        let (given, folder) = run(name, runtime);
        assert_eq!(given["status"], "completed", "{name}");
        let promised = expected["results"].as_object().expect("promised results");
        assert!(!promised.is_empty(), "{name} promises nothing");
        for (node, outputs) in promised {
            for (output, value) in outputs.as_object().expect("promised outputs") {
                assert_eq!(&given["results"][node][output], value, "{name} ({runtime}): {node}.{output}");
            }
        }
        for (file, lines) in expected["files"].as_object().into_iter().flatten() {
            let text = std::fs::read_to_string(folder.path().join(file)).expect("a promised file");
            assert_eq!(text.lines().count() as u64, lines.as_u64().expect("a number"), "{name}: {file}");
        }
    }
}

macro_rules! documents {
    ($($test:ident: $name:literal;)*) => {
        $(
            #[test]
            fn $test() {
                gives_what_it_promises($name);
            }
        )*

        #[test]
        fn every_example_is_run() {
            let known = [$($name),*];
            for entry in std::fs::read_dir(examples()).expect("the examples are there") {
                let entry = entry.expect("an entry");
                let name = entry.file_name().into_string().expect("a name");
                if entry.path().join("workflow.yaml").exists() {
                    assert!(known.contains(&name.as_str()), "{name} is not run");
                }
            }
        }
    };
}

documents! {
    a_report_on_unusual_latencies: "latency_report";
    traffic_is_routed_by_its_band: "traffic_bands";
    a_cycle_finds_the_threshold: "threshold_search";
    doors_report_to_the_cluster: "door_state";
    many_sensors_are_summed_up: "many_sensors";
    a_stream_is_filtered: "streaming_filter";
    python_scores_a_series: "python_scores";
    a_saga_books_all_or_nothing: "saga_booking";
}

/// Where cargo puts the programs of the Rust examples.
fn program(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_kailash")).parent().expect("its folder").join("examples");
    folder.join(name)
}

#[test]
fn the_rust_examples_run() {
    for (name, promised) in
        [("custom_node", "peak at"), ("embedded", "answered"), ("axum_service", "99: \"alarm\"")]
    {
        let output = Command::new(program(name)).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(promised), "{name}: {text}");
    }
}
