//! `Cache`: values remembered between nodes and runs, by key.

use std::time::Duration;

use kailash_core::{
    Error, ErrorKind, Kind, Map, Result, Retry, Text, Value,
    node::{Body, BuildContext, Effect, Input, Inputs, NodeType, Output, Outputs, Setup, Spec},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Cache;
use crate::operation;

/// Remembers values by key in the memory of the host: later nodes and later runs find them.
///
/// When there is no room, what was not used for longest goes. After a restart everything is forgotten.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheNode {
    /// Keys of different namespaces don't meet.
    namespace: String,
    /// Seconds for which a value is remembered; without it until there is no room.
    #[serde(alias = "ttl")]
    ttl_s: Option<f64>,
}

impl Default for CacheNode {
    fn default() -> Self {
        Self { namespace: "default".into(), ttl_s: None }
    }
}

const OPERATION: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;
const KEYS: usize = 3;
const ITEMS: usize = 4;

/// The names of the operations.
const OPERATIONS: &str = "get set delete exists clear get_many set_many";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Get,
    Set,
    Delete,
    Exists,
    Clear,
    GetMany,
    SetMany,
}

impl Operation {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "get" => Self::Get,
            "set" => Self::Set,
            "delete" => Self::Delete,
            "exists" => Self::Exists,
            "clear" => Self::Clear,
            "get_many" => Self::GetMany,
            "set_many" => Self::SetMany,
            other => return Err(operation::unknown("cache.operation", other, OPERATIONS)),
        })
    }
}

