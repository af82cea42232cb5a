//! `Sort`: a list in order, by its items or by a field of them.

use std::cmp::Ordering;

use kailash_core::{
    Kind, Result, Value,
    node::{Body, BuildContext, Context, Input, Inputs, NodeType, Outcome, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{field::Field, order::total};

/// Sorts a list. Equal items keep their order, also in reverse.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct Sort {}

impl NodeType for Sort {
    fn spec() -> Spec {
        Spec::new("Sort", "data", "Sorts a list.")
            .inputs([
                Input::required(
                    "data",
                    Kind::List,
                    "The items. Truth values come before numbers, then text (by code points), bytes, lists, maps.",
                ),
                Input::optional("field", Kind::Text, "The field of map items to sort by, also a dot path."),
                Input::with_default(
                    "reverse",
                    Kind::Bool,
                    false,
                    "Whether the greatest comes first; null and missing fields come last all the same.",
                ),
            ])
            .outputs([Output::new("sorted_data", Kind::List, "The items in order.")])
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::compute(|mut inputs: Inputs, _: &Context| {
            let mut items = inputs.list(0)?;
            let field = Field::of_input(&inputs, 1);
            let reverse = inputs.bool(2)?.unwrap_or(false);
            match field {
                None => items.sort_by(|a, b| compare(a, b, reverse)),
                Some(field) => {
                    let key = |item: Value| (field.of(&item).unwrap_or_default(), item);
                    let mut keyed: Vec<(Value, Value)> = items.into_iter().map(key).collect();
                    keyed.sort_by(|(a, _), (b, _)| compare(a, b, reverse));
                    items = keyed.into_iter().map(|(_, item)| item).collect();
                }
            }
            Ok(Outcome::Done(Outputs::one(items)))
        }))
    }
}

fn compare(a: &Value, b: &Value, reverse: bool) -> Ordering {
    let order = total(a, b);
    if reverse && !a.is_null() && !b.is_null() { order.reverse() } else { order }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    async fn sort(config: Value, data: Value) -> Value {
        let node = NodeTest::new::<Sort>(config, &Services::default()).unwrap();
        node.run(value!({"data": data})).await.unwrap().get("sorted_data").cloned().unwrap()
    }

    #[tokio::test]
    async fn items_are_sorted_either_way_and_numeric_text_stays_text() {
        assert_eq!(sort(value!({}), value!([3, 1.5, 2])).await, value!([1.5, 2, 3]));
        assert_eq!(sort(value!({"reverse": true}), value!(["10", "9", "b"])).await, value!(["b", "9", "10"]));
        assert_eq!(sort(value!({}), value!([])).await, value!([]));
    }

    #[tokio::test]
    async fn a_field_sorts_maps_stably_with_missing_ones_last() {
        let data =
            value!([{"i": 1, "v": 2}, {"i": 2}, {"i": 3, "v": 1}, {"i": 4, "v": 2}, {"i": 5, "v": null}]);
        let ids = |sorted: Value| {
            let rows = sorted.into_list().unwrap();
            rows.iter().map(|row| row.get("i").and_then(Value::as_i64).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(ids(sort(value!({"field": "v"}), data.clone()).await), [3, 1, 4, 2, 5]);
        assert_eq!(ids(sort(value!({"field": "v", "reverse": true}), data).await), [1, 4, 3, 2, 5]);
    }

    #[tokio::test]
    async fn mixed_kinds_do_not_fail() {
        let sorted = sort(value!({}), value!(["a", null, 2, [1], true, {"a": 1}, 1])).await;
        assert_eq!(sorted, value!([true, 1, 2, "a", [1], {"a": 1}, null]));
    }
}
