//! A board that is fed with fixed times, and what is shown of it.

use std::time::Duration;

use insta::assert_snapshot;
use kailash_core::{ErrorKind, Event, RunId, RunStatus, event::What, exec::Timestamp};

use super::{
    board::Board,
    client::{Head, Past},
    feed::Standing,
    picture::{Canvas, lasted},
};
use crate::cli::{remote::Message, term::Paint};

const URL: &str = "http://127.0.0.1:8470";
const A: RunId = RunId::from_u128(0xa);
const B: RunId = RunId::from_u128(0xb);
const C: RunId = RunId::from_u128(0xc);
/// How far the clock here is ahead of the host's, in milliseconds: whatever it is, nobody may see it.
const AHEAD: i64 = 7_200_000;

fn host(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000 + millis)
}

fn here(millis: i64) -> Timestamp {
    host(millis + AHEAD)
}

/// Feeds a board, each event at its time.
struct Feeding(Board);

impl Feeding {
    fn new(only: Option<RunId>) -> Self {
        Self(Board::new(only))
    }

    fn tell(&mut self, millis: i64, run: RunId, unit: Option<&str>, attempt: u32, what: What) {
        let attempt = unit.map(|_| attempt);
        let event = Event { v: 1, run, seq: 0, at: host(millis), unit: unit.map(Into::into), attempt, what };
        let data = serde_json::to_string(&event).unwrap();
        self.0.hear(&Message { event: "event".into(), data }, here(millis));
    }

    fn begin(&mut self, millis: i64, run: RunId, workflow: &str, nodes: usize) {
        self.tell(millis, run, None, 1, What::RunStarted { workflow: workflow.into(), nodes });
    }

    fn end(&mut self, millis: i64, run: RunId, status: RunStatus) {
        self.tell(millis, run, None, 1, What::RunFinished { status, duration_ms: 1.0 });
    }

    fn start(&mut self, millis: i64, run: RunId, unit: &str) {
        self.tell(millis, run, Some(unit), 1, What::NodeStarted);
    }

    fn finish(&mut self, millis: i64, run: RunId, unit: &str, duration_ms: f64) {
        self.tell(millis, run, Some(unit), 1, What::NodeFinished { duration_ms });
    }

    fn fail(&mut self, millis: i64, run: RunId, unit: &str) {
        let message = "no route to \u{1b}[31mhost".into();
        let what = What::NodeFailed { kind: ErrorKind::Unavailable, code: "sql.connect".into(), message };
        self.tell(millis, run, Some(unit), 1, what);
    }

    fn lag(&mut self, missed: u64) {
        let data = format!("{{\"missed\":{missed}}}");
        self.0.hear(&Message { event: "lagged".into(), data }, here(0));
    }

    fn shown(&self, millis: i64, width: usize, height: usize) -> String {
        let canvas = Canvas { width, height, paint: Paint::none() };
        let lines = canvas.lines(&self.0, URL, here(millis));
        assert!(lines.len() <= height, "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:#?}");
        lines.join("\n")
    }
}

fn head(run_id: RunId, workflow: &str, status: RunStatus, began: i64, ended: Option<i64>) -> Head {
    Head { run_id, workflow_id: workflow.into(), status, began: host(began), ended: ended.map(host) }
}

fn busy() -> Feeding {
    let mut fed = Feeding::new(None);
    fed.begin(0, A, "ingest", 12);
    fed.start(10, A, "read");
    fed.finish(60, A, "read", 50.0);
    fed.start(70, A, "load");
    fed.start(80, A, "count#17");
    fed.begin(40_000, B, "report for the morning", 3);
    fed.start(40_100, B, "send");
    fed.fail(40_200, B, "send");
    fed.begin(50_000, C, "export", 2);
    fed.fail(50_300, C, "connect");
    fed.end(50_400, C, RunStatus::Failed);
    fed
}

#[test]
fn runs_under_way_and_those_that_ended_have_a_line_each() {
    let fed = busy();
    assert_snapshot!(fed.shown(64_000, 100, 20));
}

