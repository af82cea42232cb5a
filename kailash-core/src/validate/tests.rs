//! Validation: what is found, that all of it is found at once, and how it reads.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Issues, Nesting};
use crate::{
    Kind, Registry, Result, Value, WorkflowBuilder,
    exec::{BreakerPolicy, NodeOptions, RetryPolicy},
    node::{Body, BuildContext, Input, NodeType, Output, Outputs, Spec},
    value,
    workflow::{ConnectionDraft, CycleDraft, Dialect, Workflow},
};

/// A node with ports of several kinds and one static parameter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Work {
    /// A number.
    #[serde(default)]
    #[expect(dead_code, reason = "only its name and type matter")]
    level: u8,
}

impl NodeType for Work {
    fn spec() -> Spec {
        Spec::new("Work", "test", "works")
            .inputs([
                Input::optional("data", Kind::Any, ""),
                Input::optional("text", Kind::Text, ""),
                Input::optional("items", Kind::List, "").streaming(),
            ])
            .outputs([
                Output::new("result", Kind::Any, ""),
                Output::new("count", Kind::Int, ""),
                Output::new("rows", Kind::List, "").streaming(),
                Output::new("dotted.name", Kind::Any, ""),
            ])
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::inline(|_, _| Ok(Outputs::one(1).into())))
    }
}

/// A node that takes anything by any name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Open {}

impl NodeType for Open {
    fn spec() -> Spec {
        Spec::new("Open", "test", "takes anything")
            .outputs([Output::new("result", Kind::Any, "")])
            .open_inputs()
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::inline(|_, _| Ok(Outputs::one(1).into())))
    }
}

fn build(make: impl FnOnce(&mut WorkflowBuilder)) -> Result<Workflow, Issues> {
    let mut registry = Registry::new();
    registry.register::<Work>().unwrap();
    registry.register::<Open>().unwrap();
    registry.announce("Quantum", "wait for the far future");
    let mut builder = WorkflowBuilder::new("test");
    make(&mut builder);
    builder.build(&registry)
}

/// Nodes called a, b, c and so on, and what else `make` adds.
fn work(count: usize, make: impl FnOnce(&mut WorkflowBuilder)) -> Result<Workflow, Issues> {
    build(|builder| {
        for id in ["a", "b", "c", "d", "e"].iter().take(count) {
            builder.add_node("Work", *id, Value::Null);
        }
        make(builder);
    })
}

fn codes(issues: &Issues) -> Vec<&str> {
    issues.0.iter().map(|issue| issue.code.as_str()).collect()
}

#[test]
fn every_problem_of_a_workflow_is_told_at_once_with_place_and_code() {
    let issues = build(|builder| {
        builder.add_node("Work", "good", Value::Null).add_node("Wrok", "typo", Value::Null);
        builder.add_node("Quantum", "later", Value::Null).add_node("Work", "field", value!({"levle": 1}));
        builder.add_node("Work", "kind", value!({"level": "high"})).add_node(
            "Work",
            "input",
            value!({"text": 5}),
        );
        builder.add_node("Work", "list", value!([1])).add_node("Work", "", Value::Null);
        let retry = Some(RetryPolicy { max_attempts: 0, ..RetryPolicy::default() });
        builder
            .add_node("Work", "retry", Value::Null)
            .options(NodeOptions { retry, ..NodeOptions::default() });
        builder.add_node("Work", "time", Value::Null);
        builder.options(NodeOptions { timeout_ms: Some(0), ..NodeOptions::default() });
        let breaker = Some(BreakerPolicy { failure_threshold: 0, ..BreakerPolicy::default() });
        builder
            .add_node("Work", "breaker", Value::Null)
            .options(NodeOptions { breaker, ..NodeOptions::default() });
        builder.add_node("Work", "twice", Value::Null).add_node("Work", "twice", Value::Null);
        builder.add_node("Work", "u", Value::Null).add_node("Work", "v", Value::Null);
        builder.connect("god.result", "nobody.data").connect("good.reslt", "u.dta").connect("good", "u.data");
        builder.connect("good.count", "u.text").connect("good.count", "u.items").stream();
        builder
            .connect("good.result", "u.level")
            .connect("typo.any", "u.data")
            .connect("twice.any", "u.data");
        builder.connect("u.result", "v.data").cycle(CycleDraft::new(0));
        builder.connect("u.result", "v.data").cycle(CycleDraft::new(3).until("result >"));
        let lost = CycleDraft { parent: Some("nowhere".into()), ..CycleDraft::new(3) };
        builder.connect("v.result", "u.data").cycle(lost);
        builder.connect("v.result", "good.data").connect("good.result", "v.data");
    })
    .unwrap_err();
    let told: Vec<String> = issues
        .0
        .iter()
        .map(|issue| format!("{} {}", issue.place.as_deref().unwrap_or("-"), issue.code))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    insta::assert_snapshot!(issues);
}

