//! State on a cluster of one.

use kailash_core::{Result, Services, Value, testing::NodeTest, value};
use kailash_edge::coordinate::Coordination;

use super::EdgeStateMachine;
use crate::code::python::{PythonPool, PythonSettings};

struct Bench(Services);

impl Bench {
    fn new() -> Self {
        let services = Services::builder().with(Coordination::temporary()).unwrap();
        Self(services.with(PythonPool::new(PythonSettings::default())).unwrap().build())
    }

    async fn ask(&self, given: Value) -> Result<Value> {
        let mut given = given.into_map().unwrap();
        given.insert("state_id", "s1");
        NodeTest::new::<EdgeStateMachine>(value!({}), &self.0)?.run(given.into()).await.map(Value::from)
    }

    /// What is told under these names.
    async fn told<const N: usize>(&self, given: Value, names: [&str; N]) -> [Value; N] {
        let told = self.ask(given.clone()).await.unwrap_or_else(|error| panic!("{given:?}: {error}"));
        names.map(|name| told.get(name).unwrap_or_else(|| panic!("no {name} in {told:?}")).clone())
    }
}

#[tokio::test]
async fn what_one_node_sets_another_gets() {
    let bench = Bench::new();
    let set = value!({"operation": "set", "key": "k", "value": {"a": 1}});
    let [success, old, new, version] =
        bench.told(set, ["success", "old_value", "new_value", "version"]).await;
    assert_eq!((success, old, new, version), (value!(true), Value::Null, value!({"a": 1}), value!(1)));
    let get = value!({"operation": "get", "key": "k"});
    let [value, exists, metadata, by] = bench.told(get, ["value", "exists", "metadata", "served_by"]).await;
    assert_eq!((value, exists, by), (value!({"a": 1}), value!(true), value!("localhost")));
    assert_eq!(metadata.get("version"), Some(&value!(1)));
    let [value, exists] = bench.told(value!({"key": "other"}), ["value", "exists"]).await;
    assert_eq!((value, exists), (Value::Null, value!(false)));
    let [state] = bench.told(value!({}), ["state"]).await;
    assert_eq!(state, value!({"k": {"a": 1}}));
    let delete = || value!({"operation": "delete", "key": "k"});
    assert_eq!(bench.told(delete(), ["deleted"]).await, [value!(true)]);
    assert_eq!(bench.told(delete(), ["deleted"]).await, [value!(false)]);
}

#[tokio::test]
async fn numbers_are_added_lists_grow_and_functions_are_applied() {
    let bench = Bench::new();
    let increment = |by: i64| value!({"operation": "increment", "key": "n", "increment": (by)});
    assert_eq!(bench.told(increment(2), ["old_value", "new_value"]).await, [value!(0), value!(2)]);
    assert_eq!(bench.told(increment(-5), ["old_value", "new_value"]).await, [value!(2), value!(-3)]);
    let append = |item: &str| value!({"operation": "append", "key": "l", "value": (item)});
    assert_eq!(bench.told(append("a"), ["list_size", "appended_value"]).await, [value!(1), value!("a")]);
    assert_eq!(bench.told(append("b"), ["list_size"]).await, [value!(2)]);
    for (function, new) in [
        ("value * 2", value!(-6)),
        ("lambda x: x + 1", value!(-5)),
        ("def twice(x):\n    return x * 2", value!(-10)),
        ("{'was': value}", value!({"was": (-10)})),
    ] {
        let update = value!({"operation": "update", "key": "n", "update_fn": (function)});
        assert_eq!(bench.told(update, ["new_value"]).await, [new], "{function}");
    }
    let update =
        value!({"operation": "update", "key": "n", "update_fn": "lambda x: open('/etc/passwd').read()"});
    assert!(bench.ask(update).await.is_err(), "the function is confined");
}

#[tokio::test]
async fn a_lock_is_held_by_a_run_until_it_is_given_back() {
    let bench = Bench::new();
    let lock = |timeout: u64| value!({"operation": "lock", "lock_name": "l", "timeout_ms": (timeout)});
    let [success, first, holder] = bench.told(lock(0), ["success", "token", "holder"]).await;
    assert_eq!(success, value!(true));
    assert_eq!(holder.as_str().map(str::len), Some(36));
    assert_eq!(bench.told(lock(60), ["success", "timeout_ms"]).await, [value!(false), value!(60)]);
    let unlock = || value!({"operation": "unlock", "lock_name": "l"});
    assert_eq!(bench.told(unlock(), ["released"]).await, [value!(true)]);
    assert_eq!(bench.told(unlock(), ["released"]).await, [value!(false)]);
    let [second] = bench.told(lock(0), ["token"]).await;
    assert!(second.as_u64() > first.as_u64());
}

#[tokio::test]
async fn a_lifecycle_goes_its_way_and_no_other() {
    let bench = Bench::new();
    let tell = |signal: &str| value!({"operation": "transition", "signal": (signal)});
    for (signal, state) in
        [("warm", "warming"), ("ready", "active"), ("drain", "draining"), ("drained", "terminated")]
    {
        assert_eq!(bench.told(tell(signal), ["state"]).await, [value!(state)]);
    }
    assert_eq!(bench.ask(tell("warm")).await.unwrap_err().code(), "lifecycle.signal");
}

#[tokio::test]
async fn bad_input_is_refused() {
    let bench = Bench::new();
    for (given, code) in [
        (value!({"operation": "steal"}), "state.operation"),
        (value!({"operation": "set"}), "state.input"),
        (value!({"operation": "update", "key": "k"}), "state.input"),
        (value!({"operation": "update", "key": "k", "update_fn": "value +"}), "expression.syntax"),
        (value!({"operation": "increment", "key": "k", "increment": "x"}), "map.number"),
        (value!({"operation": "lock"}), "state.input"),
        (value!({"operation": "lock", "lock_name": "l", "timeout_ms": (-1)}), "state.time"),
        (value!({"operation": "lock", "lock_name": "l", "lease_duration_ms": 0}), "lease.ttl"),
        (value!({"operation": "transition", "signal": "fly"}), "state.signal"),
        (value!({"operation": "get", "key": ("x".repeat(600))}), "coordinate.name"),
    ] {
        assert_eq!(bench.ask(given.clone()).await.unwrap_err().code(), code, "{given:?}");
    }
}
