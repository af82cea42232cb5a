//! `Map`: each item of a list changed by an operation or an expression.

use kailash_core::{
    Error, Kind, Result, Text, Value,
    expr::Expr,
    node::{
        Body, BuildContext, Context, Input, Inputs, Lift, NodeType, Outcome, Output, Outputs, Setup, Spec,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::field::{CHECK_EVERY, Field, at_item, eval};
use crate::data::{compare::as_number, early};

/// Changes the items of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct MapItems {
    /// An expression over the item's keys and `item` that gives the new value, in place of `operation`: `price * 1.19`.
    expression: Option<String>,
}

const DATA: usize = 0;
const FIELD: usize = 1;
const NEW_FIELD: usize = 2;
const OPERATION: usize = 3;
const VALUE: usize = 4;

impl NodeType for MapItems {
    fn spec() -> Spec {
        Spec::new("Map", "data", "Changes each item of a list.")
            .inputs([
                Input::required("data", Kind::List, "The items.").streaming(),
                Input::optional(
                    "field",
                    Kind::Text,
                    "The field that the operation takes, also a dot path; maps stay as they are without it.",
                ),
                Input::optional(
                    "new_field",
                    Kind::Text,
                    "The field that gets the result; without it `field` does. An expression without either replaces the item.",
                ),
                Input::with_default(
                    "operation",
                    Kind::Text,
                    "identity",
                    "One of identity upper lower multiply add string. Null stays null; multiply and add give doubles, add joins text.",
                ),
                Input::optional("value", Kind::Any, "What is multiplied by or added."),
            ])
            .outputs([Output::new("mapped_data", Kind::List, "The changed items, in their order.").streaming()])
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        early::check(setup, "operation", Operation::parse)?;
        match &self.expression {
            Some(expression) => Expr::compile(expression).map(drop).map_err(|error| error.at("expression")),
            None => Ok(()),
        }
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let expression = self.expression.as_deref().map(Expr::compile).transpose()?;
        let run = move |mut inputs: Inputs, cx: &Context| {
            let mut items = inputs.list(DATA)?;
            let change = Change::new(&mut inputs, expression.as_ref())?;
            for (index, item) in items.iter_mut().enumerate() {
                if index % CHECK_EVERY == 0 {
                    cx.check()?;
                }
                change.apply(item, index)?;
            }
            Ok(Outcome::Done(Outputs::one(items)))
        };
        Ok(Body::compute(run).with_lift(Lift::PerBatch))
    }
}

struct Change<'a> {
    field: Option<Field>,
    target: Option<Text>,
    operation: Operation,
    value: Value,
    expression: Option<&'a Expr>,
}

impl<'a> Change<'a> {
    fn new(inputs: &mut Inputs, expression: Option<&'a Expr>) -> Result<Self> {
        let field = Field::of_input(inputs, FIELD);
        let new_field = Field::of_input(inputs, NEW_FIELD);
        let target = new_field.as_ref().or(field.as_ref()).map(|field| Text::from(field.name()));
        let operation = Operation::parse(&inputs.text(OPERATION)?)?;
        let value = inputs.take(VALUE).unwrap_or_default();
        if expression.is_none() && operation.needs_value() && value.is_null() {
            let error = Error::missing("map.value", "`multiply` and `add` need a `value`");
            return Err(error.with_hint("give `value` in the config or as a run parameter"));
        }
        Ok(Self { field, target, operation, value, expression })
    }

    fn apply(&self, item: &mut Value, index: usize) -> Result<()> {
        let result = match (self.expression, &self.field) {
            (Some(expression), _) => eval(expression, item, index)?,
            (None, None) if item.as_map().is_some() => return Ok(()),
            (None, field) => {
                let before = match field {
                    Some(field) if item.as_map().is_some() => field.of(item).unwrap_or_default(),
                    _ => item.clone(),
                };
                self.operation.apply(before, &self.value).map_err(|error| at_item(error, index))?
            }
        };
        match (item, &self.target) {
            (Value::Map(map), Some(target)) => {
                std::sync::Arc::make_mut(map).insert(target, result);
            }
            (item, _) => *item = result,
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Identity,
    Upper,
    Lower,
    Multiply,
    Add,
    Text,
}

impl Operation {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "identity" => Self::Identity,
            "upper" => Self::Upper,
            "lower" => Self::Lower,
            "multiply" => Self::Multiply,
            "add" => Self::Add,
            "string" => Self::Text,
            _ => {
                let error = Error::invalid("map.operation", format!("unknown operation `{name}`"));
                return Err(error.with_hint("one of: identity upper lower multiply add string"));
            }
        })
    }

    fn needs_value(self) -> bool {
        matches!(self, Self::Multiply | Self::Add)
    }

    fn apply(self, item: Value, value: &Value) -> Result<Value> {
        Ok(match self {
            _ if item.is_null() => item,
            Self::Identity => item,
            Self::Upper => text(&item)?.to_uppercase().into(),
            Self::Lower => text(&item)?.to_lowercase().into(),
            Self::Text => text(&item)?.into(),
            Self::Multiply => (number(&item)? * number(value)?).into(),
            Self::Add if item.as_str().is_some() => (text(&item)? + &text(value)?).into(),
            Self::Add => (number(&item)? + number(value)?).into(),
        })
    }
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map_or_else(|| value.to_json(), |text| Ok(text.to_owned()))
}

