//! Nested workflows whose failure is a value: what is told, when, and what goes on.

use std::sync::{Arc, OnceLock};

use kailash_core::{
    Error, RunStatus, Value,
    exec::{FailurePolicy, RetryPolicy},
    node::OnItemError,
    value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Flow, Lab, failures, out, skipped, unfinished},
    node::{FLAVOURS, Flavour, Node, one},
    tools::{Counter, Gate},
};
use crate::{NodeStatus, RunControl};

const POLICIES: [FailurePolicy; 3] =
    [FailurePolicy::FailFast, FailurePolicy::SkipDependents, FailurePolicy::Continue];

fn fails(flavour: Flavour) -> Node {
    Node::with(flavour, |_, _| Err(Error::invalid("test.refused", "it is refused").at("line 3")))
        .takes(&["x"])
}

/// `tried.out -> good`, `tried.error -> bad`, where `tried` runs `inner` and gives `tap`.
fn lab(make: &Make, inner: Flow, tap: &str) -> Lab {
    let mut lab = Lab::new(make);
    lab.node("tried", inner.tried(&[], tap)).node("good", Node::pass()).node("bad", Node::pass());
    lab.wire("tried.out", "good.x").wire("tried.error", "bad.x");
    lab
}

/// What `bad` was told of, as code and node.
fn told(results: &crate::Results) -> (&str, &str) {
    let text = |name| out(results, "bad").get(name).and_then(Value::as_str).expect("a text");
    (text("code"), text("node"))
}

pub(super) async fn a_failure_within_is_told_as_a_value(make: Make) {
    for (policy, flavour) in POLICIES.iter().flat_map(|policy| FLAVOURS.map(|flavour| (*policy, flavour))) {
        let mut inner = Flow::new();
        inner.node("fails", fails(flavour)).node("then", Node::pass()).wire("fails.out", "then.x");
        let mut lab = lab(&make, inner, "then.out");
        lab.settings.on_failure = policy;
        let results = lab.ok().await;
        let error = value!({
            "kind": "invalid", "code": "test.refused", "message": "line 3: it is refused", "node": "tried/fails",
        });
        assert_eq!(*out(&results, "bad"), error, "{policy:?} {flavour:?}");
        assert_eq!(skipped(&results), ["good"], "{policy:?} {flavour:?}");
        assert_eq!(results.status("tried"), Some(NodeStatus::Done), "{policy:?} {flavour:?}");
    }
}

pub(super) async fn without_a_failure_the_error_is_a_branch_not_taken(make: Make) {
    for flavour in FLAVOURS {
        let mut inner = Flow::new();
        inner.node("works", Node::with(flavour, |_, _| one(7)));
        let results = lab(&make, inner, "works.out").ok().await;
        assert_eq!((out(&results, "good"), skipped(&results)), (&value!(7), vec!["bad"]), "{flavour:?}");
    }
}

pub(super) async fn what_does_not_depend_on_a_told_failure_ends_before_it_is_told(make: Make) {
    for policy in POLICIES {
        let (failed, calls) = (Gate::default(), Counter::default());
        let (fail, waited, counted) = (failed.clone(), failed, calls.clone());
        let mut inner = Flow::new();
        inner.node(
            "fails",
            Node::future(move |_, _| {
                let opener = fail.on_drop();
                async move {
                    drop(opener);
                    Err(Error::node("test.fails", "at once"))
                }
            }),
        );
        inner.node(
            "slow",
            Node::future(move |_, _| {
                let failed = waited.clone();
                async move {
                    failed.pass().await;
                    for _ in 0..20 {
                        tokio::task::yield_now().await;
                    }
                    one(1)
                }
            }),
        );
        let counting = Node::inline(move |_, _| one(i64::try_from(counted.hit()).unwrap_or(0)));
        inner.node("behind", counting.needs(&["x"])).wire("slow.out", "behind.x");
        let mut lab = lab(&make, inner, "behind.out");
        lab.settings.on_failure = policy;
        let seen = calls.clone();
        let looks = Node::inline(move |_, _| one(i64::try_from(seen.get()).unwrap_or(0)));
        lab.node("looks", looks.needs(&["x"])).wire("tried.error", "looks.x");
        assert_eq!(
            *out(&lab.ok().await, "looks"),
            value!(1),
            "{policy:?}: `behind` ran before the error is told"
        );
    }
}

pub(super) async fn of_several_told_failures_it_is_that_of_the_first_unit_by_its_id(make: Make) {
    for late in ["a", "b"] {
        let order = Gate::default();
        let mut inner = Flow::new();
        for (id, code) in [("a", "test.a"), ("b", "test.b")] {
            let gate = order.clone();
            inner.node(
                id,
                Node::future(move |_, _| {
                    let gate = gate.clone();
                    async move {
                        if id == late {
                            gate.pass().await;
                        } else {
                            gate.open(1);
                        }
                        Err(Error::node(code, "it fails"))
                    }
                }),
            );
        }
        let results = lab(&make, inner, "b.out").ok().await;
        assert_eq!(told(&results), ("test.a", "tried/a"), "`{late}` fails last");
    }
}