#[test]
fn an_unmarked_cycle_prints_as_a_path() {
    let issues = work(5, |builder| {
        builder.connect("a.result", "b.data").connect("b.result", "c.data").connect("c.result", "d.data");
        builder.connect("d.result", "b.text").connect("d.result", "e.data");
    })
    .unwrap_err();
    assert_eq!(codes(&issues), ["cycle.unmarked"]);
    let message = &issues.0[0].message;
    let turned = ["b -> c -> d -> b", "c -> d -> b -> c", "d -> b -> c -> d"];
    assert!(turned.iter().any(|path| message.ends_with(path)), "{message}");
}

#[test]
fn a_node_that_feeds_itself_is_an_unmarked_cycle() {
    let issues = work(1, |builder| {
        builder.connect("a.result", "a.data");
    })
    .unwrap_err();
    assert_eq!(issues.0[0].message, "these nodes wait for each other: a -> a");
    work(1, |builder| {
        builder.connect("a.result", "a.data").cycle(CycleDraft::new(2));
    })
    .expect("a marked one is sound");
}

#[test]
fn slips_are_answered_with_the_nearest_name() {
    let issues = work(2, |builder| {
        builder.add_node("Wrok", "x", Value::Null).add_node("Work", "reader", value!({"levle": 1}));
        builder.connect("raeder.result", "a.data").connect("a.result", "b.dta");
    })
    .unwrap_err();
    let hints: Vec<&str> = issues.0.iter().filter_map(|issue| issue.hint.as_deref()).collect();
    let near = ["Work", "level", "reader", "data"].map(|name| format!("did you mean `{name}`?"));
    assert_eq!(hints, near);
}

#[test]
fn both_ends_of_a_connection_are_looked_at() {
    let issues = work(2, |builder| {
        builder.connect("x.result", "y.data").connect("a.nothing", "b.nothing");
    })
    .unwrap_err();
    let expected = [
        "connection.node.unknown",
        "connection.node.unknown",
        "connection.output.unknown",
        "connection.input.unknown",
    ];
    assert_eq!(codes(&issues), expected);
    assert_eq!(issues.0[3].place.as_deref(), Some("connections[1]"));
}

#[test]
fn kinds_that_can_never_fit_clash_and_others_are_left_to_the_run() {
    let clash = |from: &str, to: &str| {
        work(2, |builder| {
            builder.connect(&format!("a.{from}"), &format!("b.{to}"));
        })
    };
    assert_eq!(codes(&clash("count", "text").unwrap_err()), ["connection.kind"]);
    assert_eq!(codes(&clash("rows", "text").unwrap_err()), ["connection.kind"]);
    for (from, to) in [("result", "text"), ("count", "data"), ("rows", "items"), ("rows.0", "text")] {
        clash(from, to).unwrap_or_else(|issues| panic!("{from} -> {to}: {issues}"));
    }
}

#[test]
fn an_open_node_takes_any_input_but_not_its_own_parameters() {
    let workflow = build(|builder| {
        builder.add_node("Work", "a", Value::Null).add_node("Open", "open", Value::Null);
        builder
            .connect("a.result", "open.first")
            .connect("a.count", "open.second")
            .connect("a.rows", "open.first");
    })
    .unwrap();
    assert_eq!(workflow.nodes()[1].inputs, ["first", "second"]);
    let unnamed = build(|builder| {
        builder
            .add_node("Work", "a", Value::Null)
            .add_node("Open", "open", Value::Null)
            .connect("a.result", "open");
    });
    assert_eq!(codes(&unnamed.unwrap_err()), ["connection.form"]);
}

#[test]
fn a_static_parameter_cannot_be_connected() {
    let issues = work(2, |builder| {
        builder.connect("a.result", "b.level");
    })
    .unwrap_err();
    assert_eq!(codes(&issues), ["connection.input.static"]);
}

