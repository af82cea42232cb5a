//! Nested workflows: what goes in, what comes out, what fails.

use kailash_core::{Value, exec::FailurePolicy, validate::Nesting, value, workflow::CycleDraft};

use super::{
    Make,
    lab::{Flow, Lab, codes, failures, out, registry, skipped},
    node::{FLAVOURS, Flavour, Node, one, only},
};
use crate::NodeStatus;

fn double(flavour: Flavour) -> Node {
    Node::with(flavour, |inputs, _| one(inputs.int(0)?.unwrap_or(0) * 2)).needs(&["x"])
}

pub(super) async fn a_nested_workflow_is_fed_and_tapped(make: Make) {
    for flavour in FLAVOURS {
        let mut inner = Flow::new();
        inner
            .node("double", double(flavour))
            .node("wrap", Node::inline(|mut i, _| one(value!({"v": [(i.value(0)?)]}))).needs(&["x"]));
        inner.wire("double.out", "wrap.x");
        let nested = inner.nested(&[(0, "double.x")], &["wrap.out.v.0", "double.out"], None);
        let mut lab = Lab::new(&make);
        lab.node("n", Node::give(21))
            .node("nested", nested.needs(&["x"]).gives(&["v", "d"]))
            .node("after", Node::add());
        lab.wire("n.out", "nested.x").wire("nested.v", "after.a").wire("nested.d", "after.b");
        let results = lab.ok().await;
        assert_eq!(*out(&results, "after"), value!(84), "{flavour:?}");
        assert_eq!(results.status("nested"), Some(NodeStatus::Done));
        assert_eq!(results.status("double"), None, "inner nodes are no nodes of the workflow");
    }
}

pub(super) async fn all_results_of_a_nested_workflow_are_a_map(make: Make) {
    let mut inner = Flow::new();
    let switch = Node::inline(|_, _| only(0, 1)).gives(&["yes", "no"]);
    inner.node("switch", switch).node("never", Node::pass()).wire("switch.no", "never.x");
    let nested = inner.nested(&[], &["switch.yes"], Some(0)).gives(&["results", "yes"]);
    let mut lab = Lab::new(&make);
    lab.node("nested", nested);
    let results = lab.ok().await;
    assert_eq!(results.get("nested", "results"), Some(&value!({"switch": {"yes": 1}, "never": null})));
    assert_eq!(results.get("nested", "yes"), Some(&value!(1)));
}

pub(super) async fn an_optional_input_that_is_not_fed_leaves_the_inner_config(make: Make) {
    let mut inner = Flow::new();
    inner.node("inner", Node::pass().set("x", "config"));
    let mut lab = Lab::new(&make);
    lab.node("nested", inner.nested(&[(0, "inner.x")], &["inner.out"], None).takes(&["x"]));
    assert_eq!(*out(&lab.ok().await, "nested"), value!("config"));
}

pub(super) async fn an_inner_branch_not_taken_is_one_outside_too(make: Make) {
    let mut inner = Flow::new();
    inner.node("switch", Node::inline(|_, _| only(0, 1)).gives(&["yes", "no"]));
    let mut lab = Lab::new(&make);
    lab.node("nested", inner.nested(&[], &["switch.yes", "switch.no"], None).gives(&["yes", "no"]));
    lab.node("yes", Node::pass()).node("no", Node::pass());
    lab.wire("nested.yes", "yes.x").wire("nested.no", "no.x");
    assert_eq!(skipped(&lab.ok().await), ["no"]);
}

pub(super) async fn a_cycle_inside_a_nested_workflow_is_fed(make: Make) {
    let mut inner = Flow::new();
    inner.node("first", Node::give(0)).node("step", Node::add());
    inner.wire("first.out", "step.a").back("step.out", "step.a", CycleDraft::new(5));
    let mut lab = Lab::new(&make);
    lab.node("by", Node::give(7)).node("other", Node::give(1));
    let nested = inner.nested(&[(1, "step.b")], &["step.out"], None).takes(&["unused", "by"]);
    lab.node("nested", nested).wire("by.out", "nested.by").wire("other.out", "nested.unused");
    assert_eq!(*out(&lab.ok().await, "nested"), value!(35));
}

