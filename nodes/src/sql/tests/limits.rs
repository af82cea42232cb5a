//! Bounds on what comes from outside.

use kailash_core::{ErrorKind, Retry, Value, node::Progress, value};

use super::{
    Bench,
    bench::{Count, context},
    both,
};

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i, 'abcdefghij' AS t FROM n";

#[tokio::test]
async fn too_many_rows_are_refused_and_as_many_as_allowed_are_not() {
    for bench in both().await {
        let query = "SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3";
        let node = bench.node(value!({"max_rows": 2, "query": query}));
        let error = node.run(value!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "sql.too_many_rows"));
        assert_eq!(error.retry(), Retry::Never);
        let node = bench.node(value!({"max_rows": 3, "query": query}));
        assert_eq!(node.run(value!({})).await.unwrap().get("row_count"), Some(&value!(3)));
        let error = bench.node(value!({"query": NUMBERS})).run(value!({})).await.unwrap_err();
        assert_eq!(error.code(), "sql.too_many_rows");
        assert_eq!(bench.rows("SELECT 1", Value::Null).await, value!([[1]]), "the pool still works");
    }
}

#[tokio::test]
async fn rows_that_were_written_stay_when_too_many_come_back_and_the_error_says_so() {
    for bench in both().await {
        bench.all(["CREATE TABLE t (id INTEGER)"]).await;
        let query = "INSERT INTO t VALUES (1), (2), (3) RETURNING id";
        let error = bench.node(value!({"max_rows": 2, "query": query})).run(value!({})).await.unwrap_err();
        assert_eq!((error.code(), error.retry()), ("sql.too_many_rows", Retry::Never));
        assert!(error.message().contains("may have been carried out"), "{error}");
        assert_eq!(bench.rows("SELECT count(*) FROM t", Value::Null).await, value!([[3]]));
        let query = "UPDATE t SET id = 7 RETURNING id";
        let error = bench.node(value!({"max_bytes": 1, "query": query})).run(value!({})).await.unwrap_err();
        assert_eq!((error.code(), error.retry()), ("sql.too_large", Retry::Never));
        assert!(error.message().contains("may have been carried out"), "{error}");
        let query = "SELECT id FROM t";
        let error = bench.node(value!({"max_rows": 2, "query": query})).run(value!({})).await.unwrap_err();
        assert!(!error.message().contains("carried out"), "{error}");
    }
}

#[tokio::test]
async fn too_large_a_result_and_too_large_a_row_are_refused() {
    for bench in both().await {
        let large = if bench.is_server {
            "SELECT repeat('x', 100000) AS x"
        } else {
            "SELECT hex(zeroblob(50000)) AS x"
        };
        let node = bench.node(value!({"max_bytes": 99_999, "query": large}));
        let error = node.run(value!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "sql.too_large"));
        assert_eq!(node.stream(value!({}), Vec::new()).await.unwrap_err().code(), "sql.too_large");
        let node = bench.node(value!({"max_bytes": 200_000, "query": large}));
        assert!(node.run(value!({})).await.is_ok());
        let error = bench
            .node(value!({"max_bytes": 1_000_000, "max_rows": 1_000_000}))
            .run(value!({"query": NUMBERS}))
            .await;
        assert_eq!(error.unwrap_err().code(), "sql.too_large");
    }
}

#[tokio::test]
async fn many_rows_flow_in_small_batches() {
    let before = peak();
    for bench in both().await {
        let run = context();
        let inputs = [Some(value!(NUMBERS)), None].into_iter().collect();
        let mut source = bench.source(value!({}), inputs);
        let mut counter = Count::default();
        while source.pull(&run, &mut counter).await.unwrap() == Progress::More {}
        assert_eq!(counter.rows, 300_000);
        assert!(counter.most <= 1024, "{}", counter.most);
        assert_eq!(source.finish(&run).await.unwrap().get(1), Some(&value!(300_000)));
    }
    // 600,000 rows as maps would take more than 100 MB.
    // Tests run in processes of their own, so nobody else grows here.
    let grown = peak() - before;
    assert!(grown < 40_000, "{grown} KiB");
}

/// The most memory that this process had so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_stream_may_be_larger_than_its_largest_row() {
    let bench = Bench::sqlite();
    let node = bench.node(value!({"max_bytes": 1000}));
    let streamed = node.stream(value!({"query": NUMBERS}), Vec::new()).await.unwrap();
    assert_eq!(streamed.items[0].len(), 300_000, "the limit is that of a row");
}