#[test]
fn several_connections_into_an_input_are_a_warning_told_once() {
    let workflow = work(4, |builder| {
        builder.connect("a.result", "d.data").connect("b.result", "d.data").connect("c.result", "d.data");
        builder.connect("a.result", "d.text");
    })
    .unwrap();
    let warned: Vec<_> =
        workflow.warnings().iter().map(|issue| (&*issue.code, issue.node.as_deref())).collect();
    assert_eq!(warned, [("connection.several", Some("d"))]);
    let calm = work(2, |builder| {
        builder.connect("a.result", "b.data").connect("b.result", "b.data").cycle(CycleDraft::new(2));
    });
    assert_eq!(calm.unwrap().warnings(), [], "a way in and a way back are no slip");
}

#[test]
fn a_declared_name_with_dots_goes_before_a_path() {
    let workflow = work(2, |builder| {
        builder.connect("a.dotted.name", "b.data").connect("a.result.deep.0", "b.text");
    })
    .unwrap();
    let edges = workflow.edges();
    assert_eq!((edges[0].output, edges[0].path.is_none()), (3, true));
    assert_eq!(
        (edges[1].output, edges[1].path.as_ref().map(ToString::to_string)),
        (0, Some("deep.0".into()))
    );
}

#[test]
fn a_stream_needs_ports_that_stream_and_no_path_and_no_cycle() {
    let stream = |from: &str, to: &str, cycle: bool| {
        work(2, |builder| {
            builder.connect(from, to).stream();
            if cycle {
                builder.cycle(CycleDraft::new(2));
            }
        })
    };
    stream("a.rows", "b.items", false).expect("both ports stream");
    for (from, to, cycle) in [
        ("a.result", "b.items", false),
        ("a.rows", "b.data", false),
        ("a.rows.0", "b.items", false),
        ("a.rows", "b.items", true),
    ] {
        assert_eq!(codes(&stream(from, to, cycle).unwrap_err()), ["connection.stream"], "{from} -> {to}");
    }
}

fn two_closing(first: CycleDraft, second: CycleDraft) -> Result<Workflow, Issues> {
    work(2, |builder| {
        builder.connect("a.result", "b.data");
        let id = || Some("loop".into());
        builder.connect("b.result", "a.data").cycle(CycleDraft { id: id(), ..first });
        builder.connect("b.count", "a.items").cycle(CycleDraft { id: id(), ..second });
        // `items` wants a list: the path leaves that to the run.
        let mut document = builder.document().clone();
        if let Some(ConnectionDraft { output, .. }) = document.connections.last_mut() {
            *output = "result.list".into();
        }
        *builder = document.into();
    })
}

#[test]
fn connections_of_one_cycle_complete_each_other_and_may_not_disagree() {
    let until = |source: &str| CycleDraft::new(100).until(source);
    for (first, second) in [
        (until("x"), CycleDraft::new(7)),
        (CycleDraft::new(7), until("x")),
        (CycleDraft::new(7).until("x"), until("x")),
    ] {
        let workflow = two_closing(first, second).unwrap();
        let [cycle] = workflow.cycles() else { panic!("one cycle: {:?}", workflow.cycles()) };
        assert_eq!(cycle.max_iterations, 7);
        assert_eq!(cycle.convergence.as_ref().map(|expr| expr.source().as_str()), Some("x"));
    }
    assert_eq!(codes(&two_closing(until("x"), until("y")).unwrap_err()), ["cycle.conflict"]);
}

#[test]
fn cycles_that_stand_in_each_other_are_refused() {
    let in_cycle = |id: &str, parent: &str| CycleDraft {
        id: Some(id.into()),
        parent: Some(parent.into()),
        ..CycleDraft::new(2)
    };
    let issues = work(1, |builder| {
        builder.connect("a.result", "a.data").cycle(in_cycle("one", "two"));
        builder.connect("a.result", "a.text").cycle(in_cycle("two", "one"));
    })
    .unwrap_err();
    assert_eq!(codes(&issues), ["cycle.depth", "cycle.depth"]);
}

#[test]
fn nothing_is_no_workflow() {
    assert_eq!(codes(&build(|_| ()).unwrap_err()), ["workflow.empty"]);
}

#[test]
fn a_time_limit_of_nothing_is_refused() {
    let issues = work(1, |builder| {
        let mut document = builder.document().clone();
        document.timeout_ms = Some(0);
        *builder = document.into();
    });
    assert_eq!(codes(&issues.unwrap_err()), ["timeout.zero"]);
}

