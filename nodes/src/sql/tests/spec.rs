//! What the types declare, and configs that cannot work.

use kailash_core::{Registry, Value, node::Effect, value};

use crate::sql::register;

fn configure(name: &str, config: &Value) -> Result<(Effect, bool), Vec<String>> {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let nesting = kailash_core::validate::Nesting::default();
    let node = registry.get(name).unwrap().configure(config.as_map().unwrap(), &registry, &nesting);
    node.map(|node| (node.effect, node.honours_key))
        .map_err(|issues| issues.iter().map(|issue| issue.code.to_string()).collect())
}

#[test]
fn a_node_is_repeatable_where_the_database_sees_to_it() {
    let at = "sqlite:a.db";
    let config = value!({"connection_string": at});
    assert_eq!(configure("SQLDatabaseNode", &config), Ok((Effect::Effectful, false)));
    let config = value!({"connection_string": at, "read_only": true});
    assert_eq!(configure("SQLDatabase", &config), Ok((Effect::Idempotent, false)));
    for (on_conflict, effect) in
        [("update", Effect::Idempotent), ("ignore", Effect::Idempotent), ("error", Effect::Effectful)]
    {
        let config = value!({"connection_string": at, "table": "t", "key_columns": ["id"], "on_conflict": on_conflict});
        assert_eq!(configure("SQLBulkUpsertNode", &config), Ok((effect, false)), "{on_conflict}");
    }
    let config = value!({"connection_string": at, "table": "t", "on_conflict": "ignore"});
    assert_eq!(configure("SQLBulkUpsert", &config), Ok((Effect::Effectful, false)), "rows without keys");
}

#[test]
fn a_time_limit_without_end_is_one_of_a_year() {
    let config = value!({"connection_string": "sqlite:a.db", "timeout_s": 1e19});
    assert!(configure("SQLDatabase", &config).is_ok());
    assert_eq!(crate::seconds::seconds(1e19).unwrap(), std::time::Duration::from_secs(365 * 86_400));
}

#[test]
fn every_problem_of_a_config_is_reported() {
    let config = value!({
        "connection_string": "postgres://u:hunter2@h/d", "timeout": 0, "pool_size": 0,
    });
    let codes = configure("SQLDatabase", &config).unwrap_err();
    assert_eq!(codes, ["config.seconds", "sql.pool_size", "sql.password"]);
    let config = value!({"connection_string": "sqlite::memory:", "read_only": true});
    assert_eq!(configure("SQLDatabase", &config).unwrap_err(), ["sql.read_only"]);
    let config = value!({"connection_string": "sqlite:a.db", "table": "t", "batch_size": 0});
    assert_eq!(configure("SQLBulkUpsert", &config).unwrap_err(), ["sql.batch_size", "sql.keys"]);
}
