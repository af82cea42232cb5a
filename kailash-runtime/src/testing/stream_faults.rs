//! Streams that fail, are cancelled, or could never work.

use kailash_core::{
    Error, RunStatus,
    node::Lift,
    value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Lab, codes, failures, out, unfinished},
    node::{Node, one},
    streams::{count_to, counted, failing_after, stage, sum},
    tools::{Counter, Gate},
};

pub(super) async fn a_failed_consumer_stops_its_producer_and_is_named(make: Make) {
    let mut lab = Lab::new(&make);
    lab.settings.on_failure = kailash_core::exec::FailurePolicy::SkipDependents;
    let sent = Counter::default();
    lab.node("count", counted(&sent).set("to", 1_000_000_000_i64)).node("also", sum());
    lab.node("fails", failing_after(2, || Err(Error::node("test.stage", "two are enough"))))
        .node("after", Node::add());
    lab.stream("count.out", "also.items").stream("count.out", "fails.items").wire("also.out", "after.a");
    lab.node("beside", Node::give(1));
    let ended = lab.unfinished().await;
    assert_eq!(failures(&ended), [("fails", "test.stage")], "not the producer whose link was closed");
    assert!(sent.get() < 100, "the producer stopped: {}", sent.get());
    assert_eq!(super::lab::skipped(&ended.results), ["after"]);
    assert_eq!(*out(&ended.results, "beside"), value!(1));
}

pub(super) async fn a_failed_source_is_named(make: Make) {
    let mut lab = Lab::new(&make);
    // A number that is no integer fails the opening of the source.
    lab.node("count", count_to().set("to", "text")).node("sum", sum()).stream("count.out", "sum.items");
    assert_eq!(failures(&lab.unfinished().await), [("count", "input.kind")]);
}

pub(super) async fn a_panic_in_a_stage_fails_its_node(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 1_000_000_000_i64))
        .node("panics", failing_after(3, || panic!("in a stage")));
    lab.stream("count.out", "panics.items");
    let ended = lab.unfinished().await;
    assert_eq!(failures(&ended), [("panics", "node.panic")]);
    assert!(ended.error.message().contains("in a stage"), "{}", ended.error);
}

pub(super) async fn a_lifted_body_that_fails_is_named(make: Make) {
    let mut lab = Lab::new(&make);
    let fails = Node::inline(|inputs, _| match inputs.int(0)? {
        Some(5) => Err(Error::node("test.five", "no fives")),
        n => one(n.unwrap_or(0)),
    });
    lab.node("count", count_to().set("to", 1_000_000_000_i64))
        .node("fails", fails.needs(&["x"]).lifted(Lift::PerItem));
    lab.node("sum", sum()).stream("count.out", "fails.x").stream("fails.out", "sum.items");
    assert_eq!(failures(&lab.unfinished().await), [("fails", "test.five")]);
}

pub(super) async fn a_stream_is_cancelled_midway(make: Make) {
    let mut lab = Lab::new(&make);
    let (begun, dropped) = (Gate::default(), Gate::default());
    let (opened, on_drop) = (begun.clone(), dropped.clone());
    let each = move || {
        let (opened, guard) = (opened.clone(), on_drop.on_drop());
        move |_: usize, _| {
            let _held = &guard;
            opened.open(1);
            Ok(Vec::new())
        }
    };
    lab.node("count", count_to().set("to", i64::MAX - 1))
        .node("sink", stage(each, None))
        .stream("count.out", "sink.items");
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    begun.pass().await;
    handle.cancel();
    assert_eq!(unfinished(handle.await).status, RunStatus::Cancelled);
    dropped.pass().await;
}

pub(super) async fn a_stream_ends_at_the_time_limit_of_its_run(make: Make) {
    let mut lab = Lab::new(&make);
    lab.settings.timeout = Some(std::time::Duration::from_millis(100));
    lab.node("count", count_to().set("to", i64::MAX - 1)).node("sum", sum()).stream("count.out", "sum.items");
    let began = std::time::Instant::now();
    let ended = lab.unfinished().await;
    println!("a limit of 100 ms answered after {:?}", began.elapsed());
    assert!(began.elapsed() < std::time::Duration::from_millis(300));
    assert_eq!(ended.error.kind(), kailash_core::ErrorKind::Timeout);
}

pub(super) async fn a_stream_around_a_node_that_does_not_stream_is_refused(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 3)).node("between", Node::pass());
    lab.node("sum", sum().takes(&["items", "extra"])).node("behind", Node::pass());
    lab.stream("count.out", "sum.items").wire("count.out", "between.x").wire("between.out", "sum.extra");
    lab.wire("sum.out", "behind.x");
    let issues = lab.refused(Params::new()).await;
    assert_eq!(codes(&issues), ["connection.stream"]);
    let place = issues.0[0].place.as_deref().unwrap_or("");
    assert!(!place.contains("behind"), "a node of the loop is named, not one behind it: {issues:?}");
}

pub(super) async fn a_whole_value_beside_a_stream_between_the_same_nodes_is_refused(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 3)).node("sum", sum().takes(&["items", "extra"]));
    lab.stream("count.out", "sum.items").wire("count.out", "sum.extra");
    let issues = lab.refused(Params::new()).await;
    assert_eq!(codes(&issues), ["connection.stream"]);
    assert_eq!(issues.0[0].place.as_deref(), Some("node `sum`"));
}

pub(super) async fn a_stream_into_a_cycle_is_refused(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 3))
        .node("sum", sum().takes(&["items", "extra"]))
        .node("back", Node::pass());
    lab.stream("count.out", "sum.items").wire("sum.out", "back.x").back(
        "back.out",
        "sum.extra",
        CycleDraft::new(3),
    );
    assert_eq!(codes(&lab.refused(Params::new()).await), ["connection.stream"]);
}

pub(super) async fn a_lifted_body_takes_one_stream_only(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("a", count_to().set("to", 3)).node("b", count_to().set("to", 3));
    lab.node("add", Node::add().lifted(Lift::PerItem)).node("sum", sum());
    lab.stream("a.out", "add.a").stream("b.out", "add.b").stream("add.out", "sum.items");
    assert_eq!(codes(&lab.refused(Params::new()).await), ["connection.stream"]);
}

pub(super) async fn a_node_that_cannot_stream_is_refused(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("whole", Node::give(1)).node("sum", sum()).stream("whole.out", "sum.items");
    assert_eq!(codes(&lab.refused(Params::new()).await), ["connection.stream"]);
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 3)).node("whole", Node::pass()).stream("count.out", "whole.x");
    assert_eq!(codes(&lab.refused(Params::new()).await), ["connection.stream"]);
}

pub(super) async fn options_that_a_stage_could_not_honour_are_refused(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 3).timeout_ms(50))
        .node("sum", sum())
        .stream("count.out", "sum.items");
    assert_eq!(codes(&lab.refused(Params::new()).await), ["node.options"]);
}
