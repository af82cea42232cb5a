//! A workflow for each item of a list.

use kailash_core::{
    Error, Value,
    exec::FailurePolicy,
    node::OnItemError,
    value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Flow, Lab, failures, out, unfinished},
    node::{FLAVOURS, Flavour, Node, one},
    tools::{Counter, Gate, Gauge},
};
use crate::NodeStatus;

/// Takes `x`; fails on odd ones, gives a tenfold else.
fn even(flavour: Flavour) -> Node {
    Node::with(flavour, |inputs, _| match inputs.int(0)?.unwrap_or(0) {
        n if n % 2 == 1 => Err(Error::node("test.odd", format!("{n} is odd"))),
        n => one(n * 10),
    })
    .needs(&["x"])
}

fn numbers(count: i64) -> Node {
    Node::give((0..count).map(Value::from).collect::<Value>())
}

/// `items -> each(inner)`.
fn lab(make: &Make, items: Node, inner: Node, max_concurrency: usize, on_error: OnItemError) -> Lab {
    let mut flow = Flow::new();
    flow.node("inner", inner);
    let mut lab = Lab::new(make);
    lab.node("items", items)
        .node("each", flow.each(&[(0, "inner.x")], "inner.out", max_concurrency, on_error));
    lab.wire("items.out", "each.items");
    lab
}

pub(super) async fn results_are_in_the_order_of_the_items(make: Make) {
    // Each item waits for the one behind it, so that they end in reverse.
    let gates: std::sync::Arc<Vec<Gate>> = std::sync::Arc::new((0..8).map(|_| Gate::default()).collect());
    let inner = Node::future(move |inputs, _| {
        let gates = std::sync::Arc::clone(&gates);
        async move {
            let n = inputs.int(0)?.unwrap_or(0);
            let at = usize::try_from(n).unwrap_or(0);
            if let Some(behind) = gates.get(at + 1) {
                behind.pass().await;
            }
            gates[at].open(1);
            one(n * n)
        }
    });
    let lab = lab(&make, numbers(8), inner.needs(&["x"]), 8, OnItemError::Fail);
    assert_eq!(*out(&lab.ok().await, "each"), value!([0, 1, 4, 9, 16, 25, 36, 49]));
}

pub(super) async fn no_more_items_than_allowed_are_under_way(make: Make) {
    let gauge = Gauge::default();
    let watched = gauge.clone();
    let inner = Node::future(move |_, _| {
        let inside = watched.enter();
        async move {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            drop(inside);
            one(1)
        }
    });
    let lab = lab(&make, numbers(40), inner.needs(&["x"]), 3, OnItemError::Fail);
    lab.ok().await;
    assert_eq!(gauge.peak(), 3, "as many as allowed, and no more");
}

pub(super) async fn an_empty_list_gives_an_empty_list(make: Make) {
    let lab = lab(&make, numbers(0), even(Flavour::Inline), 3, OnItemError::Fail);
    assert_eq!(*out(&lab.ok().await, "each"), value!([]));
}

pub(super) async fn a_failed_item_fails_the_node_once_under_every_policy(make: Make) {
    for policy in [FailurePolicy::FailFast, FailurePolicy::SkipDependents, FailurePolicy::Continue] {
        for flavour in FLAVOURS {
            let mut lab = lab(&make, numbers(6), even(flavour), 6, OnItemError::Fail);
            lab.settings.on_failure = policy;
            lab.node("after", Node::pass()).wire("each.out", "after.x").node("beside", Node::give(1));
            let ended = lab.unfinished().await;
            let failed = failures(&ended);
            assert_eq!(
                failed.len(),
                1,
                "{policy:?} {flavour:?}: the first failed item ends the others: {failed:?}"
            );
            assert!(failed[0].0.starts_with("each/inner[") && failed[0].1 == "test.odd", "{failed:?}");
            assert_eq!(ended.results.status("each"), Some(NodeStatus::Failed), "{policy:?} {flavour:?}");
            assert_eq!(ended.results.status("after"), Some(NodeStatus::Skipped), "{policy:?} {flavour:?}");
        }
    }
}

pub(super) async fn a_failed_item_is_null_where_the_node_says_so(make: Make) {
    for flavour in FLAVOURS {
        let lab = lab(&make, numbers(5), even(flavour), 2, OnItemError::Null);
        assert_eq!(*out(&lab.ok().await, "each"), value!([0, null, 20, null, 40]), "{flavour:?}");
    }
}