#[test]
fn a_small_terminal_shows_what_fits_and_says_what_does_not() {
    let mut fed = busy();
    for run in 100..140 {
        fed.begin(51_000, RunId::from_u128(run), "many", 1);
    }
    assert_snapshot!(fed.shown(64_000, 60, 10));
    for (width, height) in (50..120).zip(0..40) {
        fed.shown(64_000, width, height);
    }
}

#[test]
fn the_nodes_of_a_run_have_a_line_each() {
    let mut fed = Feeding::new(Some(A));
    fed.begin(0, A, "ingest", 9);
    fed.begin(0, B, "another", 1);
    fed.start(10, A, "read");
    fed.finish(60, A, "read", 50.0);
    fed.start(70, A, "load");
    let progress = What::NodeProgress { message: "rows".into(), done: 5000, total: Some(12_000) };
    fed.tell(80, A, Some("load"), 1, progress);
    fed.start(90, A, "post");
    let again = What::NodeRetrying { message: "connection refused".into(), delay_ms: 500.0 };
    fed.tell(200, A, Some("post"), 1, again);
    fed.start(90, A, "each");
    for item in ["each/item", "each/item[1]", "each/item[2]"] {
        fed.start(95, A, item);
        fed.finish(96, A, item, 1.0);
    }
    let suspended = What::NodeSuspended { until: Some(host(3_600_000)), signal: Some("go".into()) };
    fed.tell(100, A, Some("wait"), 1, suspended);
    fed.tell(110, A, Some("audit"), 1, What::NodeSkipped);
    fed.start(110, A, "write");
    fed.fail(120, A, "write");
    assert_snapshot!(fed.shown(61_000, 100, 20));
    fed.end(62_000, A, RunStatus::Failed);
    assert_eq!(fed.0.over(), Some(RunStatus::Failed));
    assert_snapshot!(fed.shown(99_000, 100, 20));
    assert_snapshot!(fed.shown(99_000, 50, 7));
}

#[test]
fn a_run_that_began_before_says_that_it_knows_only_a_part() {
    let mut fed = Feeding::new(None);
    fed.0.stands(&Standing { runs: vec![head(A, "ingest", RunStatus::Running, 0, None)], past: Vec::new() });
    fed.finish(5_000, A, "load", 10.0);
    assert!(
        fed.shown(5_000, 100, 9).contains("ingest       5.0 s         1+"),
        "{}",
        fed.shown(5_000, 100, 9)
    );
    fed.begin(5_000, B, "new", 2);
    assert!(fed.shown(5_000, 100, 9).contains("0/2"));
    fed.lag(1234);
    assert!(fed.shown(5_000, 100, 9).contains("0+/2"), "events were missed");
    assert!(fed.shown(5_000, 100, 9).contains("lagged: 1234 events"));
}

#[test]
fn what_the_journal_knows_of_the_run_that_is_watched_is_taken_up() {
    let past = |what: &str, unit: &str| Past {
        what: what.into(),
        unit: Some(unit.into()),
        code: None,
        signal: None,
        at: None,
    };
    let mut fed = Feeding::new(Some(A));
    let known = vec![
        past("started", "read"),
        past("done", "read"),
        past("started", "post"),
        past("done", "each/item"),
    ];
    fed.0.stands(&Standing { runs: vec![head(A, "ingest", RunStatus::Running, 0, None)], past: known });
    let shown = fed.shown(1_000, 100, 9);
    assert!(shown.contains("✓ read") && shown.contains("▸ post") && shown.contains("▸ each"), "{shown}");
    assert!(shown.contains("1 done"), "{shown}");
}

