//! Many rows into a table.

use kailash_core::{ErrorKind, Value, value};

use super::{Bench, both};

async fn table(bench: &Bench) {
    bench.all(["CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INTEGER DEFAULT 5)"]).await;
}

const ALL: &str = "SELECT id, name, n FROM t ORDER BY id";

#[tokio::test]
async fn known_rows_are_updated_and_new_ones_inserted() {
    for bench in both().await {
        table(&bench).await;
        bench.sql("INSERT INTO t VALUES (1, 'old', 1)", Value::Null).await.unwrap();
        let node = bench.bulk(value!({"table": "t", "key_columns": ["id"]}));
        let rows = value!([{"id": 1, "name": "new"}, {"name": "two", "id": 2}, {"id": 3}]);
        let outputs = node.run(value!({"rows": rows})).await.unwrap();
        assert_eq!(Value::from(outputs), value!({"rows_written": 3, "batches": 1}));
        let expected = value!([[1, "new", 1], [2, "two", 5], [3, null, 5]]);
        assert_eq!(bench.rows(ALL, Value::Null).await, expected);
    }
}

#[tokio::test]
async fn writing_the_same_again_leaves_the_same() {
    for bench in both().await {
        table(&bench).await;
        let node = bench.bulk(value!({"table": "t", "key_columns": ["id"], "batch_size": 7}));
        let rows: Vec<Value> =
            (0..50).map(|id| value!({"id": id, "name": (format!("n{id}")), "n": null})).collect();
        let first = node.run(value!({"rows": (Value::list(rows.clone()))})).await.unwrap();
        let before = bench.rows(ALL, Value::Null).await;
        let again = node.run(value!({"rows": (Value::list(rows))})).await.unwrap();
        assert_eq!((first.get("batches"), &first), (Some(&value!(8)), &again));
        assert_eq!(bench.rows(ALL, Value::Null).await, before);
    }
}

#[tokio::test]
async fn of_two_rows_with_one_key_the_later_one_counts() {
    for bench in both().await {
        table(&bench).await;
        let node = bench.bulk(value!({"table": "t", "key_columns": ["id"]}));
        let rows = value!([{"id": 1, "name": "a", "n": 1}, {"id": 2, "name": "x", "n": 2}, {"id": 1, "name": "b", "n": 3}]);
        node.run(value!({"rows": rows})).await.unwrap();
        assert_eq!(bench.rows(ALL, Value::Null).await, value!([[1, "b", 3], [2, "x", 2]]));
    }
}

#[tokio::test]
async fn a_conflict_is_ignored_or_fails_as_asked() {
    for bench in both().await {
        table(&bench).await;
        bench.sql("INSERT INTO t VALUES (2, 'old', 1)", Value::Null).await.unwrap();
        let rows = value!([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]);
        let given = value!({"rows": rows});
        let node = bench.bulk(value!({"table": "t", "on_conflict": "error", "batch_size": 1}));
        let error = node.run(given.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "sql.constraint"));
        assert_eq!(error.place(), Some("rows 2 to 2"));
        assert_eq!(bench.rows(ALL, Value::Null).await, value!([[2, "old", 1]]), "all or nothing");
        let config = value!({"table": "t", "on_conflict": "error", "batch_size": 1, "transaction": "batch"});
        assert!(bench.bulk(config).run(given.clone()).await.is_err());
        let expected = value!([[1, "a", 5], [2, "old", 1]]);
        assert_eq!(bench.rows(ALL, Value::Null).await, expected, "batch by batch");
        let node = bench.bulk(value!({"table": "t", "on_conflict": "ignore"}));
        assert_eq!(node.run(given).await.unwrap().get("rows_written"), Some(&value!(1)));
        let expected = value!([[1, "a", 5], [2, "old", 1], [3, "c", 5]]);
        assert_eq!(bench.rows(ALL, Value::Null).await, expected);
    }
}

