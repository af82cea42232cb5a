//! The workflows that the page is tested with.

/// Takes inputs of several kinds, takes its time, and has a branch that is skipped.
pub(crate) const REPORT: (&str, &str) = (
    "report.yaml",
    r#"
format: "1.0"
name: daily-report
nodes:
  readings: { type: Expression, config: { expression: "[12, 18, 7, 31, 4]" } }
  scale: { type: Expression, config: { expression: "{'total': values | sum * factor, 'note': note}" } }
  pause: { type: Delay, config: { seconds: 0.6 } }
  check: { type: Switch, config: { condition_field: total, operator: ">", value: 50 } }
  large: { type: Expression, config: { expression: "{'alert': true, 'note': item.note, 'total': item.total}" } }
  small: { type: Expression, config: { expression: "{'alert': false}" } }
connections:
  - { from: readings.result, to: scale.values }
  - { from: scale.result, to: pause.data }
  - { from: pause.data, to: check.input_data }
  - { from: check.true_output, to: large.item }
  - { from: check.false_output, to: small.item }
parameters: { scale: { factor: 1, note: "" } }
"#,
);

/// Fails, and the error has a hint.
pub(crate) const ORDERS: (&str, &str) = (
    "orders.yaml",
    r#"
format: "1.0"
name: import-orders
nodes:
  read: { type: JSONReader, config: { file_path: flows } }
  count: { type: Expression, config: { expression: "rows | length" } }
connections:
  - { from: read.data, to: count.rows }
"#,
);

/// Waits for a signal.
pub(crate) const APPROVAL: (&str, &str) = (
    "approval.yaml",
    r#"
format: "1.0"
name: approval
nodes:
  ask: { type: SignalWait, config: { signal_name: approved } }
  done: { type: Expression, config: { expression: "'approved by ' ~ item" } }
connections:
  - { from: ask.signal_data, to: done.item }
"#,
);

/// Turns in a cycle.
pub(crate) const SEARCH: (&str, &str) = (
    "search.yaml",
    r#"
format: "1.0"
name: threshold-search
nodes:
  raise: { type: Expression, config: { expression: "(t if t is defined else 0) + 1" } }
  judge: { type: Expression, config: { expression: "{'t': item, 'share': 1 / item}" } }
connections:
  - { from: raise.result, to: judge.item }
  - { from: judge.result.t, to: raise.t, cycle: { max_iterations: 200, until: "share < 0.05" } }
"#,
);

/// Whose names are markup.
pub(crate) const HOSTILE: (&str, &str) = (
    "hostile.json",
    r#"{"format": "1.0", "name": "hostile", "nodes": {
        "<img src=x onerror=hacked=1>": {"type": "Expression", "config": {"expression": "item"}},
        "</title><script>hacked=1</script>": {"type": "Expression", "config": {"expression": "x"}}},
      "connections": [{"from": {"node": "<img src=x onerror=hacked=1>", "output": "result"},
        "to": {"node": "</title><script>hacked=1</script>", "input": "x"}}]}"#,
);

/// Whose failure is markup.
pub(crate) const HOSTILE_FAILURE: (&str, &str) = (
    "failure.json",
    r#"{"format": "1.0", "name": "hostile-failure", "nodes": {
        "<b>": {"type": "CSVReader", "config": {"file_path": "<b onclick=hacked=1>"}}}, "connections": []}"#,
);