#[test]
fn what_an_inner_workflow_cannot_have_of_its_own_is_a_warning() {
    let mut registry = Registry::new();
    registry.register::<Work>().unwrap();
    let mut builder = WorkflowBuilder::new("inner");
    builder.add_node("Work", "a", Value::Null).on_failure(crate::exec::FailurePolicy::Continue);
    let outermost = Nesting::default();
    let warned = |at: &Nesting| builder.build_inner(&registry, at, &[]).unwrap().warnings().len();
    assert_eq!((warned(&outermost), warned(&outermost.inner())), (0, 1));
    let deep = (0..17).fold(outermost, |around, _| around.inner());
    assert_eq!(codes(&builder.build_inner(&registry, &deep, &[]).unwrap_err()), ["workflow.depth"]);
}

#[test]
fn what_inner_workflows_may_add_up_to_is_bounded() {
    let mut registry = Registry::new();
    registry.register::<Work>().unwrap();
    let mut builder = WorkflowBuilder::new("inner");
    builder.add_node("Work", "a", Value::Null);
    let inner = Nesting::default().inner();
    let mut built = (0..).map(|_| builder.build_inner(&registry, &inner, &[]));
    let count = built.by_ref().take_while(Result::is_ok).count();
    assert!((1000..100_000).contains(&count), "{count} inner workflows");
    assert_eq!(codes(&built.next().unwrap().unwrap_err()), ["workflow.inner.limit"]);
}

#[test]
fn every_component_of_unmarked_cycles_is_told() {
    let issues = work(5, |builder| {
        for (from, to) in [("a", "b"), ("b", "a"), ("b", "c"), ("c", "c"), ("d", "e"), ("e", "d")] {
            builder.add_connection(from, "result", to, "data");
        }
    })
    .unwrap_err();
    let told: Vec<_> = issues.errors().map(|issue| (&*issue.code, &*issue.message)).collect();
    assert!(told.len() == 3 && told.iter().all(|(code, _)| *code == "cycle.unmarked"), "{told:?}");
}

#[test]
fn a_document_of_nothing_but_wrong_names_is_told_of_briefly() {
    let issues = work(1, |builder| {
        for n in 0..20_000 {
            builder.connect(&format!("x{n}.result"), "a.data");
        }
    })
    .unwrap_err();
    assert_eq!(issues.0.len(), 1000);
}

#[test]
fn limits_of_a_cycle_that_nothing_enforces_are_warnings() {
    let document = r#"{"nodes": {"a": {"node_type": "Work", "config": {}}}, "connections": [{
        "source_node": "a", "source_output": "result", "target_node": "a", "target_input": "data",
        "cycle": true, "max_iterations": 3, "timeout": 2.5, "memory_limit": null}]}"#;
    let document = crate::format::read(document, crate::format::Syntax::Json).unwrap();
    let mut registry = Registry::new();
    registry.register::<Work>().unwrap();
    let workflow = WorkflowBuilder::from(document).build(&registry).unwrap();
    let warned: Vec<_> =
        workflow.warnings().iter().map(|issue| (&*issue.code, issue.place.as_deref())).collect();
    assert_eq!(warned, [("cycle.limit", Some("connections[0].timeout"))]);
}

#[test]
fn places_follow_the_form_of_the_document() {
    for (list, place) in [(true, "nodes[1].type"), (false, "nodes.b.type")] {
        let issues = build(|builder| {
            builder.add_node("Work", "a", Value::Null).add_node("Nothing", "b", Value::Null);
            let mut document = builder.document().clone();
            (document.nodes_as_list, document.dialect) = (list, Dialect::Builder);
            *builder = document.into();
        })
        .unwrap_err();
        assert_eq!(issues.0[0].place.as_deref(), Some(place));
    }
}

#[test]
fn a_hundred_thousand_nodes_in_a_ring_are_one_issue() {
    let count = 100_000;
    let issues = build(|builder| {
        for n in 0..count {
            builder.add_node("Work", format!("n{n}"), Value::Null);
            builder.connect(&format!("n{n}.result"), &format!("n{}.data", (n + 1) % count));
        }
    })
    .unwrap_err();
    assert_eq!(codes(&issues), ["cycle.unmarked"]);
}