impl NodeType for CacheNode {
    fn spec() -> Spec {
        Spec::new("Cache", "operations", "Remembers values by key, between nodes and between runs.")
            .inputs([
                Input::with_default(
                    "operation",
                    Kind::Text,
                    "get",
                    "Get, set, delete, exists, clear (all of the namespace), get_many or set_many.",
                ),
                Input::optional("key", Kind::Text, "The key; for get, set, delete and exists."),
                Input::optional("value", Kind::Any, "The value; for set."),
                Input::optional("keys", Kind::List, "The keys; for get_many."),
                Input::optional("items", Kind::Map, "The values by key; for set_many."),
            ])
            .outputs([
                Output::new("value", Kind::Any, "The value that was found, null if there is none; for set, the value."),
                Output::new(
                    "hit",
                    Kind::Bool,
                    "Whether the key had a value; for get_many, whether every key had one. Not with set, set_many and clear.",
                ),
                Output::new("success", Kind::Bool, "True."),
                Output::new("values", Kind::Map, "The values that were found, by key; for get_many."),
                Output::new("missing", Kind::List, "The keys without a value; for get_many."),
                Output::new("count", Kind::Int, "How many values were set, found, or forgotten."),
                Output::new("on_hit", Kind::Any, "The value, if get found one."),
                Output::new("on_miss", Kind::Any, "The key, if get found no value."),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if let Some(seconds) = self.ttl_s
            && !Duration::try_from_secs_f64(seconds).is_ok_and(|ttl| !ttl.is_zero())
        {
            let issue =
                Issue::error("config.seconds", format!("ttl_s is {seconds}, no number of seconds above 0"));
            setup.issues.push(issue.at("config.ttl_s"));
        }
        operation::check_configured(setup, Operation::parse)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let work = Work {
            cache: cx.services.get::<Cache>().cloned().unwrap_or_default(),
            namespace: self.namespace.as_str().into(),
            ttl: self.ttl_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        };
        Ok(Body::compute(move |inputs, _| work.run(inputs).map(Into::into)))
    }
}

struct Work {
    cache: Cache,
    namespace: Text,
    ttl: Option<Duration>,
}

/// The outputs by name, in the order of the spec.
#[derive(Default)]
struct Told {
    value: Option<Value>,
    hit: Option<bool>,
    values: Option<Map>,
    missing: Option<Vec<Value>>,
    count: Option<usize>,
    on_hit: Option<Value>,
    on_miss: Option<Value>,
}

impl From<Told> for Outputs {
    fn from(told: Told) -> Self {
        let outputs = [
            told.value,
            told.hit.map(Into::into),
            Some(true.into()),
            told.values.map(Into::into),
            told.missing.map(Into::into),
            told.count.map(Into::into),
            told.on_hit,
            told.on_miss,
        ];
        outputs.into_iter().collect()
    }
}

impl Work {
    fn run(&self, mut inputs: Inputs) -> Result<Outputs> {
        let operation = Operation::parse(&inputs.text(OPERATION)?)?;
        let told = match operation {
            Operation::Get => self.get(&key(&mut inputs)?),
            Operation::Set => {
                let key = key(&mut inputs)?;
                let value =
                    inputs.take(VALUE).ok_or_else(|| operation::needs("cache.input", "set", "value"))?;
                self.set(&key, &value)?;
                Told { value: Some(value), count: Some(1), ..Told::default() }
            }
            Operation::Delete => {
                let key = key(&mut inputs)?;
                let (mut entries, now) = self.cache.open();
                let was = entries.remove(&self.namespace, &key, now);
                Told { hit: Some(was), count: Some(usize::from(was)), ..Told::default() }
            }
            Operation::Exists => {
                let key = key(&mut inputs)?;
                let (entries, now) = self.cache.open();
                Told { hit: Some(entries.contains(&self.namespace, &key, now)), ..Told::default() }
            }
            Operation::Clear => {
                let (mut entries, now) = self.cache.open();
                Told { count: Some(entries.clear(&self.namespace, now)), ..Told::default() }
            }
            Operation::GetMany => self.get_many(given(&mut inputs, KEYS, "keys", "get_many")?)?,
            Operation::SetMany => {
                let items = given(&mut inputs, ITEMS, "items", "set_many")?;
                let items =
                    items.as_map().ok_or_else(|| operation::needs("cache.input", "set_many", "items"))?;
                items.iter().try_for_each(|(key, value)| self.set(key, value))?;
                Told { count: Some(items.len()), ..Told::default() }
            }
        };
        Ok(told.into())
    }

    fn get(&self, key: &Text) -> Told {
        let (mut entries, now) = self.cache.open();
        match entries.get(&self.namespace, key, now) {
            Some(value) => Told {
                value: Some(value.clone()),
                hit: Some(true),
                count: Some(1),
                on_hit: Some(value),
                ..Told::default()
            },
            None => Told {
                value: Some(Value::Null),
                hit: Some(false),
                count: Some(0),
                on_miss: Some(key.clone().into()),
                ..Told::default()
            },
        }
    }

    fn get_many(&self, keys: Value) -> Result<Told> {
        let keys = keys.into_list().map_err(|_| operation::needs("cache.input", "get_many", "keys"))?;
        let (mut values, mut missing) = (Map::with_capacity(keys.len()), Vec::new());
        let (mut entries, now) = self.cache.open();
        for key in keys {
            let Value::Str(key) = key else {
                let message = format!("a key is text, not {}", key.kind());
                return Err(Error::invalid("cache.key", message).at("keys"));
            };
            match entries.get(&self.namespace, &key, now) {
                Some(value) => drop(values.insert(key, value)),
                None => missing.push(key.into()),
            }
        }
        let (hit, count) = (Some(missing.is_empty()), Some(values.len()));
        Ok(Told { hit, count, values: Some(values), missing: Some(missing), ..Told::default() })
    }

    fn set(&self, key: &Text, value: &Value) -> Result<()> {
        let (mut entries, now) = self.cache.open();
        if entries.set(&self.namespace, key, value.clone(), self.ttl, now) {
            return Ok(());
        }
        let message = format!("the value of `{key}` is larger than the whole cache");
        Err(Error::new(ErrorKind::Limit, "cache.too_large", message).with_retry(Retry::Never))
    }
}

fn key(inputs: &mut Inputs) -> Result<Text> {
    match inputs.take(KEY) {
        Some(Value::Str(key)) => Ok(key),
        _ => Err(Error::missing("cache.key", "this operation needs `key`").at("key")),
    }
}

fn given(inputs: &mut Inputs, index: usize, name: &str, operation: &str) -> Result<Value> {
    inputs
        .take(index)
        .filter(|value| !value.is_null())
        .ok_or_else(|| operation::needs("cache.input", operation, name))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kailash_core::{
        Services,
        exec::{Clock, ManualClock, Monotonic, Timestamp},
        testing::NodeTest,
        value,
    };

    use super::{super::CacheSettings, *};

    struct Shared(Arc<ManualClock>);

    impl Clock for Shared {
        fn now(&self) -> Timestamp {
            self.0.now()
        }

        fn monotonic(&self) -> Monotonic {
            self.0.monotonic()
        }
    }

    fn services(cache: Cache) -> Services {
        Services::builder().with(cache).unwrap().build()
    }

    async fn run(services: &Services, config: Value, given: Value) -> Result<Value> {
        NodeTest::new::<CacheNode>(config, services)?.run(given).await.map(Value::from)
    }

    #[tokio::test]
    async fn what_one_node_sets_another_gets_and_each_outcome_has_its_branch() {
        let services = services(Cache::default());
        let config = || value!({"namespace": "n"});
        let get = || value!({"operation": "get", "key": "k"});
        let missed = run(&services, config(), get()).await.unwrap();
        assert_eq!(
            missed,
            value!({"value": null, "hit": false, "success": true, "count": 0, "on_miss": "k"})
        );
        run(&services, config(), value!({"operation": "set", "key": "k", "value": [1]})).await.unwrap();
        let found = run(&services, config(), get()).await.unwrap();
        let expected = value!({"value": [1], "hit": true, "success": true, "count": 1, "on_hit": [1]});
        assert_eq!(found, expected);
        let other = run(&services, value!({}), get()).await.unwrap();
        assert_eq!(other.get("hit"), Some(&value!(false)), "another namespace");
    }

    #[tokio::test]
    async fn several_keys_are_set_got_and_cleared_at_once() {
        let services = services(Cache::default());
        let op = |given: Value| run(&services, value!({}), given);
        let set = op(value!({"operation": "set_many", "items": {"a": 1, "b": null}})).await.unwrap();
        assert_eq!(set, value!({"success": true, "count": 2}));
        let got = op(value!({"operation": "get_many", "keys": ["a", "b", "c"]})).await.unwrap();
        let expected = value!({"hit": false, "success": true, "values": {"a": 1, "b": null}, "missing": ["c"], "count": 2});
        assert_eq!(got, expected);
        let exists = op(value!({"operation": "exists", "key": "b"})).await.unwrap();
        assert_eq!(exists, value!({"hit": true, "success": true}));
        let deleted = op(value!({"operation": "delete", "key": "b"})).await.unwrap();
        assert_eq!(deleted, value!({"hit": true, "success": true, "count": 1}));
        let cleared = op(value!({"operation": "clear"})).await.unwrap();
        assert_eq!(cleared, value!({"success": true, "count": 1}));
    }

    #[tokio::test]
    async fn a_value_is_forgotten_when_its_time_is_over() {
        let clock = Arc::new(ManualClock::default());
        let services = services(Cache::with_clock(CacheSettings::default(), Shared(Arc::clone(&clock))));
        let set = value!({"operation": "set", "key": "k", "value": 1});
        run(&services, value!({"ttl": 10}), set).await.unwrap();
        for (passed, hit) in [(9, true), (1, false)] {
            clock.advance(Duration::from_secs(passed));
            let found = run(&services, value!({}), value!({"key": "k"})).await.unwrap();
            assert_eq!(found.get("hit"), Some(&value!(hit)));
        }
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let services = services(Cache::new(CacheSettings { max_entries: 10, max_bytes: 1000 }));
        for (given, code) in [
            (value!({"operation": "steal", "key": "k"}), "cache.operation"),
            (value!({}), "cache.key"),
            (value!({"operation": "set", "key": "k"}), "cache.input"),
            (value!({"operation": "get_many"}), "cache.input"),
            (value!({"operation": "get_many", "keys": [1]}), "cache.key"),
            (value!({"operation": "set_many"}), "cache.input"),
            (value!({"operation": "set", "key": "k", "value": ("x".repeat(2000))}), "cache.too_large"),
        ] {
            assert_eq!(run(&services, value!({}), given).await.unwrap_err().code(), code);
        }
        for (config, code) in
            [(value!({"ttl_s": 0}), "config.seconds"), (value!({"operation": "steal"}), "cache.operation")]
        {
            let error = run(&services, config, value!({})).await.unwrap_err();
            assert!(error.message().contains(&format!("[{code}]")), "{error}");
        }
    }
}
