//! Brings up to five values together into one.

use std::collections::HashMap;

use kailash_core::{
    Error, Kind, Map, Result, Value,
    node::{Body, BuildContext, Context, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// How many values can be merged.
const MOST: usize = 5;

/// Brings up to five values together: as one list, item by item, or as one map.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Concat,
    Zip,
    MergeDict,
}

impl std::str::FromStr for How {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "concat" => Ok(Self::Concat),
            "zip" => Ok(Self::Zip),
            "merge_dict" => Ok(Self::MergeDict),
            other => Err(Error::invalid("merge.type", format!("unknown merge_type `{other}`"))
                .with_hint("one of: concat zip merge_dict")),
        }
    }
}

impl NodeType for Merge {
    fn spec() -> Spec {
        let names = ["data1", "data2", "data3", "data4", "data5"];
        let data = names.map(|name| {
            Input::optional(name, Kind::Any, "one of the values to merge; at least one is given")
        });
        let how = [
            Input::with_default(
                "merge_type",
                Kind::Text,
                "concat",
                "concat: one list, where a value that is no list is an item; zip: a list of lists of the first items, the \
                 second items and so on, as long as the shortest; merge_dict: one map, where the later value of a key wins",
            ),
            Input::optional(
                "key",
                Kind::Text,
                "For merge_dict of lists of maps: maps with the same value here become one.",
            ),
            Input::with_default("skip_none", Kind::Bool, true, "whether values that are null are left out"),
        ];
        Spec::new("Merge", "logic", "Brings up to five values together as one list or map.")
            .inputs(data.into_iter().chain(how))
            .outputs([Output::new(
                "merged_data",
                Kind::Any,
                "The merged values; a value that came alone is given as it is.",
            )])
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        match setup.config.get("merge_type").and_then(Value::as_str) {
            Some(name) => name.parse::<How>().map(drop).map_err(|error| error.at("merge_type")),
            None => Ok(()),
        }
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::compute(merge))
    }
}

fn merge(mut inputs: Inputs, _: &Context) -> Result<Outcome> {
    let how = match inputs.get(MOST).and_then(Value::as_str) {
        Some(name) => name.parse()?,
        None => How::Concat,
    };
    let key = inputs.get(MOST + 1).and_then(Value::as_str).map(str::to_owned);
    let skip_none = inputs.bool(MOST + 2)?.unwrap_or(true);
    let mut given: Vec<Value> = (0..MOST).filter_map(|index| inputs.take(index)).collect();
    if given.is_empty() {
        return Err(Error::missing("merge.empty", "nothing to merge")
            .with_hint("connect or give at least one of data1 to data5"));
    }
    if skip_none {
        given.retain(|value| !value.is_null());
    }
    let merged = match given.len() {
        0 => Value::Null,
        1 => given.swap_remove(0),
        _ => match how {
            How::Concat => given.into_iter().flat_map(items).collect(),
            How::Zip => zip(given.into_iter().map(items).collect()),
            How::MergeDict => merge_maps(given, key.as_deref())?,
        },
    };
    Ok(Outputs::one(merged).into())
}

/// The items of a list or array; another value is the only item.
fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(array) => (0..array.len()).filter_map(|index| array.numbers().get(index)).collect(),
        other => other.into_list().unwrap_or_else(|other| vec![other]),
    }
}

fn zip(lists: Vec<Vec<Value>>) -> Value {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    std::iter::from_fn(|| lists.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>())
        .map(Value::from)
        .collect()
}

fn merge_maps(values: Vec<Value>, key: Option<&str>) -> Result<Value> {
    if values.iter().all(|value| value.as_map().is_some()) {
        let mut merged = Map::new();
        for map in values {
            merged.extend(map.into_map().unwrap_or_default());
        }
        return Ok(merged.into());
    }
    let Some(key) = key else {
        return Err(Error::invalid("merge.kind", "merge_dict wants maps")
            .with_hint("give `key` to merge lists of maps, or use merge_type concat"));
    };
    let mut rows: Vec<Map> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for value in values.into_iter().flat_map(items) {
        let row = value.into_map().map_err(|other| {
            Error::invalid(
                "merge.kind",
                format!("merge_dict by `{key}` wants lists of maps, not of {}", other.kind()),
            )
        })?;
        match row.get(key).map(identity).transpose()? {
            Some(id) => match places.get(&id) {
                Some(at) => rows[*at].extend(row),
                None => {
                    places.insert(id, rows.len());
                    rows.push(row);
                }
            },
            None => rows.push(row),
        }
    }
    Ok(rows.into_iter().map(Value::from).collect())
}

/// Text that is the same for equal values: 1 and 1.0 are equal.
fn identity(value: &Value) -> Result<String> {
    match value.as_i64() {
        Some(n) => Ok(n.to_string()),
        None => value.to_json(),
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    async fn run(config: Value) -> Result<Value> {
        let node = NodeTest::new::<Merge>(config, &Services::default())?;
        Ok(node.run(value!({})).await?.remove("merged_data").unwrap())
    }

    #[tokio::test]
    async fn concat_puts_lists_and_single_values_into_one_list() {
        assert_eq!(run(value!({"data1": 7, "data2": 14, "data3": 21})).await.unwrap(), value!([7, 14, 21]));
        assert_eq!(run(value!({"data1": [1, 2], "data5": [3]})).await.unwrap(), value!([1, 2, 3]));
    }

    #[tokio::test]
    async fn zip_ends_with_the_shortest_list() {
        let config = value!({"data1": [1, 2, 3], "data2": ["a", "b"], "merge_type": "zip"});
        assert_eq!(run(config).await.unwrap(), value!([[1, "a"], [2, "b"]]));
    }

    #[tokio::test]
    async fn merge_dict_lets_the_later_value_win() {
        let config = value!({"data1": {"a": 1, "b": 1}, "data2": {"b": 2}, "merge_type": "merge_dict"});
        assert_eq!(run(config).await.unwrap(), value!({"a": 1, "b": 2}));
    }

    #[tokio::test]
    async fn merge_dict_joins_rows_of_lists_by_key() {
        let config = value!({
            "data1": [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}],
            "data2": [{"id": 2.0, "b": true}, {"b": false}],
            "merge_type": "merge_dict",
            "key": "id",
        });
        let expected = value!([{"id": 1, "a": "x"}, {"id": 2, "a": "y", "b": true}, {"b": false}]);
        assert_eq!(run(config).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_value_that_came_alone_is_given_as_it_is() {
        let node = NodeTest::new::<Merge>(value!({}), &Services::default()).unwrap();
        let outputs = node.run(value!({"data1": null, "data2": {"a": 1}})).await.unwrap();
        assert_eq!(outputs.get("merged_data"), Some(&value!({"a": 1})));
        let outputs = node.run(value!({"data1": null, "data2": 1, "skip_none": false})).await.unwrap();
        assert_eq!(outputs.get("merged_data"), Some(&value!([null, 1])));
    }

    #[tokio::test]
    async fn merging_nothing_is_an_error() {
        assert_eq!(run(value!({})).await.unwrap_err().code(), "merge.empty");
    }

    #[tokio::test]
    async fn an_unknown_merge_type_is_found_before_any_run() {
        assert!(
            run(value!({"data1": 1, "merge_type": "join"}))
                .await
                .unwrap_err()
                .message()
                .contains("merge.type")
        );
    }

    #[tokio::test]
    async fn merge_dict_of_other_values_is_an_error() {
        let config = value!({"data1": {"a": 1}, "data2": 3, "merge_type": "merge_dict"});
        assert_eq!(run(config).await.unwrap_err().code(), "merge.kind");
    }
}
