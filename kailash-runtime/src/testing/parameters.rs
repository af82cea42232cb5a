//! What is refused before anything runs, and what run parameters reach.

use kailash_core::{
    Map, Services, value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Lab, codes, out},
    node::{Node, one},
    tools::Counter,
};
use crate::RunError;

fn counted(calls: &Counter) -> Node {
    let calls = calls.clone();
    Node::inline(move |_, _| {
        calls.hit();
        one(0)
    })
}

pub(super) async fn missing_inputs_are_all_told_before_anything_runs(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    lab.node("runs", counted(&calls));
    lab.node("a", counted(&calls).needs(&["x", "y"]))
        .node("b", counted(&calls).needs(&["z"]))
        .wire("runs.out", "a.x");
    let issues = lab.refused(Params::new()).await;
    let named: Vec<_> =
        issues.0.iter().map(|issue| (issue.node.as_deref().unwrap_or(""), &*issue.code)).collect();
    assert_eq!(named, [("a", "input.missing"), ("b", "input.missing")]);
    assert!(issues.0[0].message.contains("`y`") && issues.0[1].message.contains("`z`"), "{issues}");
    assert_eq!(calls.get(), 0, "nothing ran");
    let params = Params::new().with("a", "y", 1).with("b", "z", 2);
    lab.run_with(params).await.expect("with the parameters it completes");
    assert_eq!(calls.get(), 3);
}

pub(super) async fn a_required_input_that_only_the_way_back_feeds_is_missing(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("node", Node::pass()).back("node.out", "node.x", CycleDraft::new(3));
    assert_eq!(codes(&lab.refused(Params::new()).await), ["input.missing"]);
    let (results, _) =
        lab.run_with(Params::new().with("node", "x", 5)).await.expect("with a first value it completes");
    assert_eq!(*out(&results, "node"), value!(5));
}

pub(super) async fn unknown_parameters_are_all_refused(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    lab.node("node", counted(&calls).takes(&["factor"]));
    let mut params = Params::new().with("node", "facter", 1).with("nod", "factor", 1);
    params.set_everywhere("nothing_like_it", 1);
    let issues = lab.refused(params).await;
    assert_eq!(codes(&issues), ["param.unknown", "param.unknown", "param.node.unknown"]);
    assert_eq!(issues.0[1].hint.as_deref(), Some("did you mean `factor`?"));
    assert_eq!(issues.0[2].hint.as_deref(), Some("did you mean `node`?"));
    assert_eq!(calls.get(), 0, "nothing ran");
}

pub(super) async fn a_value_for_a_static_parameter_is_refused(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    lab.node("node", counted(&calls)).node("open", counted(&calls).open());
    let issues = lab.refused(Params::new().with("node", "gives", 1).with("open", "gives", 1)).await;
    assert_eq!(codes(&issues), ["param.static", "param.static"]);
    let mut flat = Params::new();
    flat.set_everywhere("gives", 1);
    assert_eq!(codes(&lab.refused(flat).await), ["param.static"]);
    assert_eq!(calls.get(), 0, "nothing ran");
}

pub(super) async fn a_parameter_of_a_wrong_kind_is_refused(make: Make) {
    let mut lab = Lab::new(&make);
    let kinds = value!({"x": "text", "y": "text"});
    lab.node("node", Node::pass().takes(&["y"]).set("kinds", kinds));
    assert_eq!(
        codes(&lab.refused(Params::new().with("node", "x", 1)).await),
        ["param.kind", "input.missing"]
    );
    let null = Params::new().with("node", "x", kailash_core::Value::Null);
    assert_eq!(codes(&lab.refused(null).await), ["param.kind", "input.missing"], "null is no text");
    let params = Params::new().with("node", "x", "text").with("node", "y", kailash_core::Value::Null);
    lab.run_with(params).await.expect("an optional input may be null");
}