pub(super) async fn a_failure_however_deep_is_told(make: Make) {
    for policy in POLICIES {
        let mut deepest = Flow::new();
        let third = Node::inline(|inputs, _| match inputs.int(0)? {
            Some(2) => Err(Error::node("test.third", "in the third turn")),
            turn => one(turn.unwrap_or(0) + 1),
        });
        deepest.node("turn", third.takes(&["x"]).set("x", 0)).back("turn.out", "turn.x", CycleDraft::new(9));
        let mut item = Flow::new();
        item.node("nest", deepest.nested(&[], &["turn.out"], None)).node("item", Node::pass());
        let mut inner = Flow::new();
        inner.node("items", Node::give(value!([1])));
        inner.node("each", item.each(&[(0, "item.x")], "nest.out", 1, OnItemError::Fail));
        inner.wire("items.out", "each.items");
        let mut lab = lab(&make, inner, "each.out");
        lab.settings.on_failure = policy;
        assert_eq!(told(&lab.ok().await), ("test.third", "tried/each/nest/turn#2"), "{policy:?}");
    }
}

pub(super) async fn the_innermost_that_can_takes_a_failure(make: Make) {
    // An item that becomes null is nothing to tell of.
    let mut item = Flow::new();
    item.node("item", fails(Flavour::Later));
    let mut inner = Flow::new();
    inner.node("items", Node::give(value!([1, 2])));
    inner.node("each", item.each(&[(0, "item.x")], "item.out", 2, OnItemError::Null));
    inner.wire("items.out", "each.items");
    let results = lab(&make, inner, "each.out").ok().await;
    assert_eq!((out(&results, "good"), skipped(&results)), (&value!([null, null]), vec!["bad"]));
    // What is told within an item is no failure of the item.
    let mut tried = Flow::new();
    tried.node("fails", fails(Flavour::Later));
    let mut item = Flow::new();
    item.node("tried", tried.tried(&[(0, "fails.x")], "fails.out").takes(&["x"]));
    let mut lab = Lab::new(&make);
    lab.node("items", Node::give(value!([1, 2])));
    lab.node("each", item.each(&[(0, "tried.x")], "tried.error.node", 2, OnItemError::Null));
    lab.wire("items.out", "each.items");
    let nodes = value!(["each/tried/fails", "each/tried[1]/fails"]);
    assert_eq!(*out(&lab.ok().await, "each"), nodes);
}

pub(super) async fn a_missing_path_in_an_inner_output_is_told(make: Make) {
    let mut inner = Flow::new();
    inner.node("data", Node::give(value!({"a": 1})));
    assert_eq!(told(&lab(&make, inner, "data.out.b").ok().await), ("connection.path", "tried"));
}

pub(super) async fn a_node_is_tried_again_before_its_failure_is_told(make: Make) {
    let calls = Counter::default();
    let counted = calls.clone();
    let mut inner = Flow::new();
    let again = Node::future(move |_, _| {
        counted.hit();
        async { Err(Error::node("test.again", "it never works")) }
    });
    let retry = RetryPolicy { max_attempts: 3, ..RetryPolicy::default() };
    inner.node("again", again.retry(retry));
    let results = lab(&make, inner, "again.out").ok().await;
    assert_eq!((told(&results), calls.get()), (("test.again", "tried/again"), 3));
}

pub(super) async fn a_failure_beside_it_is_one_of_the_run(make: Make) {
    let mut inner = Flow::new();
    inner.node("fails", fails(Flavour::Inline));
    let mut lab = lab(&make, inner, "fails.out");
    lab.settings.on_failure = FailurePolicy::SkipDependents;
    lab.node("beside", Node::fail("test.beside"));
    let ended = lab.unfinished().await;
    assert_eq!(failures(&ended), [("beside", "test.beside")]);
    assert_eq!(told(&ended.results), ("test.refused", "tried/fails"));
}

pub(super) async fn nothing_is_told_when_the_run_is_cancelled(make: Make) {
    let (begin, calls) = (Gate::default(), Counter::default());
    let control = Arc::new(OnceLock::<RunControl>::new());
    let (given, gate, counted) = (Arc::clone(&control), begin.clone(), calls.clone());
    let mut inner = Flow::new();
    inner.node(
        "asks",
        Node::future(move |_, cx| {
            let (given, gate) = (Arc::clone(&given), gate.clone());
            async move {
                gate.pass().await;
                given.get().expect("it was given").cancel();
                cx.check()?;
                one(1)
            }
        }),
    );
    let mut lab = lab(&make, inner, "asks.out");
    let counting = Node::inline(move |_, _| one(i64::try_from(counted.hit()).unwrap_or(0)));
    lab.node("after", counting.needs(&["x"])).wire("tried.error", "after.x");
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    assert!(control.set(handle.control()).is_ok(), "it is set once");
    begin.open(1);
    assert_eq!(unfinished(handle.await).status, RunStatus::Cancelled);
    assert_eq!(calls.get(), 0, "what follows from an error does not begin");
}