#[tokio::test]
async fn a_stream_is_written_in_one_transaction() {
    for bench in both().await {
        table(&bench).await;
        let node = bench.bulk(value!({"table": "t", "key_columns": ["id"], "batch_size": 100}));
        let batch = |from: i64| (from..from + 64).map(|id| value!({"id": id, "n": id})).collect::<Vec<_>>();
        let good: Vec<Vec<Value>> = (0..5).map(|index| batch(index * 64)).collect();
        let mut bad = good.clone();
        bad.push(vec![value!({"id": 1, "no_such_column": 1})]);
        let error = node.stream(value!({}), bad).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "sql.missing"), "{error:?}");
        assert_eq!(bench.rows("SELECT count(*) FROM t", Value::Null).await, value!([[0]]));
        let done = node.stream(value!({}), good).await.unwrap();
        assert_eq!(Value::from(done.outputs), value!({"rows_written": 320, "batches": 4}));
        assert_eq!(bench.rows("SELECT count(*), sum(n) FROM t", Value::Null).await, value!([[320, 51_040]]));
    }
}

#[tokio::test]
async fn more_values_than_a_statement_takes_are_no_problem() {
    for bench in both().await {
        bench.all(["CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER)"]).await;
        let node = bench.bulk(value!({"table": "t", "key_columns": ["id"], "batch_size": 50_000}));
        let rows: Vec<Value> = (0..40_000).map(|id| value!({"id": id, "a": 1, "b": 2})).collect();
        let outputs = node.run(value!({"rows": (Value::list(rows))})).await.unwrap();
        assert_eq!(Value::from(outputs), value!({"rows_written": 40_000, "batches": 1}));
        assert_eq!(
            bench.rows("SELECT count(*), sum(b) FROM t", Value::Null).await,
            value!([[40_000, 80_000]])
        );
    }
}

#[tokio::test]
async fn names_with_quotes_and_values_with_sql_stay_what_they_are() {
    for bench in both().await {
        bench.all(["CREATE TABLE \"My \"\"Table\" (\"the id\" INTEGER PRIMARY KEY, \"a;b\" TEXT)"]).await;
        let node = bench.bulk(value!({"table": "My \"Table", "key_columns": ["the id"]}));
        let rows = value!([{"the id": 1, "a;b": "'); DROP TABLE x; --"}]);
        node.run(value!({"rows": (rows.clone())})).await.unwrap();
        let outputs = bench.sql("SELECT * FROM \"My \"\"Table\"", Value::Null).await.unwrap();
        assert_eq!(outputs.get("data"), Some(&rows));
        let rows = value!([{"the id": 1, "a;b\") VALUES (2, 'x'); --": "x"}]);
        let error = node.run(value!({"rows": rows})).await.unwrap_err();
        assert_eq!(error.code(), "sql.missing", "{error:?}");
    }
}

#[tokio::test]
async fn no_rows_are_nothing_to_do() {
    let bench = Bench::with_secret("postgres://nobody@127.0.0.1:1/none");
    let node = bench.bulk(value!({"table": "t", "key_columns": ["id"]}));
    let outputs = node.run(value!({"rows": []})).await.unwrap();
    assert_eq!(Value::from(outputs), value!({"rows_written": 0, "batches": 0}));
}

#[tokio::test]
async fn a_row_that_cannot_be_written_is_named() {
    for bench in both().await {
        table(&bench).await;
        let node = bench.bulk(value!({"table": "t", "key_columns": ["id"], "batch_size": 2}));
        for row in [value!(1), value!({"name": "x"}), value!({})] {
            let rows = value!([{"id": 1}, {"id": 2}, row]);
            let error = node.run(value!({"rows": rows})).await.unwrap_err();
            assert_eq!((error.code(), error.place()), ("sql.rows", Some("row 3")), "{error:?}");
        }
        assert_eq!(bench.rows(ALL, Value::Null).await, value!([]));
    }
}
