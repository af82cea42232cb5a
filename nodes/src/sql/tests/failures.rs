//! What goes wrong, and how it is said.

use kailash_core::{ErrorKind, Retry, Value, testing::NodeTest, value};

use super::{
    Bench, both,
    server::{PASSWORD, Server},
};
use crate::sql::SqlDatabase;

#[tokio::test]
async fn wrong_sql_is_named_with_its_place() {
    for bench in both().await {
        let error = bench.sql("SELECT 1\n  FRM t WHERE a = ?", value!([1])).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "sql.syntax"), "{error:?}");
        assert!(error.place().unwrap().starts_with("query line 2 column"), "{error:?}");
        assert!(error.message().contains("syntax error"), "{error:?}");
        assert_eq!(error.retry(), Retry::Never);
    }
}

#[tokio::test]
async fn an_unknown_table_is_missing() {
    for bench in both().await {
        let error = bench.sql("SELECT *\nFROM no_such_table", Value::Null).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "sql.missing"));
        assert_eq!(error.place(), Some("query line 2 column 6"));
    }
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_refused() {
    for bench in both().await {
        for (query, parameters) in [
            ("SELECT ?, ?", value!([1])),
            ("SELECT ?", value!([1, 2])),
            ("SELECT :a", value!({"b": 1})),
            ("SELECT 1", value!("a")),
        ] {
            let error = bench.sql(query, parameters).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "sql.parameters"), "{query}");
        }
    }
}

#[tokio::test]
async fn a_broken_constraint_is_a_conflict_and_the_connection_goes_on() {
    for bench in both().await {
        bench.all(["CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER NOT NULL CHECK (a > 0))"]).await;
        bench.sql("INSERT INTO t VALUES (1, 1)", Value::Null).await.unwrap();
        for row in [value!([1, 1]), value!([2, null]), value!([2, 0])] {
            let error = bench.sql("INSERT INTO t VALUES (?, ?)", row).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "sql.constraint"));
            assert_eq!(error.retry(), Retry::Never);
        }
        assert_eq!(bench.rows("SELECT count(*) FROM t", Value::Null).await, value!([[1]]));
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_its_column_is_invalid() {
    let bench = Bench::postgres().await;
    bench.all(["CREATE TABLE t (a int2)"]).await;
    for value in [value!(40_000), value!("many"), value!(1.5)] {
        let error = bench.sql("INSERT INTO t VALUES (?)", value!([value])).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "sql.value"), "{error:?}");
    }
}

#[tokio::test]
async fn a_node_that_only_reads_cannot_write() {
    for bench in both().await {
        bench.all(["CREATE TABLE t (id INTEGER)"]).await;
        let node = bench.node(value!({"read_only": true}));
        for query in ["INSERT INTO t VALUES (1)", "DROP TABLE t", "CREATE TABLE u (id INTEGER)"] {
            let error = node.run(value!({"query": query})).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "sql.read_only"), "{error:?}");
        }
        let outputs = node.run(value!({"query": "SELECT count(*) AS n FROM t"})).await.unwrap();
        assert_eq!(outputs.get("data"), Some(&value!([{"n": 0}])));
    }
}

#[tokio::test]
async fn a_server_cannot_be_talked_out_of_reading_only() {
    let bench = Bench::postgres().await;
    bench.all(["CREATE TABLE t (id INTEGER)"]).await;
    let node = bench.node(value!({"read_only": true, "pool_size": 1}));
    for query in [
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SET TRANSACTION READ WRITE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "DO $$ BEGIN SET TRANSACTION READ WRITE; INSERT INTO t VALUES (1); END $$",
        "WITH a AS (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM a",
    ] {
        drop(node.run(value!({"query": query})).await);
        let error = node.run(value!({"query": "INSERT INTO t VALUES (1)"})).await.unwrap_err();
        assert_eq!(error.code(), "sql.read_only", "{query}");
    }
    assert_eq!(bench.rows("SELECT count(*) FROM t", Value::Null).await, value!([[0]]));
}

#[tokio::test]
async fn a_read_only_file_that_is_not_there_is_not_made() {
    let bench = Bench::sqlite();
    let error = bench.node(value!({"read_only": true})).run(value!({"query": "SELECT 1"})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "sql.connect"), "{error:?}");
    assert_eq!(error.retry(), Retry::Never);
    assert!(error.place().unwrap().ends_with("test.db") && error.hint().unwrap().contains("slashes"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_said_to_be_none() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no database at all, but long enough to look like one".repeat(100)).unwrap();
    let bench = Bench::with_secret(&format!("sqlite:{}", file.path().display()));
    let error = bench.sql("SELECT * FROM sqlite_master", Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "sql.not_a_database"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_password_is_denied_and_no_password_is_shown() {
    let server = Server::shared();
    let wrong = server.address("postgres").replace(PASSWORD, "wrong-hunter3");
    let error = Bench::with_secret(&wrong).sql("SELECT 1", Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "sql.denied"), "{error:?}");
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        shown.push_str(&format!("{cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!shown.contains("hunter"), "{shown}");
    let place = format!("postgres://127.0.0.1:{}/postgres", server.port);
    assert_eq!(error.place(), Some(place.as_str()));
    let error =
        Bench::with_secret("postgres://u:hunter2@[bad/db").sql("SELECT 1", Value::Null).await.unwrap_err();
    assert_eq!(error.code(), "sql.address");
    assert!(!format!("{error:?}").contains("hunter"));
    let error =
        Bench::with_secret(&server.address("nowhere")).sql("SELECT 1", Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "sql.missing"), "{error:?}");
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let config = value!({"connection_string": "env:KAILASH_TEST_NO_SUCH_VARIABLE", "query": "SELECT 1"});
    let node = NodeTest::new::<SqlDatabase>(config, &kailash_core::Services::default()).unwrap();
    let error = node.run(value!({})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "sql.secret"));
}

#[tokio::test]
async fn nobody_at_home_is_said_at_once_and_a_silent_host_within_the_limit() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::with_secret(&format!("postgres://u:hunter2@{free}/db"));
    let error = bench.sql("SELECT 1", Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "sql.connect"));
    assert!(error.message().contains("refused") && error.retry() != Retry::Never, "{error:?}");
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::with_secret(&format!("postgres://u:hunter2@{}/db", silent.local_addr().unwrap()));
    let error = bench.node(value!({"timeout_s": 0.2})).run(value!({"query": "SELECT 1"})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "sql.connect"), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter"));
}