#[test]
fn what_ended_unheard_is_put_away_and_old_events_do_not_wake_it() {
    let mut fed = busy();
    let standing = vec![
        head(B, "report", RunStatus::Running, 40_000, None),
        head(A, "ingest", RunStatus::Completed, 0, Some(60_000)),
    ];
    fed.0.stands(&Standing { runs: standing, past: Vec::new() });
    fed.start(59_000, A, "late");
    let ids = |runs: Vec<&super::row::Run>| runs.iter().map(|run| run.id).collect::<Vec<_>>();
    assert_eq!(ids(fed.0.under_way.values().collect()), [B]);
    assert_eq!(ids(fed.0.ended.iter().collect()), [A, C]);
    fed.0.stands(&Standing { runs: Vec::new(), past: Vec::new() });
    assert!(fed.0.under_way.is_empty(), "the host forgot it");
}

#[test]
fn a_lost_host_is_told_with_when_it_is_asked_again() {
    let mut fed = busy();
    fed.0.lose("the host ended the stream of events", here(60_000), Duration::from_secs(4));
    assert!(fed.shown(61_500, 100, 20).contains("the host ended the stream of events: again in 3 s"));
    fed.0.stands(&Standing { runs: Vec::new(), past: Vec::new() });
    assert!(!fed.shown(61_500, 100, 20).contains("again in"));
}

#[test]
fn a_suspended_run_stays_and_goes_on() {
    let mut fed = Feeding::new(Some(A));
    fed.begin(0, A, "approve", 2);
    fed.tell(10, A, Some("wait"), 1, What::NodeSuspended { until: None, signal: Some("go".into()) });
    fed.tell(20, A, None, 1, What::RunSuspended { until: None, signals: vec!["go".into()] });
    assert_eq!(fed.0.over(), None);
    assert!(fed.shown(1_000, 100, 9).contains("suspended"), "{}", fed.shown(1_000, 100, 9));
    fed.tell(5_000, A, None, 1, What::RunResumed { workflow: "approve".into(), nodes: 2 });
    fed.tell(5_001, A, Some("wait"), 1, What::NodeWoken { signal: true });
    fed.finish(5_002, A, "wait", 1.0);
    fed.end(5_003, A, RunStatus::Completed);
    assert_eq!(fed.0.over(), Some(RunStatus::Completed));
    assert!(
        fed.shown(9_000, 100, 9).contains("completed  5.0 s"),
        "from its first beginning: {}",
        fed.shown(9_000, 100, 9)
    );
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    let mut fed = Feeding::new(None);
    for millis in 0..50 {
        fed.start(10_000 + millis * 20, A, "x");
    }
    assert!((fed.0.rate(here(11_000)) - 10.0).abs() < 0.01, "{}", fed.0.rate(here(11_000)));
    assert!(fed.0.rate(here(20_000)) < 0.01);
}

#[test]
fn what_is_not_known_here_is_passed_over() {
    let mut fed = busy();
    fed.lag(0);
    let before = fed.shown(64_000, 100, 20);
    for data in ["", "[]", "{\"type\":\"node.dreamed\"}", "{\"missed\":"] {
        fed.0.hear(&Message { event: "node.dreamed".into(), data: data.into() }, here(64_000));
        fed.0.hear(&Message { event: "lagged".into(), data: data.into() }, here(64_000));
    }
    assert_eq!(fed.shown(64_000, 100, 20), before);
}

#[test]
fn memory_is_bounded_however_many_runs_there_are() {
    let mut fed = Feeding::new(None);
    for run in 0..6_000 {
        fed.begin(0, RunId::from_u128(run), "many", 1);
    }
    assert_eq!(fed.0.under_way.len(), 4096);
    for run in 0..6_000 {
        fed.end(1, RunId::from_u128(run), RunStatus::Completed);
    }
    assert_eq!((fed.0.under_way.len(), fed.0.ended.len()), (0, 50));
}

#[test]
fn times_have_at_most_eight_columns() {
    let said = [2.3, 999.4, 59_960.0, 61_000.0, 7_260_000.0, 180_000_000.0];
    let said = said.map(|millis: f64| lasted(Duration::from_secs_f64(millis / 1e3)));
    assert_eq!(said, ["2.3 ms", "999 ms", "60.0 s", "1m 01s", "2h 01m", "2d 02h"]);
    assert!(said.iter().all(|text| text.len() <= 8));
}
