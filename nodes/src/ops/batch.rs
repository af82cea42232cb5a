//! `BatchProcessor`: a list in batches, for a foreach to work on.

use kailash_core::{
    Error, ErrorKind, Kind, Path, Result, Retry, Text, Value,
    node::{Body, BuildContext, Context, Input, Inputs, NodeType, Output, Outputs, Setup, Spec},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Splits a list into batches.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchProcessor {
    /// The most items of a batch.
    batch_size: usize,
    /// How items are put together.
    strategy: Strategy,
    /// The field of the items, or dot path into them, that the items of a batch have in common; for strategy `by_key`.
    key_field: Option<String>,
    /// The most bytes that the items of a batch take as JSON; for strategy `by_bytes`.
    max_bytes: Option<usize>,
}

/// How items are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Strategy {
    /// One after the other, `batch_size` at a time.
    #[default]
    Sequential,
    /// Those with the same `key_field` together, keys in the order in which they come first; up to `batch_size` at a time.
    ByKey,
    /// One after the other, up to `max_bytes` and `batch_size` at a time.
    ByBytes,
}

impl Default for BatchProcessor {
    fn default() -> Self {
        Self { batch_size: 100, strategy: Strategy::default(), key_field: None, max_bytes: None }
    }
}

impl NodeType for BatchProcessor {
    fn spec() -> Spec {
        Spec::new("BatchProcessor", "operations", "Splits a list into batches.")
            .inputs([Input::required("items", Kind::List, "The items.")])
            .outputs([
                Output::new("batches", Kind::List, "The batches: lists of items."),
                Output::new("batch_count", Kind::Int, "How many batches there are."),
                Output::new("item_count", Kind::Int, "How many items there are."),
            ])
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        let mut wrong = |field: &str, message: &str| {
            setup.issues.push(Issue::error("batch.config", message).at(format!("config.{field}")));
        };
        if self.batch_size == 0 {
            wrong("batch_size", "batch_size is 0");
        }
        match (self.strategy, &self.key_field) {
            (Strategy::ByKey, None) => wrong("key_field", "strategy `by_key` needs `key_field`"),
            (Strategy::Sequential | Strategy::ByBytes, Some(_)) => {
                wrong("key_field", "`key_field` is for strategy `by_key` only");
            }
            _ => {}
        }
        match (self.strategy, self.max_bytes) {
            (Strategy::ByBytes, None | Some(0)) => {
                wrong("max_bytes", "strategy `by_bytes` needs `max_bytes` above 0");
            }
            (Strategy::Sequential | Strategy::ByKey, Some(_)) => {
                wrong("max_bytes", "`max_bytes` is for strategy `by_bytes` only");
            }
            _ => {}
        }
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let this = self.clone();
        Ok(Body::compute(move |mut inputs: Inputs, cx: &Context| {
            let items = inputs.list(0)?;
            let count = items.len();
            let batches = match this.strategy {
                Strategy::Sequential => in_order(items, this.batch_size, |_, _| Ok(false), cx)?,
                Strategy::ByKey => this.by_key(items, cx)?,
                Strategy::ByBytes => this.by_bytes(items, cx)?,
            };
            let outputs = [batches.len().into(), count.into()];
            let batches: Value = batches.into_iter().map(Value::list).collect();
            Ok([batches].into_iter().chain(outputs).map(Some).collect::<Outputs>().into())
        }))
    }
}

/// Batches of up to `most` items one after the other; `is_full` may end one earlier, it sees the place of an item and the
/// item.
fn in_order(
    items: Vec<Value>,
    most: usize,
    mut is_full: impl FnMut(usize, &Value) -> Result<bool>,
    cx: &Context,
) -> Result<Vec<Vec<Value>>> {
    let mut batches: Vec<Vec<Value>> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        if index % 1024 == 0 {
            cx.check()?;
        }
        let full = is_full(index, &item)?;
        match batches.last_mut() {
            Some(batch) if batch.len() < most && !full => batch.push(item),
            _ => batches.push(vec![item]),
        }
    }
    Ok(batches)
}

impl BatchProcessor {
    fn by_bytes(&self, items: Vec<Value>, cx: &Context) -> Result<Vec<Vec<Value>>> {
        let most = self.max_bytes.unwrap_or(usize::MAX);
        let (mut bytes, mut count) = (0_usize, 0_usize);
        let is_full = |index: usize, item: &Value| {
            let own = item.to_json().map_err(|error| error.at(format!("items[{index}]")))?.len();
            if own > most {
                let message = format!("an item takes {own} bytes, more than {most}");
                return Err(Error::new(ErrorKind::Limit, "batch.too_large", message)
                    .with_retry(Retry::Never)
                    .at(format!("items[{index}]"))
                    .with_hint("raise `max_bytes`"));
            }
            let full = bytes + own > most || count == self.batch_size;
            (bytes, count) = if full { (own, 1) } else { (bytes + own, count + 1) };
            Ok(full)
        };
        in_order(items, self.batch_size, is_full, cx)
    }

