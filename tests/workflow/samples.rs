//! Real exports of the Kailash SDK for Python, run here and compared with the results that it computed.
//!
//! Each one that it runs gives the same outputs, or is refused with the name of the node type that is not built yet.
//! Timestamps, ids and keys that begin with `_` don't count; null equals skipped.

use std::path::{Path, PathBuf};

use kailash::{
    ErrorKind, LocalRuntime, ParallelRuntime, Params, Registry, RunError, Value, Workflow, WorkflowBuilder,
    format::{Syntax, read},
    validate::Issues,
    value,
};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kailash")
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    kailash::register_all(&mut registry).expect("the catalog registers");
    registry
}

fn build(name: &str) -> Result<Workflow, Issues> {
    let text = std::fs::read_to_string(data().join(format!("{name}.json"))).expect("the sample is there");
    WorkflowBuilder::from(read(&text, Syntax::Json)?).build(&registry())
}

fn expected(name: &str) -> Value {
    let text =
        std::fs::read_to_string(data().join(format!("{name}.result.json"))).expect("its result is there");
    Value::from_json(&text).expect("the result is JSON")
}

/// Runs a sample with both runtimes in a folder that holds `in.csv`; they must agree.
fn run(name: &str) -> Result<Value, RunError> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(data().join("in.csv"), folder.path().join("in.csv")).expect("in.csv is there");
    let services = kailash::services_in(folder.path()).expect("services");
    let workflow = build(name)?;
    let given = expected(name).get("parameters").cloned().unwrap_or_default().into_map().unwrap_or_default();
    let params = Params::from_map(given, |id| workflow.position(id).is_some());
    let (local, _) = LocalRuntime::new(services.clone()).execute(&workflow, params.clone())?;
    let (parallel, _) = ParallelRuntime::new(services).execute(&workflow, params)?;
    let [one, other] = [&local, &parallel].map(|results| counted(&results.to_map().into()));
    assert_eq!(one, other, "{name}: the runtimes disagree");
    Ok(local.to_map().into())
}

/// Runs a sample that leaves something behind, with one runtime.
fn run_once(name: &str) -> Value {
    let services = kailash::services_in(".").expect("services");
    let workflow = build(name).expect("a workflow");
    let (told, _) = LocalRuntime::new(services).execute(&workflow, Params::new()).expect("it runs");
    told.to_map().into()
}

/// What counts of a result: nulls, timestamps, ids and private keys do not.
fn counted(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let counts =
                |key: &str| !key.starts_with('_') && !["timestamp", "run_id", "leader"].contains(&key);
            let entries = map.iter().filter(|(key, value)| counts(key) && !value.is_null());
            entries.map(|(key, value)| (key.clone(), counted(value))).collect::<kailash::Map>().into()
        }
        Value::List(items) => items.iter().map(counted).collect(),
        other => other.clone(),
    }
}

fn same_as_kailash(name: &str) {
    let results = run(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(counted(&results), counted(expected(name).get("results").expect("results")), "{name}");
}

macro_rules! samples {
    ($($test:ident: $name:literal;)*) => {$(
        #[test]
        fn $test() {
            same_as_kailash($name);
        }
    )*};
}

samples! {
    a_linear_workflow_of_python_nodes_gives_the_same: "01_linear";
    a_fan_with_a_merge_gives_the_same: "02_fan";
    a_boolean_switch_gives_the_same: "03_switch_bool";
    a_cycle_converges_to_the_same: "06_cycle";
    run_parameters_give_the_same: "07_params";
    reading_filtering_and_writing_files_gives_the_same: "08_csv_filter_json";
    async_python_gives_the_same: "30_async_python";
    a_data_transformer_gives_the_same: "31_transformer";
    a_leader_is_elected_as_there: "11_edge_coord_elect";
}

/// Intended difference: `default` has a value only if no case matched.
#[test]
fn a_switch_with_cases_gives_the_same_but_for_its_default() {
    let results = run("05_switch_cases").expect("it runs");
    let mut theirs =
        counted(expected("05_switch_cases").get("results").expect("results")).into_map().expect("a map");
    let mut switch = theirs.remove("sw").and_then(|sw| sw.into_map().ok()).expect("the switch");
    assert!(switch.remove("default").is_some(), "Kailash sets the default though a case matched");
    theirs.insert("sw", switch);
    assert_eq!(counted(&results), Value::from(theirs));
}

#[test]
fn a_failing_node_fails_the_run_with_the_same_message() {
    let error = run("09_failure").expect_err("1/0 fails");
    assert_eq!(error.kind(), ErrorKind::Node);
    assert_eq!(error.errors().len(), 1);
    assert_eq!(error.errors()[0].node, "bad");
    assert!(error.to_string().contains("division by zero"), "{error}");
}

#[test]
fn a_missing_required_input_is_refused_like_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let services = kailash::services_in(folder.path()).expect("services");
    let outcome = build("33_json_sort")
        .map_err(RunError::from)
        .and_then(|workflow| LocalRuntime::new(services).execute(&workflow, Params::new()));
    let Err(RunError::Refused(issues)) = outcome else { panic!("it must be refused") };
    let issue = issues.errors().next().expect("an issue");
    assert_eq!((issue.code.as_str(), issue.node.as_deref()), ("input.missing", Some("w")));
    assert!(issue.message.contains("`text`"), "{issue}");
    assert!(!folder.path().join("t.txt").exists(), "nothing ran");
}

#[test]
fn a_type_that_is_not_built_yet_is_refused_by_its_name() {
    for (name, kind) in [
        ("14_edge_monitor_record", "EdgeMonitoringNode"),
        ("16_edge_warm_predict", "EdgeWarmingNode"),
        ("21_res_analyzer", "ResourceAnalyzerNode"),
    ] {
        let issues = build(name).expect_err("the type is not built");
        let issue = issues.errors().next().expect("an issue");
        assert_eq!(issue.code, "node.type.not_built", "{name}: {issue}");
        assert!(issue.message.contains(kind), "{name}: {issue}");
    }
}

#[test]
fn state_is_set_which_fails_there() {
    let told = run_once("19_edge_state");
    let told = told.get("n").expect("n");
    assert_eq!((told.get("success"), told.get("value")), (Some(&value!(true)), Some(&value!(1))));
}

#[test]
fn who_was_elected_proposes_which_fails_there() {
    let told = run_once("13_edge_coord_chain");
    for node in ["c0", "c1", "c2", "c3"] {
        assert_eq!(
            told.get(node).and_then(|node| node.get("success")),
            Some(&value!(true)),
            "{node}: {told:?}"
        );
    }
    let leader = |node: &str| told.get(node).and_then(|node| node.get("leader")).cloned();
    assert_eq!(leader("c0"), leader("c1"));
    let ordered = told.get("c3").and_then(|node| node.get("ordered_events")).expect("events");
    let types: Vec<_> = ordered.as_list().expect("a list").iter().map(|e| e.get("event").cloned()).collect();
    assert_eq!(types, [Some(value!({"type": "a"})), Some(value!({"type": "b"}))]);
}

#[test]
fn every_sample_is_covered_here() {
    let covered = include_str!("samples.rs");
    for entry in std::fs::read_dir(data()).expect("the samples are there") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if let Some(stem) = name.strip_suffix(".result.json") {
            assert!(covered.contains(&format!("\"{stem}\"")), "{stem} is not run by a test");
        }
    }
}
