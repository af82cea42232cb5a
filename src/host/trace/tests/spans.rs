//! Spans out of events.

use kailash_core::{ErrorKind, Event, RunId, RunStatus, Text, event::What, exec::Timestamp};
use kailash_runtime::Hook;
use tracing::{level_filters::LevelFilter, subscriber::set_default};

use super::{
    super::{NODES, RUNS, Spans, TraceParent, spans::name},
    recorder::Recorder,
};

const A: RunId = RunId::from_u128(0xa);
const B: RunId = RunId::from_u128(0xb);

struct Lab {
    spans: Spans,
    hook: Hook,
}

impl Lab {
    fn new(spans: Spans) -> Self {
        Self { hook: spans.hook(), spans }
    }

    fn tell(&self, run: RunId, unit: Option<&str>, attempt: Option<u32>, what: What) {
        let unit = unit.map(Text::from);
        (self.hook)(&Event { v: 1, run, seq: 0, at: Timestamp::from_unix_millis(0), unit, attempt, what });
    }

    fn begin(&self, run: RunId) {
        self.tell(run, None, None, What::RunStarted { workflow: "ingest".into(), nodes: 3 });
    }

    fn end(&self, run: RunId, status: RunStatus) {
        self.tell(run, None, None, What::RunFinished { status, duration_ms: 12.5 });
    }

    fn start(&self, run: RunId, unit: &str, attempt: u32) {
        self.tell(run, Some(unit), Some(attempt), What::NodeStarted);
    }

    fn finish(&self, run: RunId, unit: &str) {
        self.tell(run, Some(unit), Some(1), What::NodeFinished { duration_ms: 1.5 });
    }
}

fn failed() -> What {
    let message = "the password hunter2 is wrong".into();
    What::NodeFailed { kind: ErrorKind::Denied, code: "sql.connect".into(), message }
}

fn retrying() -> What {
    What::NodeRetrying { message: "the password hunter2 is wrong".into(), delay_ms: 10.0 }
}

#[test]
fn a_run_is_a_span_and_an_attempt_at_a_node_is_one_in_it() {
    let recorder = Recorder::new(LevelFilter::DEBUG);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::default());
    lab.begin(A);
    lab.start(A, "read", 1);
    lab.finish(A, "read");
    lab.end(A, RunStatus::Completed);
    let [run, read] = recorder.spans().try_into().unwrap();
    assert_eq!((run.name, run.target.as_str(), run.parent), ("run", RUNS, None));
    assert_eq!(run.field("run_id"), Some(A.to_string().as_str()));
    assert_eq!((run.field("workflow"), run.field("nodes")), (Some("ingest"), Some("3")));
    assert_eq!((run.field("status"), run.field("duration_ms")), (Some("completed"), Some("12.5")));
    assert_eq!((read.name, read.target.as_str(), read.parent), ("node", NODES, Some(0)));
    assert_eq!((read.field("unit"), read.field("attempt")), (Some("read"), Some("1")));
    assert_eq!((read.field("outcome"), read.field("duration_ms")), (Some("finished"), Some("1.5")));
    assert!(run.began <= read.began && read.began <= read.ended.unwrap() && read.ended <= run.ended);
    assert_eq!(lab.spans.kept(), (0, 0, 0));
}

#[test]
fn every_attempt_has_a_span_and_no_message_is_in_one() {
    let recorder = Recorder::new(LevelFilter::DEBUG);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::default());
    lab.begin(A);
    lab.start(A, "read", 1);
    lab.tell(A, Some("read"), Some(1), retrying());
    assert!(
        recorder.with("attempt", "1")[0].ended.is_some(),
        "the wait before the next attempt is none of it"
    );
    lab.start(A, "read", 2);
    lab.tell(A, Some("read"), None, failed());
    lab.end(A, RunStatus::Failed);
    let outcomes: Vec<_> =
        recorder.with("unit", "read").iter().map(|span| span.fields["outcome"].clone()).collect();
    assert_eq!(outcomes, ["retried", "failed"]);
    let last = &recorder.with("attempt", "2")[0];
    assert_eq!((last.field("error.kind"), last.field("error.type")), (Some("denied"), Some("sql.connect")));
    assert!(last.fields.contains_key("duration_ms"), "its event tells none, but the span does");
    let erred = recorder.with("otel.status_code", "ERROR");
    assert_eq!(erred.len(), 3, "both attempts and the run");
    assert!(!format!("{:?}", recorder.spans()).contains("hunter2"));
}

#[test]
fn a_suspended_node_ends_its_span_and_a_resumed_run_is_another_one() {
    let recorder = Recorder::new(LevelFilter::DEBUG);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::default());
    lab.begin(A);
    lab.start(A, "wait", 1);
    lab.tell(A, Some("wait"), Some(1), What::NodeSuspended { until: None, signal: Some("go".into()) });
    lab.tell(A, None, None, What::RunSuspended { until: None, signals: vec!["go".into()] });
    assert!(recorder.spans().iter().all(|span| span.ended.is_some()));
    lab.begin(A);
    lab.tell(A, Some("wait"), None, What::NodeWoken { signal: true });
    lab.start(A, "wait", 1);
    lab.finish(A, "wait");
    lab.end(A, RunStatus::Completed);
    let runs = recorder.with("run_id", &A.to_string());
    assert_eq!((runs[0].field("status"), runs[1].field("status")), (Some("suspended"), Some("completed")));
    let waits = recorder.with("unit", "wait");
    assert_eq!((waits[0].field("outcome"), waits[1].field("outcome")), (Some("suspended"), Some("finished")));
    assert_eq!((waits[0].parent, waits[1].parent), (Some(0), Some(2)));
    assert_eq!(lab.spans.kept(), (0, 0, 0));
}

