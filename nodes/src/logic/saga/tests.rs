//! What a saga makes of its config, and what its parts do by themselves.

use kailash_core::{
    ErrorKind, Map, NodeConfig, Registry, Result, Services, Text,
    node::{BuildContext, Effect, NodeType, Scope, Whole},
    testing::NodeTest,
    validate::{Issue, Nesting},
    value,
};

use super::{
    outcome::Outcome,
    pick::Pick,
    unwind::{ERROR, LATER, Unwind},
};
use kailash_core::Value;

fn configure(config: &Value) -> Result<NodeConfig, Vec<Issue>> {
    let mut registry = Registry::new();
    crate::register_all(&mut registry).unwrap();
    let saga = registry.get("SagaCoordinatorNode").unwrap();
    saga.configure(config.as_map().unwrap(), &registry, &Nesting::default())
}

/// The places and codes of the issues.
fn issues(config: &Value) -> Vec<(String, String)> {
    let issues = configure(config).expect_err("there are issues");
    issues.iter().map(|issue| (issue.place.clone().unwrap_or_default(), issue.code.to_string())).collect()
}

fn places(config: &Value) -> Vec<String> {
    issues(config).into_iter().map(|(place, _)| place).collect()
}

fn expression(source: &str, inputs: Value) -> Value {
    value!({"type": "Expression", "config": {"expression": source}, "inputs": inputs})
}

fn trip() -> Value {
    value!({"steps": [
        {
            "id": "car",
            "action": (expression("order.days * 40", value!({"order": "inputs.order"}))),
            "compensation": (expression("price", value!({"price": "action.result"}))),
        },
        {
            "id": "hotel",
            "action": (expression("car + nights", value!({"car": "car.result", "nights": "inputs.order.nights"}))),
            "compensation": {
                "workflow": {"nodes": [{"id": "say", "type": "Template", "config": {"template": "{{ why }}"}}], "connections": []},
                "inputs": {"say.why": "failure.error.message"},
            },
        },
        {"id": "pay", "action": (expression("hotel.result", value!({"hotel": "hotel"})))},
    ]})
}

fn scope(node: &NodeConfig) -> Scope {
    let cx = BuildContext { services: &Services::default(), node: &Text::from("saga"), inputs: &[] };
    match node.build(&cx).unwrap().whole {
        Some(Whole::Scope(scope)) => (*scope).clone(),
        _ => panic!("a saga has a scope"),
    }
}

#[test]
fn what_the_steps_take_from_the_saga_are_its_inputs() {
    let node = configure(&trip()).unwrap();
    let inputs: Vec<_> =
        node.ports.inputs.iter().map(|input| (input.name.as_str(), input.required)).collect();
    assert_eq!(inputs, [("order", true)], "a value inside of it is wanted");
    let outputs: Vec<_> = node.ports.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(outputs, ["completed", "compensated"]);
    assert_eq!(node.effect, Effect::Pure);
    let ends: Vec<_> = scope(&node).feeds.into_iter().map(|feed| (feed.node, feed.input)).collect();
    assert_eq!(ends, [("car".into(), "order".into()), ("hotel".into(), "nights".into())]);
}

#[test]
fn an_input_may_be_given_by_the_config_and_is_wanted_only_where_the_step_wants_it() {
    let step = |inputs| {
        let action = value!({"type": "Switch", "config": {"value": 1}, "inputs": inputs});
        value!({"steps": [{"id": "a", "action": action}], "x": 3})
    };
    let node = configure(&step(value!({"input_data": "inputs.x", "value": "inputs.y"}))).unwrap();
    let inputs: Vec<_> =
        node.ports.inputs.iter().map(|input| (input.name.as_str(), input.required)).collect();
    assert_eq!(inputs, [("x", true), ("y", false)]);
    assert_eq!(node.inputs, [Some(value!(3)), None]);
    let slip = issues(&step(value!({"input_data": "inputs.xx"})));
    assert_eq!(slip, [("config.x".to_owned(), "config.unknown".to_owned())]);
}

#[test]
fn an_input_that_nothing_could_fit_is_refused() {
    let text =
        value!({"type": "TextWriter", "config": {"file_path": "a.txt"}, "inputs": {"text": "inputs.x"}});
    let list = value!({"type": "Sort", "inputs": {"data": "inputs.x"}});
    let config = value!({"steps": [{"id": "a", "action": text}, {"id": "b", "action": list}]});
    let expected = ("config.steps[0].action.inputs.text".to_owned(), "saga.input.kind".to_owned());
    assert_eq!(issues(&config), [expected]);
}

