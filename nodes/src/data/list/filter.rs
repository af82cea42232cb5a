//! `Filter`: the items of a list for which a comparison or a condition holds.

use std::sync::Arc;

use kailash_core::{
    Kind, Result, Value,
    expr::Expr,
    node::{
        Body, BuildContext, Context, Input, Inputs, Lift, NodeType, Outcome, Output, Outputs, Setup, Spec,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::field::{CHECK_EVERY, Field, at_item, eval};
use crate::data::{
    compare::{Operator, matches},
    early,
};

/// Keeps items of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct Filter {
    /// An expression that must hold too, over the item's keys and `item`: `age >= 18 and country in ['DE', 'FR']`.
    /// Given alone, it decides alone.
    condition: Option<String>,
}

const DATA: usize = 0;
const FIELD: usize = 1;
const OPERATOR: usize = 2;
const VALUE: usize = 3;

impl NodeType for Filter {
    fn spec() -> Spec {
        Spec::new("Filter", "data", "Keeps the items of a list for which a comparison holds.")
            .inputs([
                Input::required("data", Kind::List, "The items.").streaming(),
                Input::optional(
                    "field",
                    Kind::Text,
                    "The field that is compared, also a dot path; a missing one is null. Without it the item itself is.",
                ),
                Input::with_default(
                    "operator",
                    Kind::Text,
                    "==",
                    "One of == != > < >= <= contains in not_in starts_with ends_with is_null not_null.",
                ),
                Input::optional(
                    "value",
                    Kind::Any,
                    "What is compared with; a number also compares with text that looks like one.",
                ),
            ])
            .outputs([
                Output::new("filtered_data", Kind::List, "The items for which it holds, in their order.").streaming(),
            ])
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        early::check(setup, "operator", str::parse::<Operator>)?;
        match &self.condition {
            Some(condition) => Expr::compile(condition).map(drop).map_err(|error| error.at("condition")),
            None => Ok(()),
        }
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let condition = self.condition.as_deref().map(Expr::compile).transpose()?;
        let run = move |mut inputs: Inputs, cx: &Context| {
            let data = inputs.value(DATA)?;
            let test = Test::new(&mut inputs, condition.as_ref())?;
            Ok(Outcome::Done(Outputs::one(keep(data, &test, cx)?)))
        };
        Ok(Body::compute(run).with_lift(Lift::PerBatch))
    }
}

fn keep(data: Value, test: &Test<'_>, cx: &Context) -> Result<Value> {
    let check = |index: usize, item: &Value| {
        if index.is_multiple_of(CHECK_EVERY) {
            cx.check()?;
        }
        test.holds(item, index)
            .map_err(|error| if error.place().is_some() { error } else { at_item(error, index) })
    };
    let shared = match data {
        Value::List(items) => match Arc::try_unwrap(items) {
            Ok(own) => {
                let kept = own.into_iter().enumerate().map(|(i, item)| Ok(check(i, &item)?.then_some(item)));
                return kept.filter_map(Result::transpose).collect::<Result<Vec<_>>>().map(Value::list);
            }
            Err(shared) => shared,
        },
        other => Arc::new(Inputs::from_iter([Some(other)]).list(0)?),
    };
    // Somebody else holds the list: only what is kept is cloned.
    let kept = shared.iter().enumerate().map(|(i, item)| Ok(check(i, item)?.then(|| item.clone())));
    kept.filter_map(Result::transpose).collect::<Result<Vec<_>>>().map(Value::list)
}

struct Test<'a> {
    field: Option<Field>,
    comparison: Option<(Operator, Value)>,
    condition: Option<&'a Expr>,
}

impl<'a> Test<'a> {
    fn new(inputs: &mut Inputs, condition: Option<&'a Expr>) -> Result<Self> {
        let field = Field::of_input(inputs, FIELD);
        let operator: Operator = inputs.text(OPERATOR)?.parse()?;
        let value = inputs.take(VALUE);
        let compares = field.is_some() || value.is_some() || operator != Operator::default();
        let alone = condition.is_some() && !compares;
        let comparison = (!alone).then(|| (operator, value.unwrap_or_default()));
        Ok(Self { field, comparison, condition })
    }