fn number(value: &Value) -> Result<f64> {
    as_number(value).and_then(|number| number.as_f64()).ok_or_else(|| {
        Error::invalid("map.number", format!("{} is not a number", clip(value)))
            .with_hint("filter such items out first, or use `expression`")
    })
}

/// The value for a message, cut short.
fn clip(value: &Value) -> String {
    match value.as_str() {
        Some(text) if text.len() > 40 => "a long text".to_owned(),
        Some(text) => format!("`{text}`"),
        None => format!("a value of kind {}", value.kind()),
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Error, Services, testing::NodeTest, value};
    use proptest::prelude::*;

    use super::*;

    async fn map(config: Value, data: Value) -> Result<Value> {
        let node = NodeTest::new::<MapItems>(config, &Services::default())?;
        let got = node.run(value!({"data": data})).await?;
        Ok(got.get("mapped_data").cloned().unwrap_or_default())
    }

    async fn refused(config: Value, data: Value) -> Error {
        map(config, data).await.unwrap_err()
    }

    #[tokio::test]
    async fn the_operations_of_items() {
        let cases = [
            ("identity", value!(null), value!(["a", 1]), value!(["a", 1])),
            ("upper", value!(null), value!(["a", null]), value!(["A", null])),
            ("lower", value!(null), value!(["ÄB"]), value!(["äb"])),
            ("multiply", value!(2), value!([3, "4", 0.5]), value!([6.0, 8.0, 1.0])),
            ("add", value!(1), value!([3, 0.5]), value!([4.0, 1.5])),
            ("add", value!("!"), value!(["a"]), value!(["a!"])),
            ("string", value!(null), value!([1, "a", [1]]), value!(["1", "a", "[1]"])),
        ];
        for (operation, value, data, expected) in cases {
            let config = value!({"operation": operation, "value": value});
            assert_eq!(map(config, data).await.unwrap(), expected, "{operation}");
        }
    }

    #[tokio::test]
    async fn the_result_goes_to_the_field_or_to_a_new_one() {
        let data = value!([{"p": "2", "q": 1}, {"q": 1}]);
        let same = value!({"field": "p", "operation": "multiply", "value": 3});
        assert_eq!(map(same, data.clone()).await.unwrap(), value!([{"p": 6.0, "q": 1}, {"q": 1, "p": null}]));
        let new = value!({"field": "p", "new_field": "r", "operation": "multiply", "value": 3});
        let expected = value!([{"p": "2", "q": 1, "r": 6.0}, {"q": 1, "r": null}]);
        assert_eq!(map(new, data.clone()).await.unwrap(), expected);
        assert_eq!(map(value!({"operation": "upper"}), data.clone()).await.unwrap(), data);
    }

    #[tokio::test]
    async fn an_expression_gives_the_new_value() {
        let data = value!([{"a": 1, "b": 2}]);
        let new = value!({"expression": "a + b", "new_field": "c"});
        assert_eq!(map(new, data.clone()).await.unwrap(), value!([{"a": 1, "b": 2, "c": 3}]));
        let replace = value!({"expression": "{'s': item.a * 10}"});
        assert_eq!(map(replace, data).await.unwrap(), value!([{"s": 10}]));
        assert_eq!(map(value!({"expression": "item * 2"}), value!([1, 2])).await.unwrap(), value!([2, 4]));
    }

    #[tokio::test]
    async fn bad_input_is_refused_with_its_place() {
        let error = refused(value!({"operation": "cube"}), value!([1])).await;
        assert!(error.message().contains("map.operation"), "{error}");
        assert_eq!(refused(value!({"operation": "add"}), value!([1])).await.code(), "map.value");
        let error = refused(value!({"operation": "multiply", "value": 2}), value!([1, "x"])).await;
        assert_eq!((error.code(), error.place()), ("map.number", Some("item 1")));
        let error = refused(value!({"expression": "("}), value!([])).await;
        assert!(error.message().contains("expression.syntax"), "{error}");
    }

    #[tokio::test]
    async fn shared_items_stay_as_they_are() {
        let data = value!([{"a": "x"}]);
        map(value!({"field": "a", "operation": "upper"}), data.clone()).await.unwrap();
        assert_eq!(data, value!([{"a": "x"}]));
    }

    proptest! {
        #[test]
        fn batches_give_what_the_whole_gives(numbers in prop::collection::vec(-50_i64..50, 0..60), size in 1_usize..20) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let config = value!({"operation": "multiply", "value": 3});
                let items: Vec<Value> = numbers.into_iter().map(Value::from).collect();
                let whole = map(config.clone(), Value::list(items.clone())).await.unwrap();
                let mut parts = Vec::new();
                for batch in items.chunks(size) {
                    parts.extend(map(config.clone(), Value::list(batch.to_vec())).await.unwrap().into_list().unwrap());
                }
                assert_eq!(Value::list(parts), whole);
            });
        }
    }
}
