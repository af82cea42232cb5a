//! Statements that are given up.

use kailash_core::{ErrorKind, Retry, Value, value};

use super::{Bench, both};

/// Never ends, on either database.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n";

#[tokio::test]
async fn a_statement_that_never_ends_runs_into_its_limit() {
    for bench in both().await {
        for read_only in [false, true] {
            bench.sql("SELECT 1", Value::Null).await.unwrap();
            let node = bench.node(value!({"timeout_s": 2, "read_only": read_only, "query": ENDLESS}));
            let error = node.run(value!({})).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "sql.timeout"));
            assert_eq!(error.retry() == Retry::Never, !read_only, "a write in doubt is not repeated");
            let error = node.stream(value!({}), Vec::new()).await.unwrap_err();
            assert_eq!(error.code(), "sql.timeout");
        }
    }
}

#[tokio::test]
async fn a_statement_that_is_given_up_ends_at_the_server() {
    let bench = Bench::postgres().await;
    let held = bench.node(value!({}));
    let holding = held.run(value!({"query": "SELECT pg_advisory_lock(7), pg_sleep(600)"}));
    let watching = async {
        let query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
        while bench.rows(query, Value::Null).await == value!([[0]]) {}
    };
    tokio::select! {
        ended = holding => panic!("it ended by itself: {ended:?}"),
        () = watching => {}
    }
    // Given only once the statement that held it is gone.
    bench.sql("SELECT pg_advisory_lock(7)", Value::Null).await.unwrap();
}

#[tokio::test]
async fn a_write_to_sqlite_that_is_given_up_lets_go_of_its_lock() {
    let bench = Bench::sqlite();
    bench.all(["CREATE TABLE t (id INTEGER)"]).await;
    let query =
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let node = bench.node(value!({"timeout_s": 2}));
    let error = node.run(value!({"query": query})).await.unwrap_err();
    assert_eq!(error.code(), "sql.timeout");
    bench.sql("INSERT INTO t VALUES (1)", Value::Null).await.unwrap();
    assert_eq!(bench.rows("SELECT count(*) FROM t", Value::Null).await, value!([[1]]));
}

#[tokio::test]
async fn a_slow_statement_does_not_hold_up_its_thread() {
    let bench = Bench::sqlite();
    bench.sql("SELECT 1", Value::Null).await.unwrap();
    let slow = bench.node(value!({"query": ENDLESS}));
    tokio::select! {
        biased;
        ended = slow.run(value!({})) => panic!("it ended: {ended:?}"),
        rows = bench.rows("SELECT 2", Value::Null) => assert_eq!(rows, value!([[2]])),
    }
}