#[test]
fn a_saga_acts_on_the_world_as_its_steps_do() {
    let write = value!({"type": "TextWriter", "config": {"file_path": "a.txt", "text": "x", "append": true}});
    let config = value!({"steps": [{"id": "a", "action": (expression("1", Value::Null)), "compensation": write}, {"id": "b", "action": (expression("1", Value::Null))}]});
    assert_eq!(configure(&config).unwrap().effect, Effect::Effectful);
}

#[test]
fn every_problem_of_every_step_is_told_with_its_place() {
    let config = value!({"steps": [
        {"id": "a", "action": {"type": "Swich"}},
        {"id": "a", "action": {"type": "Merge", "config": {"merge_typ": "zip"}}},
        {"id": "b.c", "action": {"type": "Switch"}, "compensation": {"type": "Filter", "workflow": {}}},
        {"id": "d", "action": {"type": "Template", "config": {"template": "{{ x }}"}, "inputs": {"x": "inputs"}, "retry": {"max_attempts": 0}}},
        {"id": "e", "action": {"workflow": {"nodes": [{"id": "n", "type": "Merge", "config": {"merge_typ": 1}}], "connections": []}}},
        {"id": "f", "action": {"typ": "Merge"}},
        {"id": "g", "acton": 1},
        {"id": "failure", "action": {"type": "Merge", "inputs": {"data9": "inputs.x"}}},
    ]});
    let expected = [
        "config.steps[0].action.type",
        "config.steps[1].action.config.merge_typ",
        "config.steps[1].id",
        "config.steps[2].action.inputs.input_data",
        "config.steps[2].compensation",
        "config.steps[2].id",
        "config.steps[3].action",
        "config.steps[3].action.inputs.x",
        "config.steps[4].action.workflow.nodes[0].config.merge_typ",
        "config.steps[5].action.typ",
        "config.steps[6].acton",
        "config.steps[7].action.inputs.data9",
        "config.steps[7].id",
    ];
    let mut places = places(&config);
    places.sort();
    assert_eq!(places, expected, "{:#?}", configure(&config).unwrap_err());
}

#[test]
fn an_origin_must_be_an_output_that_is_there_by_then() {
    let compensation = expression("x", value!({"x": "pay.result"}));
    let config = value!({"steps": [
        {"id": "car", "action": (expression("x", value!({"x": "hotel.result"}))), "compensation": compensation},
        {"id": "hotel", "action": (expression("x", value!({"x": "car.reslt"}))), "compensation": (expression("x", value!({"x": "action.reslt"})))},
        {"id": "pay", "action": (expression("x", value!({"x": "failure.error"})))},
    ]});
    let found = configure(&config).unwrap_err();
    assert!(found.iter().all(|issue| issue.code == "saga.origin"), "{found:#?}");
    let mut found: Vec<_> =
        found.iter().map(|issue| (issue.place.as_deref(), issue.hint.as_deref())).collect();
    found.sort_unstable();
    let expected = [
        (Some("config.steps[0].action.inputs.x"), Some("there are: inputs")),
        (Some("config.steps[0].compensation.inputs.x"), Some("there are: inputs, action, failure")),
        (Some("config.steps[1].action.inputs.x"), Some("it has: result")),
        (Some("config.steps[1].compensation.inputs.x"), Some("it has: result")),
        (Some("config.steps[2].action.inputs.x"), Some("there are: car, hotel, inputs")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_saga_without_steps_is_refused() {
    assert_eq!(issues(&value!({"steps": []})), [("config.steps".to_owned(), "saga.steps".to_owned())]);
    assert_eq!(configure(&value!({})).unwrap_err()[0].code, "config.invalid");
}

#[test]
fn a_saga_may_be_a_step_of_another_and_not_without_end() {
    let mut config = value!({"steps": [{"id": "a", "action": (expression("1", Value::Null))}]});
    config = value!({"steps": [{"id": "a", "action": {"type": "SagaCoordinator", "config": config}}]});
    assert!(configure(&config).is_ok());
    for _ in 0..12 {
        config = value!({"steps": [{"id": "a", "action": {"type": "SagaCoordinator", "config": config}}]});
    }
    let found = configure(&config).unwrap_err();
    assert_eq!(found[0].code, "workflow.depth");
}

async fn run<T: NodeType>(config: Value, given: Value) -> Result<Map> {
    NodeTest::new::<T>(config, &Services::default())?.run(given).await
}

#[tokio::test]
async fn picks_follow_their_paths_and_leave_out_what_is_absent() {
    let picks = value!({"picks": [["x", ["a", "0"]], ["y", []], ["z", ["b"]]]});
    let given = value!({"x": {"a": [7]}, "y": 1});
    let picked = run::<Pick>(picks.clone(), given).await.unwrap();
    assert_eq!(Value::from(picked), value!({"x": 7, "y": 1}));
    let error = run::<Pick>(picks, value!({"z": {"a": 1}})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "connection.path"));
    assert!(error.message().contains("no `b` on the way"), "{error}");
}

fn told(code: &str) -> Value {
    value!({"kind": "timeout", "code": code, "message": "it took too long", "node": "saga/x/action"})
}

/// The account of a saga whose step `pay` failed, after what became of `undone`: its name and the given inputs.
async fn account(undone: &[(&str, Value)]) -> Value {
    account_of("test.slow", undone).await
}

/// As [`account`], where `pay` failed with `code`.
async fn account_of(code: &str, undone: &[(&str, Value)]) -> Value {
    let opened = run::<Unwind>(value!({"step": "pay"}), value!({ERROR: (told(code))})).await.unwrap();
    let mut account = opened.get("account").cloned().unwrap();
    for (step, became) in undone {
        let mut given = became.clone().into_map().unwrap();
        given.insert(LATER, account);
        account =
            run::<Unwind>(value!({"step": (*step)}), given.into()).await.unwrap().remove("account").unwrap();
    }
    account
}

async fn end(on_failure: &str, account: Value) -> Result<Map> {
    run::<Outcome>(
        value!({"steps": ["car", "pay"], "on_failure": on_failure}),
        value!({":account": account, "car": {}}),
    )
    .await
}

#[tokio::test]
async fn a_saga_that_was_taken_back_fails_or_says_so() {
    // The action of `bus` was skipped, or it has no compensation.
    let undone = [("hotel", value!({"done": {}})), ("bus", value!({})), ("car", value!({"done": {"x": 1}}))];
    let account = account(&undone).await;
    let outputs = end("branch", account.clone()).await.unwrap();
    let expected =
        value!({"failed_step": "pay", "error": (told("test.slow")), "compensated": ["hotel", "car"]});
    assert_eq!(Value::from(outputs), value!({"compensated": expected}));
    let error = end("fail", account).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "saga.failed"));
    assert_eq!(error.message(), "step `pay` failed: it took too long [test.slow]; compensated: hotel, car");
}

