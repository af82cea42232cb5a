//! Where values come from and how they get there.

use kailash_core::{
    Error, ErrorKind, Kind, value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Lab, failures, out},
    node::{FLAVOURS, Node, one},
};

pub(super) async fn a_diamond_gives_the_results_of_each_node(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let plus =
            |n: i64| Node::with(flavour, move |inputs, _| one(inputs.int(0)?.unwrap_or(0) + n)).needs(&["x"]);
        lab.node("top", Node::give(1))
            .node("left", plus(10))
            .node("right", plus(100))
            .node("join", Node::add());
        lab.wire("top.out", "left.x").wire("top.out", "right.x");
        lab.wire("left.out", "join.a").wire("right.out", "join.b");
        let results = lab.ok().await;
        let expected =
            value!({"top": {"out": 1}, "left": {"out": 11}, "right": {"out": 101}, "join": {"out": 112}});
        assert_eq!(results.to_map(), expected.into_map().expect("a map"), "{flavour:?}");
        assert_eq!(results.skipped().count(), 0);
    }
}

pub(super) async fn a_value_comes_from_connection_then_parameter_then_config_then_default(make: Make) {
    for (connected, given, configured, expected) in [
        (true, true, true, "connection"),
        (false, true, true, "parameter"),
        (false, false, true, "config"),
        (false, false, false, "default"),
    ] {
        let mut lab = Lab::new(&make);
        let mut node = Node::pass().needs(&[]).takes(&["x"]).set("defaults", value!({"x": "default"}));
        if configured {
            node = node.set("x", "config");
        }
        lab.node("before", Node::give("connection")).node("node", node);
        if connected {
            lab.wire("before.out", "node.x");
        }
        let params = if given { Params::new().with("node", "x", "parameter") } else { Params::new() };
        let (results, _) = lab.run_with(params).await.expect("the run completes");
        assert_eq!(*out(&results, "node"), value!(expected));
    }
}

pub(super) async fn a_dot_path_leads_into_maps_and_lists(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("data", Node::give(value!({"rows": [{"n": 1}, {"n": {"deep": 2}}], "0": "key"})));
    lab.node("deep", Node::pass()).wire("data.out.rows.1.n.deep", "deep.x");
    lab.node("row", Node::pass()).wire("data.out.rows.0", "row.x");
    lab.node("key", Node::pass()).wire("data.out.0", "key.x");
    let results = lab.ok().await;
    assert_eq!(*out(&results, "deep"), value!(2));
    assert_eq!(*out(&results, "row"), value!({"n": 1}));
    assert_eq!(*out(&results, "key"), value!("key"));
}

pub(super) async fn a_missing_path_fails_the_node_that_wanted_it(make: Make) {
    for (path, segment) in [("rows.2.n", "2"), ("rows.n", "n"), ("row", "row"), ("rows.0.n.m", "m")] {
        let mut lab = Lab::new(&make);
        lab.node("data", Node::give(value!({"rows": [{"n": 1}]})));
        lab.node("wants", Node::pass()).wire(&format!("data.out.{path}"), "wants.x");
        let ended = lab.unfinished().await;
        assert_eq!(failures(&ended), [("wants", "connection.path")]);
        assert_eq!(ended.error.kind(), ErrorKind::Missing);
        assert!(
            ended.error.message().contains(&format!("`{segment}`")),
            "names the segment: {}",
            ended.error
        );
    }
}

pub(super) async fn a_missing_path_into_a_cycle_fails_the_node_that_wanted_it(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("data", Node::give(value!({"n": 1})));
    lab.node("first", Node::add()).node("second", Node::add());
    lab.wire("data.out.n", "first.a").wire("first.out", "second.a").wire("data.out.nothing", "second.b");
    lab.back("second.out", "first.b", CycleDraft::new(3));
    assert_eq!(failures(&lab.unfinished().await), [("second", "connection.path")]);
}

pub(super) async fn a_value_of_a_wrong_kind_fails_its_node(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("gives", Node::give(7)).node("wants", Node::pass().set("kinds", value!({"x": "text"})));
    lab.wire("gives.out", "wants.x");
    let ended = lab.unfinished().await;
    assert_eq!(failures(&ended), [("wants", "input.kind")]);
    assert!(ended.error.message().contains(Kind::Text.as_str()), "{}", ended.error);
}

pub(super) async fn of_several_connections_into_an_input_the_last_alive_wins(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("one", Node::give(1))
        .node("two", Node::give(2))
        .node("none", Node::inline(|_, _| one_of_none()));
    lab.node("node", Node::pass())
        .wire("one.out", "node.x")
        .wire("two.out", "node.x")
        .wire("none.out", "node.x");
    assert_eq!(*out(&lab.ok().await, "node"), value!(2));
}

fn one_of_none() -> kailash_core::Result<kailash_core::node::Outcome> {
    Ok(kailash_core::node::Outputs::none(1).into())
}

pub(super) async fn more_outputs_than_declared_are_an_internal_error(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let node = Node::with(flavour, |_, _| {
            let mut outputs = kailash_core::node::Outputs::one(1);
            outputs.set(4, 2);
            Ok(outputs.into())
        });
        lab.node("node", node);
        let ended = lab.unfinished().await;
        assert_eq!(failures(&ended), [("node", "internal")], "{flavour:?}");
        assert_eq!(ended.error.kind(), ErrorKind::Internal);
    }
}

pub(super) async fn a_nodes_error_arrives_as_it_was(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node(
        "fails",
        Node::inline(|_, _| {
            let error =
                Error::new(ErrorKind::Denied, "test.denied", "no entry").at("door 3").with_hint("knock");
            Err(error)
        }),
    );
    let ended = lab.unfinished().await;
    assert_eq!((ended.error.kind(), ended.error.code()), (ErrorKind::Denied, "test.denied"));
    assert_eq!((ended.error.place(), ended.error.hint()), (Some("door 3"), Some("knock")));
}