pub(super) async fn an_item_whose_output_has_no_such_path_is_a_failed_item(make: Make) {
    for on_error in [OnItemError::Null, OnItemError::Fail] {
        let mut flow = Flow::new();
        let maps = Node::inline(|inputs, _| {
            one(if inputs.int(0)? == Some(1) { value!({}) } else { value!({"v": 5}) })
        });
        flow.node("inner", maps.needs(&["x"]));
        let mut lab = Lab::new(&make);
        lab.settings.on_failure = FailurePolicy::SkipDependents;
        lab.node("items", numbers(4)).node("each", flow.each(&[(0, "inner.x")], "inner.out.v", 4, on_error));
        lab.wire("items.out", "each.items");
        let outcome = lab.run_with(Params::new()).await;
        if on_error == OnItemError::Null {
            let (results, _) = outcome.expect("the run completes");
            assert_eq!(*out(&results, "each"), value!([5, null, 5, 5]));
        } else {
            assert_eq!(failures(&unfinished(outcome)), [("each", "connection.path")]);
        }
    }
}

pub(super) async fn a_failure_deep_inside_an_item_is_that_items(make: Make) {
    for on_error in [OnItemError::Null, OnItemError::Fail] {
        let mut deepest = Flow::new();
        let fail = Node::inline(|inputs, _| match (inputs.int(0)?, inputs.int(1)?) {
            (Some(2), Some(7)) => Err(Error::node("test.deep", "item 2 in its third turn")),
            (item, turn) => one(item.unwrap_or(0) * 100 + turn.unwrap_or(0)),
        });
        deepest.node("deep", fail.needs(&["item"]).takes(&["turn"]));
        let mut inner = Flow::new();
        inner.node("turn", Node::add().set("a", 5));
        inner.node(
            "nest",
            deepest
                .nested(&[(0, "deep.item"), (1, "deep.turn")], &["deep.out"], None)
                .needs(&["item"])
                .takes(&["turn"]),
        );
        inner.node("one", Node::inline(|_, _| one(1)).takes(&["x"])).wire("turn.out", "nest.turn");
        inner
            .wire("nest.out", "one.x")
            .node("back", Node::add())
            .wire("one.out", "back.a")
            .wire("turn.out", "back.b");
        inner.back("back.out", "turn.a", CycleDraft::new(4));
        let mut lab = Lab::new(&make);
        lab.settings.on_failure = FailurePolicy::SkipDependents;
        lab.node("items", numbers(4)).node("each", inner.each(&[(0, "nest.item")], "nest.out", 2, on_error));
        lab.wire("items.out", "each.items");
        let outcome = lab.run_with(Params::new()).await;
        if on_error == OnItemError::Null {
            let (results, _) = outcome.expect("the run completes");
            assert_eq!(*out(&results, "each"), value!([8, 108, null, 308]));
        } else {
            assert_eq!(failures(&unfinished(outcome)), [("each/nest[2]#2/deep", "test.deep")]);
        }
    }
}

pub(super) async fn ten_thousand_items_are_no_trouble(make: Make) {
    for (flavour, max_concurrency) in
        [(Flavour::Inline, 10), (Flavour::Compute, 10_000), (Flavour::Later, 64)]
    {
        let calls = Counter::default();
        let counted = calls.clone();
        let inner = Node::with(flavour, move |inputs, _| {
            counted.hit();
            one(inputs.int(0)?.unwrap_or(0) + 1)
        });
        let lab = lab(&make, numbers(10_000), inner.needs(&["x"]), max_concurrency, OnItemError::Fail);
        let results = lab.ok().await;
        let expected: Value = (1..=10_000_i64).map(Value::from).collect();
        assert!(*out(&results, "each") == expected, "{flavour:?}: every item once and in order");
        assert_eq!(calls.get(), 10_000, "{flavour:?}");
    }
}

pub(super) async fn ten_thousand_failed_items_are_no_trouble(make: Make) {
    let items = Node::give((0..10_000_i64).map(|n| Value::from(n * 2 + 1)).collect::<Value>());
    let lab = lab(&make, items, even(Flavour::Inline), 100, OnItemError::Null);
    let results = lab.ok().await;
    assert!(*out(&results, "each") == Value::list(vec![Value::Null; 10_000]));
}

pub(super) async fn what_is_no_list_fails_the_node(make: Make) {
    let lab = lab(&make, Node::give("text"), even(Flavour::Inline), 2, OnItemError::Null);
    assert_eq!(failures(&lab.unfinished().await), [("each", "input.kind")]);
}

pub(super) async fn shared_inputs_are_the_same_for_every_item(make: Make) {
    let mut flow = Flow::new();
    flow.node("inner", Node::add());
    let mut lab = Lab::new(&make);
    lab.node("items", numbers(3)).node("shared", Node::give(100));
    lab.node(
        "each",
        flow.each(&[(0, "inner.a"), (1, "inner.b")], "inner.out", 2, OnItemError::Fail)
            .needs(&["items", "shared"]),
    );
    lab.wire("items.out", "each.items").wire("shared.out", "each.shared");
    assert_eq!(*out(&lab.ok().await, "each"), value!([100, 101, 102]));
}