    fn holds(&self, item: &Value, index: usize) -> Result<bool> {
        if let Some((operator, value)) = &self.comparison {
            let holds = match &self.field {
                Some(field) if item.as_map().is_some() => {
                    matches(*operator, &field.of(item).unwrap_or_default(), value)?
                }
                _ => matches(*operator, item, value)?,
            };
            if !holds {
                return Ok(false);
            }
        }
        match self.condition {
            Some(condition) => eval(condition, item, index).map(|value| value.is_truthy()),
            None => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Error, Services, testing::NodeTest, value};
    use proptest::prelude::*;

    use super::*;

    fn node(config: Value) -> Result<NodeTest> {
        NodeTest::new::<Filter>(config, &Services::default())
    }

    async fn filter(config: Value, data: Value) -> Result<Value> {
        let got = node(config)?.run(value!({"data": data})).await?;
        Ok(got.get("filtered_data").cloned().unwrap_or_default())
    }

    async fn refused(config: Value, data: Value) -> Error {
        filter(config, data).await.unwrap_err()
    }

    fn rows() -> Value {
        value!([{"id": "1", "value": "10"}, {"id": "2", "value": "20"}, {"id": "3", "value": "5"}, {"id": "4"}])
    }

    #[tokio::test]
    async fn numeric_text_is_compared_with_a_number() {
        let config = value!({"field": "value", "operator": ">=", "value": 10});
        let expected = value!([{"id": "1", "value": "10"}, {"id": "2", "value": "20"}]);
        assert_eq!(filter(config, rows()).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn items_themselves_are_compared_without_a_field() {
        let config = value!({"operator": ">", "value": 3});
        assert_eq!(filter(config, value!([1, 5, "4", null, "x"])).await.unwrap(), value!([5, "4"]));
    }

    #[tokio::test]
    async fn a_path_leads_into_an_item_and_what_is_missing_is_null() {
        let data = value!([{"a": {"b": 1}}, {"a.b": 1}, {"a": {}}, {"c": 1}]);
        let equal = value!({"field": "a.b", "value": 1});
        assert_eq!(filter(equal, data.clone()).await.unwrap(), value!([{"a": {"b": 1}}, {"a.b": 1}]));
        let missing = value!({"field": "a.b", "operator": "is_null"});
        assert_eq!(filter(missing, data).await.unwrap(), value!([{"a": {}}, {"c": 1}]));
    }

    #[tokio::test]
    async fn a_condition_decides_alone_or_with_the_comparison() {
        let data = value!([{"n": 1, "s": "a"}, {"n": 5, "s": "b"}, {"n": 9, "s": "a"}]);
        let alone = value!({"condition": "n > 2 and item.s == 'a'"});
        assert_eq!(filter(alone, data.clone()).await.unwrap(), value!([{"n": 9, "s": "a"}]));
        let both = value!({"condition": "n < 9", "field": "s", "value": "a"});
        assert_eq!(filter(both, data).await.unwrap(), value!([{"n": 1, "s": "a"}]));
    }

    #[tokio::test]
    async fn run_parameters_override_the_config() {
        let config = value!({"field": "value", "operator": ">=", "value": 10});
        let given = value!({"data": (rows()), "operator": "<"});
        let got = node(config).unwrap().run(given).await.unwrap();
        assert_eq!(got.get("filtered_data"), Some(&value!([{"id": "3", "value": "5"}])));
    }

    #[tokio::test]
    async fn bad_input_is_refused_with_its_place() {
        let error = node(value!({"condition": "n >"})).err().unwrap();
        assert!(error.message().contains("expression.syntax"), "{error}");
        let error = node(value!({"operator": "~"})).err().unwrap();
        assert!(error.message().contains("compare.operator"), "{error}");
        let error = node(value!({})).unwrap().run(value!({"data": [1], "operator": "~"})).await.unwrap_err();
        assert_eq!(error.code(), "compare.operator");
        let error = refused(value!({"operator": "in", "value": 1}), value!([1])).await;
        assert_eq!((error.code(), error.place()), ("compare.operand", Some("item 0")));
        let error = refused(value!({"condition": "typo > 1"}), value!([{"n": 1}])).await;
        assert_eq!((error.code(), error.place()), ("expression.eval", Some("item 0")));
        assert_eq!(refused(value!({}), value!("text")).await.code(), "input.kind");
    }

    #[tokio::test]
    async fn a_shared_list_stays_as_it_is() {
        let data = rows();
        filter(value!({"field": "id", "value": 1}), data.clone()).await.unwrap();
        assert_eq!(data, rows());
    }

    proptest! {
        #[test]
        fn batches_give_what_the_whole_gives(numbers in prop::collection::vec(-50_i64..50, 0..60), size in 1_usize..20) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let config = value!({"operator": ">", "value": 0});
                let items: Vec<Value> = numbers.into_iter().map(Value::from).collect();
                let whole = filter(config.clone(), Value::list(items.clone())).await.unwrap();
                let mut parts = Vec::new();
                for batch in items.chunks(size) {
                    let part = filter(config.clone(), Value::list(batch.to_vec())).await.unwrap();
                    parts.extend(part.into_list().unwrap());
                }
                assert_eq!(Value::list(parts), whole);
            });
        }
    }
}