pub(super) async fn a_flat_parameter_goes_to_every_node_that_declares_it(make: Make) {
    let mut lab = Lab::new(&make);
    let node = || Node::pass().needs(&[]).takes(&["x"]);
    lab.node("a", node()).node("b", node()).node("own", node()).node("other", Node::give(0));
    let mut params = Params::new().with("own", "x", "mine");
    params.set_everywhere("x", "all");
    let (results, _) = lab.run_with(params).await.expect("the run completes");
    for (node, expected) in [("a", "all"), ("b", "all"), ("own", "mine")] {
        assert_eq!(*out(&results, node), value!(expected));
    }
}

/// A node that gives what it got by names it does not declare.
fn names() -> Node {
    Node::inline(|inputs, _| {
        one(inputs.extra().map(|(name, value)| (name.clone(), value.clone())).collect::<Map>())
    })
    .open()
}

pub(super) async fn a_node_with_open_inputs_takes_parameters_by_any_name(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("open", names()).node("cycled", names()).back("cycled.out", "cycled.before", CycleDraft::new(2));
    let mut params = Params::new().with("open", "own", 1).with("cycled", "own", 2);
    params.set_everywhere("own", 0);
    params.set_everywhere("all", 3);
    let (results, _) = lab.run_with(params).await.expect("the run completes");
    assert_eq!(*out(&results, "open"), value!({"all": 3, "own": 1}));
    assert_eq!(*out(&results, "cycled"), value!({"all": 3, "own": 2}));
}

pub(super) async fn the_documents_own_parameters_are_checked_and_overridden(make: Make) {
    let with = |parameters: kailash_core::Value| {
        let mut lab = Lab::new(&make);
        lab.node("node", Node::pass().set("x", "config")).node("open", names());
        let mut document = lab.builder.document().clone();
        document.parameters = parameters.into_map().expect("a map");
        lab.builder = document.into();
        lab
    };
    let lab = with(value!({"node": {"x": "document"}, "open": {"free": 1, "other": 1}}));
    let results = lab.ok().await;
    assert_eq!(*out(&results, "node"), value!("document"));
    assert_eq!(*out(&results, "open"), value!({"free": 1, "other": 1}));
    let params = Params::new().with("node", "x", "run").with("open", "free", 2);
    let (results, _) = lab.run_with(params).await.expect("the run completes");
    assert_eq!(*out(&results, "node"), value!("run"));
    assert_eq!(*out(&results, "open"), value!({"other": 1, "free": 2}));
    let wrong = with(value!({"node": {"y": 1, "gives": 1}}));
    assert_eq!(codes(&wrong.refused(Params::new()).await), ["param.unknown", "param.static"]);
}

pub(super) async fn a_missing_service_is_refused_and_named(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("a", Node::give(1)).node("b", Node::give(2));
    let runtime = make(Services::default(), lab.settings.clone());
    let outcome = runtime.execute_async(&lab.workflow(), Params::new()).await;
    let Err(RunError::Refused(issues)) = outcome else { panic!("refused, not {outcome:?}") };
    let named: Vec<_> = issues.0.iter().map(|issue| (issue.node.as_deref(), &*issue.code)).collect();
    assert_eq!(
        named,
        [(Some("a"), "service.missing"), (Some("b"), "service.missing")],
        "every node that needs it"
    );
    assert!(issues.to_string().contains("`bodies`"), "{issues}");
}

pub(super) async fn checking_refuses_what_running_would_and_runs_nothing(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    lab.node("node", counted(&calls).needs(&["x"]));
    let (runtime, workflow) = lab.ready();
    let refused = runtime.check(&workflow, &Params::new()).expect_err("an input is missing");
    assert!(matches!(&refused, RunError::Refused(issues) if codes(issues) == ["input.missing"]), "{refused}");
    runtime.check(&workflow, &Params::new().with("node", "x", 1)).expect("nothing is missing");
    assert_eq!(calls.get(), 0, "nothing ran");
}
