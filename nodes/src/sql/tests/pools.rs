//! Connections shared by nodes.

use futures_util::future::join_all;
use kailash_core::{Value, value};

use super::{
    Bench, both,
    server::{PASSWORD, Server},
};
use crate::sql::SqlPools;

#[tokio::test]
async fn many_nodes_share_few_connections() {
    for bench in both().await {
        bench.all(["CREATE TABLE t (id INTEGER)"]).await;
        let node = bench.node(value!({"pool_size": 3, "query": "INSERT INTO t VALUES (?)"}));
        let runs = (0..60).map(|id| node.run(value!({"parameters": [id]})));
        for outcome in join_all(runs).await {
            outcome.unwrap();
        }
        assert_eq!(bench.rows("SELECT count(*) FROM t", Value::Null).await, value!([[60]]));
        if bench.is_server {
            let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kailash' \
                         AND datname = current_database()";
            let rows = bench.rows(query, Value::Null).await;
            // Three of this node's, one of those with the default number.
            assert_eq!(rows, value!([[4]]));
        }
    }
}

#[tokio::test]
async fn a_pool_without_a_free_connection_says_so() {
    let bench = Bench::postgres().await;
    let config = value!({"pool_size": 1, "timeout_s": 0.3});
    let (slow, next) = (bench.node(value!({"pool_size": 1, "timeout_s": 20})), bench.node(config));
    let blocked = async {
        let query =
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%sleep(_00)%'";
        while bench.rows(query, Value::Null).await == value!([[0]]) {}
        next.run(value!({"query": "SELECT 1"})).await.unwrap_err()
    };
    let error = tokio::select! {
        ended = slow.run(value!({"query": "SELECT pg_sleep(600)"})) => panic!("it ended: {ended:?}"),
        error = blocked => error,
    };
    assert_eq!(error.code(), "sql.connect");
    assert!(error.hint().unwrap().contains("pool_size"), "{error:?}");
}

#[tokio::test]
async fn what_a_statement_changed_of_its_session_is_not_left_to_the_next() {
    let bench = Bench::postgres().await;
    let run = async |query: &str| {
        let node = bench.node(value!({"pool_size": 1, "result_format": "list"}));
        let outputs = node.run(value!({"query": query})).await?;
        Ok::<_, kailash_core::Error>(outputs.get("data").cloned().unwrap())
    };
    let before = run("SHOW statement_timeout").await.unwrap();
    for query in ["SET statement_timeout = 12345", "SELECT set_config('statement_timeout', '12345', false)"] {
        run(query).await.unwrap();
        assert_eq!(run("SHOW statement_timeout").await.unwrap(), before, "{query}");
    }
    run("CREATE TEMP TABLE mine (id INT)").await.unwrap();
    assert_eq!(run("SELECT * FROM mine").await.unwrap_err().code(), "sql.missing");
    let bench = Bench::sqlite();
    bench.all(["PRAGMA foreign_keys = OFF", "CREATE TEMP TABLE mine (id INT)"]).await;
    assert_eq!(bench.rows("SELECT * FROM pragma_foreign_keys", Value::Null).await, value!([[1]]));
    assert_eq!(bench.sql("SELECT * FROM mine", Value::Null).await.unwrap_err().code(), "sql.missing");
}

#[tokio::test]
async fn an_idle_connection_that_is_dead_does_not_cost_the_time_limit() {
    let bench = Bench::postgres().await;
    let config = value!({"timeout_s": 8, "result_format": "list", "query": "SELECT pg_backend_pid()"});
    let node = bench.node(config);
    let pid = async || node.run(value!({})).await.unwrap().get("data").cloned().unwrap();
    let first = pid().await;
    let process = first.as_list().unwrap()[0].as_list().unwrap()[0].as_i64().unwrap().to_string();
    let signal = |name: &str| {
        let sent = std::process::Command::new("kill").args([name, &process]).status().unwrap();
        assert!(sent.success());
    };
    signal("-STOP");
    let second = tokio::time::timeout(std::time::Duration::from_secs(7), pid()).await;
    signal("-CONT");
    assert_ne!(second.unwrap(), first);
}

#[tokio::test]
async fn a_pool_shows_neither_address_nor_password() {
    let server = Server::shared();
    let bench = Bench::with_secret(&server.address("postgres"));
    bench.sql("SELECT 1", Value::Null).await.unwrap();
    let shown = format!("{:?}", bench.services.get::<SqlPools>().unwrap());
    assert!(!shown.contains(PASSWORD) && shown.contains("databases: 1"), "{shown}");
}

#[test]
fn a_pool_outlives_the_executor_that_filled_it() {
    let executor = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = executor().block_on(Bench::postgres());
    for _ in 0..3 {
        let rows = executor().block_on(bench.rows("SELECT 1", Value::Null));
        assert_eq!(rows, value!([[1]]));
    }
}

#[tokio::test]
async fn idle_pools_make_room_for_new_ones() {
    let bench = Bench::sqlite();
    for number in 0..70 {
        let config = value!({"connection_string": (format!("sqlite:{number}.db")), "query": "SELECT 1"});
        let node =
            kailash_core::testing::NodeTest::new::<crate::sql::SqlDatabase>(config, &bench.services).unwrap();
        node.run(value!({})).await.unwrap();
    }
    let shown = format!("{:?}", bench.services.get::<SqlPools>().unwrap());
    assert!(shown.contains("databases: 64"), "{shown}");
}
