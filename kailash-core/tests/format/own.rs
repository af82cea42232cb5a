//! Kailash's own form: an example read, written, and its schema.

use kailash_core::{
    exec::FailurePolicy,
    format::{FORMAT, Syntax, read, schema, to_text},
    workflow::Dialect,
};

const ANOMALIES: &str = r#"
format: "1.0"
name: anomalies
description: Finds what stands out.
parameters: { detect: { threshold: 3 } }
on_failure: skip_dependents
timeout_ms: 60000
nodes:
  read: { type: CSVReader, config: { file_path: data.csv }, timeout_ms: 1000, position: [0, 100] }
  detect:
    type: Detector
    retry: { max_attempts: 5, delay_ms: 10, max_delay_ms: 100, backoff: fixed, jitter: none }
  keep.all: { type: Writer, breaker: { failure_threshold: 2 } }
connections:
  - { from: read.data, to: detect.rows }
  - { from: detect.result.count, to: detect.count, cycle: { max_iterations: 10, until: "done == True", id: loop } }
  - { from: read.data, to: { node: keep.all, input: data }, stream: true }
extra: { color: blue }
"#;

#[test]
fn the_own_form_is_read() {
    let document = read(ANOMALIES, Syntax::Yaml).unwrap();
    assert_eq!((document.dialect, document.name.as_str()), (Dialect::Own, "anomalies"));
    assert_eq!(document.on_failure, Some(FailurePolicy::SkipDependents));
    assert_eq!(document.timeout_ms, Some(60_000));
    assert_eq!(document.nodes[0].options.timeout_ms, Some(1000));
    assert_eq!(document.nodes[1].options.retry.as_ref().unwrap().max_attempts, 5);
    let cycle = document.connections[1].cycle.as_ref().unwrap();
    assert_eq!((cycle.max_iterations, cycle.convergence.as_deref()), (10, Some("done == True")));
    assert_eq!(document.connections[1].output, "result.count");
    assert_eq!((document.connections[2].to.as_str(), document.connections[2].stream), ("keep.all", true));
    assert_eq!(document.note("color"), Some("blue"));
    assert_eq!(document.note("description"), Some("Finds what stands out."));
}

#[test]
fn the_own_form_is_written_in_the_order_people_expect() {
    let document = read(ANOMALIES, Syntax::Yaml).unwrap();
    insta::assert_snapshot!("own_yaml", to_text(&document, Dialect::Own, Syntax::Yaml).unwrap());
    insta::assert_snapshot!("own_json", to_text(&document, Dialect::Own, Syntax::Json).unwrap());
    insta::assert_snapshot!("own_as_export", to_text(&document, Dialect::Export, Syntax::Yaml).unwrap());
}

#[test]
fn the_same_document_is_read_from_json_and_yaml() {
    let document = read(ANOMALIES, Syntax::Yaml).unwrap();
    let json = to_text(&document, Dialect::Own, Syntax::Json).unwrap();
    assert_eq!(read(&json, Syntax::Json).unwrap(), document);
    assert_eq!(read(&json, Syntax::Yaml).unwrap(), document, "JSON is YAML too");
}

#[test]
fn the_schema_describes_every_field() {
    insta::assert_json_snapshot!("schema", schema());
    assert_eq!(FORMAT.to_string(), "1.0");
}

#[test]
fn a_file_is_yaml_by_its_name() {
    let of = |name: &str| Syntax::of_path(name.as_ref());
    assert_eq!((of("a.yaml"), of("a.YML")), (Syntax::Yaml, Syntax::Yaml));
    assert_eq!((of("a.json"), of("a")), (Syntax::Json, Syntax::Json));
}
