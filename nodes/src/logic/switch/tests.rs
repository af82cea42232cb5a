//! What a switch does with values and lists.

use kailash_core::{Map, Registry, Services, testing::NodeTest, value};

use super::*;

async fn run(config: Value, input: Value) -> Result<Value> {
    let node = NodeTest::new::<Switch>(config, &Services::default())?;
    Ok(node.run(value!({"input_data": input})).await?.into())
}

#[tokio::test]
async fn a_condition_takes_one_of_two_branches() {
    let config = value!({"condition_field": "score", "operator": ">=", "value": 50});
    let outputs = run(config.clone(), value!({"score": 80})).await.unwrap();
    assert_eq!(outputs, value!({"true_output": {"score": 80}, "condition_result": true}));
    let outputs = run(config, value!({"score": 49})).await.unwrap();
    assert_eq!(outputs, value!({"false_output": {"score": 49}, "condition_result": false}));
}

#[tokio::test]
async fn a_case_that_matches_has_an_output_of_its_own() {
    let config = value!({"condition_field": "kind", "cases": ["a", "b"]});
    let outputs = run(config.clone(), value!({"kind": "b"})).await.unwrap();
    assert_eq!(outputs, value!({"case_b": {"kind": "b"}, "condition_result": "b"}));
    let outputs = run(config, value!({"kind": "x"})).await.unwrap();
    assert_eq!(outputs, value!({"default": {"kind": "x"}, "condition_result": null}));
}

#[tokio::test]
async fn every_matching_case_is_taken_if_asked_for() {
    let config = value!({"operator": ">=", "cases": [1, 10], "break_after_first_match": false});
    let outputs = run(config, value!(20)).await.unwrap();
    assert_eq!(outputs, value!({"case_1": 20, "case_10": 20, "condition_result": 10}));
}

#[tokio::test]
async fn a_run_may_replace_value_and_operator() {
    let node = NodeTest::new::<Switch>(value!({"value": 1}), &Services::default()).unwrap();
    let outputs = node.run(value!({"input_data": 5, "operator": ">", "value": 4})).await.unwrap();
    assert_eq!(outputs.get("true_output"), Some(&value!(5)));
    let error = node.run(value!({"input_data": 5, "operator": "=>"})).await.unwrap_err();
    assert_eq!(error.code(), "compare.operator");
}

#[tokio::test]
async fn a_dot_path_leads_into_maps_and_a_missing_field_is_null() {
    let config = value!({"condition_field": "user.age", "operator": ">", "value": 17});
    let outputs = run(config, value!({"user": {"age": 20}})).await.unwrap();
    assert_eq!(outputs.get("condition_result"), Some(&value!(true)));
    let config = value!({"condition_field": "user.age", "operator": "is_null"});
    let outputs = run(config, value!({"user": 3})).await.unwrap();
    assert_eq!(outputs.get("condition_result"), Some(&value!(true)));
}

#[tokio::test]
async fn a_list_is_sorted_into_branches_item_by_item() {
    let rows = value!([{"k": "a", "n": 1}, {"k": "z", "n": 2}, {"k": "a", "n": 3}]);
    let outputs = run(value!({"condition_field": "k", "cases": ["a", "b"]}), rows.clone()).await.unwrap();
    let expected = value!({
        "case_a": [{"k": "a", "n": 1}, {"k": "a", "n": 3}],
        "default": [{"k": "z", "n": 2}],
        "condition_result": "a",
    });
    assert_eq!(outputs, expected);
    let outputs = run(value!({"condition_field": "n", "operator": ">", "value": 1}), rows).await.unwrap();
    assert_eq!(outputs.get("true_output").and_then(Value::as_list).map(<[Value]>::len), Some(2));
    assert_eq!(outputs.get("false_output").and_then(Value::as_list).map(<[Value]>::len), Some(1));
    assert_eq!(outputs.get("condition_result"), Some(&value!(true)));
}

#[tokio::test]
async fn an_empty_list_takes_the_last_branch() {
    let outputs = run(value!({"condition_field": "k", "cases": ["a"]}), value!([])).await.unwrap();
    assert_eq!(outputs, value!({"default": [], "condition_result": null}));
}

#[tokio::test]
async fn an_expression_decides_in_place_of_a_field() {
    let config = value!({"expression": "score > 50 and input_data.name != ''"});
    let outputs = run(config, value!({"score": 60, "name": "a"})).await.unwrap();
    assert_eq!(outputs.get("condition_result"), Some(&value!(true)));
    let config = value!({"expression": "input_data % 2", "cases": [0, 1]});
    assert_eq!(run(config, value!(7)).await.unwrap().get("case_1"), Some(&value!(7)));
}

#[tokio::test]
async fn the_result_can_be_left_out() {
    let config = value!({"value": 1, "pass_condition_result": false});
    assert_eq!(run(config, value!(1)).await.unwrap(), value!({"true_output": 1}));
}

fn issue(config: Value) -> String {
    let mut registry = Registry::new();
    registry.register::<Switch>().unwrap();
    let config: Map = config.into_map().unwrap();
    registry
        .get("SwitchNode")
        .unwrap()
        .configure(&config, &registry, &kailash_core::validate::Nesting::default())
        .unwrap_err()[0]
        .code
        .to_string()
}

#[test]
fn what_cannot_work_is_found_before_any_run() {
    assert_eq!(issue(value!({"operator": "=>"})), "compare.operator");
    assert_eq!(issue(value!({"expression": "a <"})), "expression.syntax");
    assert_eq!(issue(value!({"expression": "a", "condition_field": "b"})), "switch.condition");
    assert_eq!(issue(value!({"cases": ["a.b", "ab"]})), "switch.outputs");
    assert_eq!(issue(value!({"cases": ["a"], "default_field": "case_a"})), "switch.outputs");
}