#[tokio::test]
async fn a_locked_database_is_busy_for_now() {
    let bench = Bench::sqlite();
    bench.all(["CREATE TABLE t (id INTEGER)"]).await;
    let mut holder =
        bench.stage(value!({"table": "t", "on_conflict": "error", "batch_size": 1, "pool_size": 1}));
    let cx = super::bench::context();
    holder.process(0, vec![value!({"id": 1})], &cx, &mut super::bench::Count::default()).await.unwrap();
    let error = bench.sql("INSERT INTO t VALUES (2)", Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "sql.busy"), "{error:?}");
    assert_ne!(error.retry(), Retry::Never);
    drop(holder);
    bench.all(["INSERT INTO t VALUES (3)"]).await;
    let rows = bench.rows("SELECT id FROM t", Value::Null).await;
    assert_eq!(rows, value!([[3]]), "the transaction that was given up is gone");
}

#[tokio::test]
async fn a_lock_that_cannot_be_had_is_busy() {
    let bench = Bench::postgres().await;
    bench.all(["CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)"]).await;
    let holder = bench.node(value!({"query": "UPDATE t SET id = 2 RETURNING pg_sleep(600)"}));
    let trying = async {
        loop {
            if let Err(error) = bench.sql("SELECT id FROM t FOR UPDATE NOWAIT", Value::Null).await {
                return error;
            }
        }
    };
    tokio::select! {
        held = holder.run(value!({})) => panic!("the lock was not held: {held:?}"),
        error = trying => {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "sql.busy"), "{error:?}");
            assert_ne!(error.retry(), Retry::Never);
        }
    }
}

#[tokio::test]
async fn a_server_that_went_away_and_came_back_is_used_again() {
    let server = Server::start();
    let bench = Bench::at_server(&server).await;
    bench.all(["CREATE TABLE t (id INTEGER)"]).await;
    server.tell("stop");
    let error = bench.sql("INSERT INTO t VALUES (1)", Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "sql.connect"), "{error:?}");
    server.tell("start");
    bench.sql("INSERT INTO t VALUES (1)", Value::Null).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM t", Value::Null).await, value!([[1]]));
}

#[tokio::test]
async fn a_statement_cut_off_by_the_server_is_in_doubt_unless_it_only_reads() {
    let bench = Bench::postgres().await;
    for read_only in [false, true] {
        let node = bench.node(value!({"read_only": read_only}));
        let query = "SELECT pg_terminate_backend(pg_backend_pid())";
        let error = node.run(value!({"query": query})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "sql.io"), "{error:?}");
        assert_eq!(error.retry() == Retry::Never, !read_only);
        assert!(node.run(value!({"query": "SELECT 1"})).await.is_ok());
    }
}

#[tokio::test]
async fn what_the_driver_cannot_do_is_not_tried_again() {
    let bench = Bench::sqlite();
    let error = bench.sql("SELECT @a", Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "sql.driver"), "{error:?}");
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn what_the_server_never_takes_is_not_tried_again() {
    let bench = Bench::postgres().await;
    let columns: Vec<String> = (0..1700).map(|number| format!("c{number} INT")).collect();
    let query = format!("CREATE TABLE t ({})", columns.join(", "));
    let error = bench.sql(&query, Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.retry()), (ErrorKind::Limit, "sql.limit", Retry::Never));
}

#[tokio::test]
async fn a_table_that_changed_does_not_stay_unknown() {
    let bench = Bench::postgres().await;
    bench.all(["CREATE TABLE t (id INTEGER)"]).await;
    bench.sql("SELECT * FROM t", Value::Null).await.unwrap();
    bench.all(["ALTER TABLE t ADD COLUMN name TEXT"]).await;
    let outputs = bench.sql("SELECT * FROM t", Value::Null).await.unwrap();
    assert_eq!(outputs.get("columns"), Some(&value!(["id", "name"])));
    // Types that parameters had before are not kept either.
    bench.sql("INSERT INTO t VALUES (?, ?)", value!([1, "a"])).await.unwrap();
    bench.all(["DROP TABLE t", "CREATE TABLE t (id TEXT, name JSONB)"]).await;
    bench.sql("INSERT INTO t VALUES (?, ?)", value!(["x", {"a": 1}])).await.unwrap();
}