pub(super) async fn a_nested_workflow_in_a_cycle_runs_each_turn(make: Make) {
    let mut inner = Flow::new();
    inner.node("double", double(Flavour::Compute));
    let mut lab = Lab::new(&make);
    lab.node("nested", inner.nested(&[(0, "double.x")], &["double.out"], None).takes(&["x"]).set("x", 1));
    lab.back("nested.out", "nested.x", CycleDraft::new(5));
    assert_eq!(*out(&lab.ok().await, "nested"), value!(32));
}

pub(super) async fn a_failure_in_a_nested_workflow_fails_it_and_names_the_way(make: Make) {
    for policy in [FailurePolicy::FailFast, FailurePolicy::SkipDependents, FailurePolicy::Continue] {
        let mut inner = Flow::new();
        inner.node("fails", Node::fail("test.inner")).node("beside", Node::give(1));
        let mut lab = Lab::new(&make);
        lab.settings.on_failure = policy;
        lab.node("nested", inner.nested(&[], &["fails.out"], None)).node("after", Node::pass());
        lab.wire("nested.out", "after.x");
        let ended = lab.unfinished().await;
        assert_eq!(failures(&ended), [("nested/fails", "test.inner")], "{policy:?}");
        assert_eq!(ended.results.status("nested"), Some(NodeStatus::Failed), "{policy:?}");
        assert_eq!(ended.results.status("after"), Some(NodeStatus::Skipped), "{policy:?}");
    }
}

pub(super) async fn a_missing_path_in_an_inner_output_fails_the_nested_workflow(make: Make) {
    let mut inner = Flow::new();
    inner.node("data", Node::give(value!({"a": 1})));
    let mut lab = Lab::new(&make);
    lab.node("nested", inner.nested(&[], &["data.out.b"], None));
    assert_eq!(failures(&lab.unfinished().await), [("nested", "connection.path")]);
}

pub(super) async fn a_pipeline_inside_a_nested_workflow_is_fed(make: Make) {
    let mut inner = Flow::new();
    inner
        .node("count", super::streams::count_to())
        .node("sum", super::streams::sum())
        .stream("count.out", "sum.items");
    let mut lab = Lab::new(&make);
    lab.node("n", Node::give(4));
    lab.node("nested", inner.nested(&[(0, "count.to")], &["sum.out"], None).needs(&["n"]))
        .wire("n.out", "nested.n");
    assert_eq!(*out(&lab.ok().await, "nested"), value!(10));
}

pub(super) async fn options_that_a_nested_workflow_could_not_honour_are_refused(make: Make) {
    let mut inner = Flow::new();
    inner.node("inner", Node::give(1));
    let mut lab = Lab::new(&make);
    lab.node("nested", inner.nested(&[], &["inner.out"], None).timeout_ms(10));
    let issues = lab.refused(kailash_core::workflow::Params::new()).await;
    assert_eq!(codes(&issues), ["node.options"]);
}

pub(super) async fn nesting_too_deep_is_refused_with_a_clear_issue(make: Make) {
    let mut nested = Node::give(1);
    let mut ids = Vec::new();
    for depth in 0..12 {
        let id = format!("level{depth}");
        let mut flow = Flow::new();
        flow.node(&id, nested);
        nested = flow.nested(&[], &[&format!("{id}.out")], None);
        ids.push(id);
    }
    let mut lab = Lab::new(&make);
    lab.node("outermost", nested);
    assert_eq!(*out(&lab.ok().await, "outermost"), Value::from(1), "twelve deep is fine");
    let deep = (0..17).fold(Nesting::default(), |around, _| around.inner());
    let issues = lab.builder.build_inner(&registry(), &deep, &[]).expect_err("seventeen is too deep");
    assert_eq!(codes(&issues), ["workflow.depth"]);
    assert!(issues.to_string().contains("more than 16 deep"), "{issues}");
}