    fn by_key(&self, items: Vec<Value>, cx: &Context) -> Result<Vec<Vec<Value>>> {
        let field = self.key_field.as_deref().unwrap_or_default();
        // Keys are compared as JSON, in which 1 and "1" differ.
        let mut groups: std::collections::HashMap<Text, usize> = std::collections::HashMap::new();
        let mut grouped: Vec<Vec<Value>> = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            if index % 1024 == 0 {
                cx.check()?;
            }
            let key = match item.get(field) {
                Some(key) => Some(key.clone()),
                None => Path::new(field.split('.')).resolve(&item).ok(),
            };
            let key = key.ok_or_else(|| {
                Error::missing("batch.key", format!("an item has no `{field}`")).at(format!("items[{index}]"))
            })?;
            let key = Text::from(key.to_json().map_err(|error| error.at(format!("items[{index}]")))?);
            let group = *groups.entry(key).or_insert_with(|| {
                grouped.push(Vec::new());
                grouped.len() - 1
            });
            grouped[group].push(item);
        }
        let mut batches = Vec::with_capacity(grouped.len());
        for group in grouped {
            batches.extend(in_order(group, self.batch_size, |_, _| Ok(false), cx)?);
        }
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Map, Services, testing::NodeTest, value};

    use super::*;

    async fn run(config: Value, items: Value) -> Result<Map> {
        NodeTest::new::<BatchProcessor>(config, &Services::default())?.run(value!({"items": items})).await
    }

    async fn batches(config: Value, items: Value) -> Value {
        run(config, items).await.unwrap().get("batches").cloned().unwrap()
    }

    #[tokio::test]
    async fn items_are_taken_one_after_the_other() {
        let got = run(value!({"batch_size": 2}), value!([1, 2, 3, 4, 5])).await.unwrap();
        let expected = value!({"batches": [[1, 2], [3, 4], [5]], "batch_count": 3, "item_count": 5});
        assert_eq!(Value::from(got), expected);
        let none = value!({"batches": [], "batch_count": 0, "item_count": 0});
        assert_eq!(Value::from(run(value!({}), value!([])).await.unwrap()), none);
        let array = Value::from(kailash_core::Array::from(vec![1.0_f64, 2.0, 3.0]));
        assert_eq!(batches(value!({"batch_size": 2}), array).await, value!([[1.0, 2.0], [3.0]]));
    }

    #[tokio::test]
    async fn items_with_one_key_come_together_up_to_the_size() {
        let config = value!({"strategy": "by_key", "key_field": "at.site", "batch_size": 2});
        let item = |site: Value, n: i64| value!({"at": {"site": site}, "n": n});
        let (a, b) = (|n| item(value!("a"), n), |n| item(value!(1), n));
        let items = value!([(a(1)), (b(2)), (a(3)), (a(4)), (item(value!("1"), 5))]);
        let expected = value!([[(a(1)), (a(3))], [(a(4))], [(b(2))], [(item(value!("1"), 5))]]);
        assert_eq!(batches(config.clone(), items).await, expected);
        let error = run(config, value!([(a(1)), {"at": 1}])).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("batch.key", Some("items[1]")));
    }

    #[tokio::test]
    async fn a_batch_stays_within_its_bytes_and_its_size() {
        let config = value!({"strategy": "by_bytes", "max_bytes": 10, "batch_size": 3});
        let items = value!(["aaaa", "bb", "c", 1, 2, 3, 4]);
        let expected = value!([["aaaa", "bb"], ["c", 1, 2], [3, 4]]);
        assert_eq!(batches(config.clone(), items).await, expected);
        let error = run(config, value!([1, "a text that is too long"])).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("batch.too_large", Some("items[1]")));
    }

    #[test]
    fn a_config_that_cannot_work_is_refused() {
        for config in [
            value!({"batch_size": 0}),
            value!({"strategy": "by_key"}),
            value!({"strategy": "by_bytes"}),
            value!({"strategy": "by_bytes", "max_bytes": 0}),
            value!({"key_field": "a"}),
            value!({"max_bytes": 5}),
        ] {
            let error = NodeTest::new::<BatchProcessor>(config, &Services::default()).err().unwrap();
            assert!(error.message().contains("[batch.config]"), "{error}");
        }
    }
}