#[test]
fn skipped_nodes_are_counted_and_what_never_began_still_tells_its_failure() {
    let recorder = Recorder::new(LevelFilter::DEBUG);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::default());
    lab.begin(A);
    lab.tell(A, Some("cycle"), None, failed());
    lab.tell(A, Some("after"), None, What::NodeSkipped);
    lab.tell(A, Some("last"), None, What::NodeSkipped);
    lab.end(A, RunStatus::Failed);
    let [run, cycle] = recorder.spans().try_into().unwrap();
    assert_eq!(run.field("skipped"), Some("2"));
    assert_eq!(
        (cycle.field("unit"), cycle.field("outcome"), cycle.field("attempt")),
        (Some("cycle"), Some("failed"), None)
    );
}

#[test]
fn what_stands_inside_a_node_is_a_child_of_its_span() {
    let recorder = Recorder::new(LevelFilter::DEBUG);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::default());
    lab.begin(A);
    lab.tell(A, Some("each"), None, What::NodeStarted);
    lab.start(A, "each/item[1]", 1);
    lab.finish(A, "each/item[1]");
    lab.finish(A, "each");
    lab.start(A, "each/late", 1);
    lab.end(A, RunStatus::Completed);
    let spans = recorder.spans();
    assert_eq!((spans[1].field("unit"), spans[1].parent), (Some("each"), Some(0)));
    assert_eq!((spans[2].field("unit"), spans[2].parent), (Some("each/item[1]"), Some(1)));
    assert_eq!((spans[3].field("unit"), spans[3].parent), (Some("each/late"), Some(0)));
    assert_eq!(spans[2].field("otel.name"), Some("each/item"));
}

#[test]
fn the_end_of_a_run_ends_what_was_under_way_in_it_and_nothing_else() {
    let recorder = Recorder::new(LevelFilter::DEBUG);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::default());
    lab.begin(A);
    lab.begin(B);
    lab.start(A, "slow", 1);
    lab.start(B, "slow", 1);
    lab.end(A, RunStatus::Cancelled);
    lab.finish(A, "slow");
    let slow = recorder.with("unit", "slow");
    assert_eq!((slow[0].parent, slow[0].field("outcome")), (Some(0), Some("given_up")));
    assert_eq!((slow[1].parent, slow[1].ended), (Some(1), None));
    assert_eq!(recorder.spans()[0].field("otel.status_code"), None, "nothing went wrong");
    assert_eq!(lab.spans.kept(), (2, 1, 0));
}

#[test]
fn without_a_subscriber_that_wants_them_nothing_is_kept() {
    let recorder = Recorder::new(LevelFilter::INFO);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::default());
    lab.spans.asked_for(A, TraceParent { trace: 1, span: 2, sampled: true });
    lab.begin(A);
    lab.start(A, "read", 1);
    assert_eq!(lab.spans.kept(), (0, 0, 0));
    lab.finish(A, "read");
    lab.end(A, RunStatus::Completed);
    assert!(recorder.spans().is_empty());
}

#[test]
fn past_the_limit_nodes_and_runs_get_no_span_and_the_run_says_so() {
    let recorder = Recorder::new(LevelFilter::DEBUG);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::with_limit(2));
    lab.begin(A);
    for unit in ["one", "two", "three"] {
        lab.start(A, unit, 1);
    }
    lab.begin(B);
    assert_eq!((lab.spans.kept(), recorder.spans().len()), ((2, 1, 0), 2));
    for unit in ["one", "two", "three"] {
        lab.finish(A, unit);
    }
    lab.end(B, RunStatus::Completed);
    lab.end(A, RunStatus::Completed);
    assert_eq!(recorder.spans()[0].field("spans_missed"), Some("2"));
    lab.begin(B);
    assert_eq!(recorder.spans().len(), 3, "what ended made room");
}

#[test]
fn a_run_knows_the_trace_that_asked_for_it_and_one_that_is_refused_is_forgotten() {
    let recorder = Recorder::new(LevelFilter::DEBUG);
    let _guard = set_default(recorder.clone());
    let lab = Lab::new(Spans::default());
    let parent = TraceParent { trace: 0xabc, span: 2, sampled: true };
    lab.spans.asked_for(A, parent);
    lab.spans.asked_for(B, parent);
    lab.spans.refused(B);
    lab.begin(A);
    assert_eq!(recorder.spans()[0].field("trace_id"), Some("00000000000000000000000000000abc"));
    assert_eq!(lab.spans.kept(), (1, 1, 0));
}

#[test]
fn turns_and_items_of_a_node_are_called_alike() {
    assert_eq!(name("read"), "read");
    assert_eq!(name("inc#4"), "inc");
    assert_eq!(name("outer[2]/inner[7]#1"), "outer/inner");
    assert_eq!(name("a#b[c]"), "a#b[c]");
}