#[tokio::test]
async fn a_saga_that_could_not_be_taken_back_fails_and_names_both() {
    let undone = [("hotel", value!({"undo_error": (told("test.gone"))})), ("car", value!({"done": {}}))];
    for on_failure in ["branch", "fail"] {
        let error = end(on_failure, account(&undone).await).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Node, "saga.compensation_failed"));
        assert_eq!(
            error.message(),
            "step `pay` failed: it took too long [test.slow]; compensated: car; not compensated: hotel (it took too long [test.gone])"
        );
        assert_eq!(error.hint(), Some("take back by hand what was done by: hotel"));
        assert_eq!(error.retry(), kailash_core::Retry::Never);
    }
}

#[tokio::test]
async fn a_compensation_that_was_skipped_although_its_action_ran_counts_as_failed() {
    let undone = [("hotel", value!({"done": null})), ("car", value!({"done": {}}))];
    for on_failure in ["branch", "fail"] {
        let error = end(on_failure, account(&undone).await).await.unwrap_err();
        assert_eq!(error.code(), "saga.compensation_failed");
        assert!(
            error.message().contains("compensated: car; not compensated: hotel (it was skipped"),
            "{error}"
        );
        assert!(error.message().contains("[saga.compensation_skipped]"), "{error}");
    }
}

#[tokio::test]
async fn a_saga_whose_failed_step_may_have_acted_is_in_doubt_and_not_taken_back() {
    let undone = [("car", value!({"done": {}}))];
    for on_failure in ["branch", "fail"] {
        for code in ["node.in_doubt", "http.in_doubt", "saga.in_doubt", "saga.compensation_failed"] {
            let error = end(on_failure, account_of(code, &undone).await).await.unwrap_err();
            assert_eq!(
                (error.code(), error.retry()),
                ("saga.in_doubt", kailash_core::Retry::Never),
                "{code}"
            );
            assert!(
                error.message().starts_with("step `pay` failed") && error.hint().unwrap().contains("`pay`")
            );
            assert!(error.message().ends_with("compensated: car"), "{error}");
        }
        let undone = [("car", value!({"undo_error": (told("test.gone"))}))];
        let error = end(on_failure, account_of("node.in_doubt", &undone).await).await.unwrap_err();
        assert_eq!(error.code(), "saga.compensation_failed");
        assert_eq!(
            error.hint(),
            Some("take back by hand what was done by: car; look whether `pay` acted"),
            "both are told"
        );
    }
}

#[tokio::test]
async fn a_completed_saga_gives_the_results_of_all_steps() {
    let outputs =
        run::<Outcome>(value!({"steps": ["car", "pay"], "on_failure": "fail"}), value!({"pay": {"x": 1}}))
            .await
            .unwrap();
    assert_eq!(Value::from(outputs), value!({"completed": {"car": null, "pay": {"x": 1}}}));
}
