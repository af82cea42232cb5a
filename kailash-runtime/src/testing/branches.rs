//! Branches: what an untaken one skips and what it does not.

use kailash_core::{Value, value};

use super::{
    Make,
    lab::{Lab, out, skipped},
    node::{FLAVOURS, Node, one, only},
    tools::Counter,
};
use crate::NodeStatus;

/// Gives `yes` or `no`.
fn switch(yes: bool) -> Node {
    Node::inline(move |_, _| only(usize::from(!yes), "taken")).gives(&["yes", "no"])
}

pub(super) async fn an_untaken_branch_is_skipped_with_all_that_hangs_on_it(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let calls = Counter::default();
        let counted = calls.clone();
        let node = move || {
            let counted = counted.clone();
            Node::with(flavour, move |_, _| {
                counted.hit();
                one(1)
            })
            .takes(&["x"])
        };
        lab.node("switch", switch(true))
            .node("yes", node())
            .node("no", node())
            .node("after", node())
            .node("last", node());
        lab.wire("switch.yes", "yes.x")
            .wire("switch.no", "no.x")
            .wire("no.out", "after.x")
            .wire("after.out", "last.x");
        let results = lab.ok().await;
        assert_eq!(skipped(&results), ["no", "after", "last"], "{flavour:?}");
        assert_eq!(results.status("last"), Some(NodeStatus::Skipped));
        assert_eq!(results.node("no"), None, "what did not run gave nothing");
        assert_eq!(results.get("switch", "no"), None);
        assert_eq!(calls.get(), 1, "only the branch taken ran");
    }
}

pub(super) async fn a_join_of_both_branches_runs(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("switch", switch(false)).node("yes", Node::pass()).node("no", Node::pass());
    let join = Node::inline(|inputs, _| one(value!([(inputs.get(0).is_some()), (inputs.get(1).is_some())])));
    lab.node("join", join.takes(&["a", "b"]));
    lab.wire("switch.yes", "yes.x")
        .wire("switch.no", "no.x")
        .wire("yes.out", "join.a")
        .wire("no.out", "join.b");
    let results = lab.ok().await;
    assert_eq!(*out(&results, "join"), value!([false, true]));
    assert_eq!(skipped(&results), ["yes"]);
}

pub(super) async fn a_required_input_on_an_untaken_branch_skips_its_node(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("switch", switch(true)).node("source", Node::give(1));
    lab.node("both", Node::add().needs(&["a", "b"]).takes(&[]))
        .wire("source.out", "both.a")
        .wire("switch.no", "both.b");
    assert_eq!(skipped(&lab.ok().await), ["both"]);
}

pub(super) async fn an_untaken_branch_leaves_an_input_to_its_config(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("switch", switch(true)).node("join", Node::add().set("b", 40));
    lab.node("two", Node::give(2)).wire("two.out", "join.a").wire("switch.no", "join.b");
    assert_eq!(*out(&lab.ok().await, "join"), value!(42));
}

pub(super) async fn an_open_input_on_an_untaken_branch_is_null(make: Make) {
    let mut lab = Lab::new(&make);
    let open = Node::inline(|inputs, _| {
        one((0..inputs.len()).map(|at| value!(inputs.get(at).cloned())).collect::<Value>())
    });
    lab.node("switch", switch(true)).node("open", open.open());
    lab.wire("switch.yes", "open.yes").wire("switch.no", "open.no");
    assert_eq!(*out(&lab.ok().await, "open"), value!(["taken", null]));
}

pub(super) async fn a_node_after_nothing_but_untaken_branches_is_skipped_though_config_would_do(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("switch", switch(true))
        .node("node", Node::pass().set("x", "config"))
        .wire("switch.no", "node.x");
    assert_eq!(skipped(&lab.ok().await), ["node"]);
}
