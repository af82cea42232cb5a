//! Statements and their outputs.

use kailash_core::{Value, value};

use super::{Bench, both};

#[tokio::test]
async fn rows_come_as_maps_or_lists_with_what_is_known_of_them() {
    for bench in both().await {
        bench.all(["CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)"]).await;
        let outputs =
            bench.sql("INSERT INTO t VALUES (?, ?), (?, ?)", value!([1, "a", 2, null])).await.unwrap();
        assert_eq!(outputs.get("rows_affected"), Some(&value!(2)));
        assert_eq!(outputs.get("data"), Some(&value!([])));
        let outputs = bench.sql("SELECT id, name FROM t ORDER BY id", Value::Null).await.unwrap();
        assert_eq!(outputs.get("data"), Some(&value!([{"id": 1, "name": "a"}, {"id": 2, "name": null}])));
        assert_eq!(outputs.get("columns"), Some(&value!(["id", "name"])));
        assert_eq!(
            (outputs.get("row_count"), outputs.get("rows_affected")),
            (Some(&value!(2)), Some(&value!(0)))
        );
        assert!(outputs.get("execution_time_ms").and_then(Value::as_f64).unwrap() > 0.0);
        let rows = bench.rows("SELECT name, id FROM t WHERE id = :id", value!({"id": 1, "more": 2})).await;
        assert_eq!(rows, value!([["a", 1]]));
    }
}

#[tokio::test]
async fn columns_are_known_without_a_row_and_rows_of_returning_come_back() {
    for bench in both().await {
        bench.all(["CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)"]).await;
        let outputs = bench.sql("SELECT name, id FROM t WHERE id = ?", value!([1])).await.unwrap();
        assert_eq!(outputs.get("columns"), Some(&value!(["name", "id"])));
        let query = "INSERT INTO t VALUES (7, 'x') RETURNING id";
        let outputs = bench.sql(query, Value::Null).await.unwrap();
        assert_eq!(outputs.get("data"), Some(&value!([{"id": 7}])));
        assert_eq!(outputs.get("rows_affected"), Some(&value!(1)));
    }
}

#[tokio::test]
async fn a_parameter_is_never_read_as_sql() {
    let attack = "'; DROP TABLE t; --";
    for bench in both().await {
        bench.all(["CREATE TABLE t (name TEXT)"]).await;
        bench.sql("INSERT INTO t VALUES (?)", value!([attack])).await.unwrap();
        bench.sql("INSERT INTO t VALUES (:n)", value!({"n": "x' OR '1'='1"})).await.unwrap();
        assert_eq!(
            bench.rows("SELECT name FROM t WHERE name = $1", value!([attack])).await,
            value!([[attack]])
        );
        let rows = bench.rows("SELECT count(*) FROM t WHERE name = ?", value!(["' OR 1=1 --"])).await;
        assert_eq!(rows, value!([[0]]));
    }
}

#[tokio::test]
async fn what_looks_like_a_parameter_in_a_string_stays_there() {
    for bench in both().await {
        let rows = bench.rows("SELECT '? :a $1', CAST(? AS TEXT) -- ?", value!(["x"])).await;
        assert_eq!(rows, value!([["? :a $1", "x"]]));
    }
    let bench = Bench::postgres().await;
    let rows =
        bench.rows("SELECT '{\"a\": 1}'::jsonb ? 'a', $$ ? $$, (ARRAY[1,2,3])[1:2]", Value::Null).await;
    assert_eq!(rows, value!([[true, " ? ", [1, 2]]]));
}

#[tokio::test]
async fn a_stream_of_rows_carries_the_same_as_the_list() {
    for bench in both().await {
        let query =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n";
        let given = value!({"query": query});
        let whole = bench.node(value!({})).run(given.clone()).await.unwrap();
        let streamed = bench.node(value!({})).stream(given, Vec::new()).await.unwrap();
        assert_eq!(whole.get("data"), Some(&Value::list(streamed.items[0].clone())));
        for output in ["row_count", "columns", "rows_affected"] {
            assert_eq!(whole.get(output), streamed.outputs.get(output), "{output}");
        }
        assert_eq!(streamed.outputs.get("row_count"), Some(&value!(3000)));
    }
}

#[tokio::test]
async fn a_database_in_memory_is_shared_by_the_nodes_of_a_host() {
    let bench = Bench::sqlite();
    let node = |query: &str| {
        let config = value!({"connection_string": "sqlite::memory:", "query": query});
        kailash_core::testing::NodeTest::new::<crate::sql::SqlDatabase>(config, &bench.services).unwrap()
    };
    node("CREATE TABLE t (id INTEGER)").run(value!({})).await.unwrap();
    node("INSERT INTO t VALUES (1)").run(value!({})).await.unwrap();
    let outputs = node("SELECT id FROM t").run(value!({})).await.unwrap();
    assert_eq!(outputs.get("data"), Some(&value!([{"id": 1}])));
}

#[tokio::test]
async fn a_trigger_is_one_statement_and_its_changes_count_only_once() {
    let bench = Bench::sqlite();
    bench
        .all([
            "CREATE TABLE t (id INTEGER)",
            "CREATE TABLE log (id INTEGER)",
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.id); SELECT 1; END;",
        ])
        .await;
    let outputs = bench.sql("INSERT INTO t VALUES (1)", Value::Null).await.unwrap();
    assert_eq!(outputs.get("rows_affected"), Some(&value!(1)));
    assert_eq!(bench.rows("SELECT id FROM log", Value::Null).await, value!([[1]]));
}
