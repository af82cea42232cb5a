//! What a failed node means for the rest of a run.

use kailash_core::{RunStatus, exec::FailurePolicy, value, workflow::Params};

use super::{
    Make,
    lab::{Lab, failures, out, skipped, unfinished},
    node::{FLAVOURS, Node, one},
    tools::{Counter, Gate},
};
use crate::NodeStatus;

pub(super) async fn fail_fast_gives_up_what_is_under_way_and_starts_nothing_more(make: Make) {
    let mut lab = Lab::new(&make);
    let (dropped, after) = (Gate::default(), Counter::default());
    let (on_drop, counted, begun) = (dropped.clone(), after.clone(), Gate::default());
    let began = begun.clone();
    lab.node("first", Node::give(1));
    lab.node(
        "waits",
        Node::future(move |_, _| {
            let guard = on_drop.on_drop();
            let began = began.clone();
            async move {
                began.open(1);
                std::future::pending::<()>().await;
                drop(guard);
                one(1)
            }
        }),
    );
    lab.node(
        "fails",
        Node::future(move |_, _| {
            let begun = begun.clone();
            async move {
                begun.pass().await;
                Err(kailash_core::Error::node("test.fails", "on purpose"))
            }
        }),
    );
    lab.node(
        "after",
        Node::inline(move |_, _| {
            counted.hit();
            one(1)
        })
        .takes(&["x"]),
    );
    lab.wire("fails.out", "after.x");
    let ended = lab.unfinished().await;
    dropped.pass().await;
    assert_eq!(ended.status, RunStatus::Failed);
    assert_eq!(failures(&ended), [("fails", "test.fails")]);
    assert_eq!(*out(&ended.results, "first"), value!(1), "partial results are kept");
    assert_eq!(skipped(&ended.results), ["waits", "after"]);
    assert_eq!(ended.results.status("fails"), Some(NodeStatus::Failed));
    assert_eq!(after.get(), 0);
}

pub(super) async fn skip_dependents_skips_what_depends_and_runs_the_rest(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        lab.settings.on_failure = FailurePolicy::SkipDependents;
        let fails = Node::with(flavour, |_, _| Err(kailash_core::Error::node("test.fails", "on purpose")));
        lab.node("fails", fails).node("after", Node::add()).node("last", Node::add());
        lab.node("beside", Node::give(1)).node("joined", Node::add()).node("free", Node::pass());
        lab.wire("fails.out", "after.a").wire("after.out", "last.a").wire("beside.out", "free.x");
        lab.wire("beside.out", "joined.a").wire("last.out", "joined.b");
        let ended = lab.unfinished().await;
        assert_eq!(failures(&ended), [("fails", "test.fails")], "{flavour:?}");
        assert_eq!(skipped(&ended.results), ["after", "last", "joined"], "{flavour:?}");
        assert_eq!(*out(&ended.results, "free"), value!(1));
        assert_eq!(ended.status, RunStatus::Failed);
    }
}

pub(super) async fn continue_runs_what_can_do_without_the_failed_node(make: Make) {
    let mut lab = Lab::new(&make);
    lab.settings.on_failure = FailurePolicy::Continue;
    lab.node("fails", Node::fail("test.fails")).node("one", Node::give(1));
    lab.node("optional", Node::add()).wire("fails.out", "optional.a").wire("one.out", "optional.b");
    lab.node("alone", Node::add()).wire("fails.out", "alone.a");
    lab.node("config", Node::pass().set("x", "config")).wire("fails.out", "config.x");
    lab.node("required", Node::pass()).wire("fails.out", "required.x");
    lab.node("behind", Node::add()).wire("required.out", "behind.a");
    let ended = lab.unfinished().await;
    assert_eq!(ended.status, RunStatus::Failed, "a run whose node failed is never called completed");
    assert_eq!(failures(&ended), [("fails", "test.fails")]);
    assert_eq!(*out(&ended.results, "optional"), value!(1));
    assert_eq!(*out(&ended.results, "alone"), value!(0), "its only input is optional: it runs");
    assert_eq!(*out(&ended.results, "config"), value!("config"));
    assert_eq!(skipped(&ended.results), ["required", "behind"]);
}

pub(super) async fn a_failing_leaf_fails_the_run(make: Make) {
    for policy in [FailurePolicy::FailFast, FailurePolicy::SkipDependents, FailurePolicy::Continue] {
        let mut lab = Lab::new(&make);
        lab.settings.on_failure = policy;
        lab.node("fine", Node::give(1)).node("leaf", Node::fail("test.leaf")).wire("fine.out", "leaf.x");
        let ended = lab.unfinished().await;
        assert_eq!((ended.status, ended.error.code()), (RunStatus::Failed, "test.leaf"), "{policy:?}");
        assert_eq!(*out(&ended.results, "fine"), value!(1));
    }
}

pub(super) async fn every_failure_is_told(make: Make) {
    for policy in [FailurePolicy::SkipDependents, FailurePolicy::Continue] {
        let mut lab = Lab::new(&make);
        lab.settings.on_failure = policy;
        lab.node("a", Node::fail("test.a")).node("b", Node::fail("test.b")).node("c", Node::give(1));
        let outcome = lab.run_with(Params::new()).await;
        let shown = outcome.as_ref().expect_err("the run fails").to_string();
        assert!(shown.contains("(and 1 more)"), "{shown}");
        assert_eq!(failures(&unfinished(outcome)), [("a", "test.a"), ("b", "test.b")], "{policy:?}");
    }
}

pub(super) async fn a_workflows_own_policy_goes_before_the_settings(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("fails", Node::fail("test.fails")).node("mid", Node::give(1)).node("after", Node::pass());
    lab.wire("mid.out", "after.x");
    lab.builder.on_failure(FailurePolicy::SkipDependents);
    assert_eq!(*out(&lab.unfinished().await.results, "after"), value!(1));
}

pub(super) async fn consumed_values_are_dropped_on_failure_too(make: Make) {
    let mut lab = Lab::new(&make);
    lab.settings.on_failure = FailurePolicy::Continue;
    lab.settings.keep = crate::Keep::Leaves;
    lab.node("value", Node::give(5)).node("fails", Node::fail("test.fails")).node("pass", Node::pass());
    lab.wire("value.out", "fails.x").wire("value.out", "pass.x");
    let ended = lab.unfinished().await;
    assert_eq!(*out(&ended.results, "pass"), value!(5));
    assert_eq!(ended.results.get("value", "out"), None, "consumed");
}
