//! Many submits, clients that hang up, and a host that is stopped while it is busy.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kailash::{Params, RunStatus, host::runs::Request};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Served, inputs, until};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_submits_at_a_time_are_all_kept_and_all_end() {
    const SUBMITS: usize = 10_000;
    let served =
        Served::with(&["http.max_requests=20000", "http.max_connections=20000", "http.head_timeout_s=120"])
            .await;
    let began = Instant::now();
    let mut body = inputs(1);
    body["mode"] = json!("async");
    // 500 connections, each with 20 requests behind each other.
    let clients = (0..500).map(|_| {
        let (served, body) = (&served, &body);
        async move {
            let mut kept = 0;
            for _ in 0..SUBMITS / 500 {
                let (status, told) = served.post("/workflows/count/execute", body).await;
                assert_eq!(status, StatusCode::ACCEPTED, "{told}");
                kept += 1;
            }
            kept
        }
    });
    let kept: usize = futures_util::future::join_all(clients).await.into_iter().sum();
    assert_eq!(kept, SUBMITS);
    until(|| served.host.runs.count(RunStatus::Completed) == SUBMITS).await;
    println!("{SUBMITS} runs were kept and ended in {:?}", began.elapsed());
    assert_eq!(served.world.calls(), SUBMITS, "each ran once");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_runs_wait_for_their_turn_and_survive_a_restart() {
    const RUNS: usize = 10_000;
    let settings = ["runs.max_running=4"];
    let served = Served::with(&settings).await;
    let workflow = served.host.workflows.newest("count").unwrap().workflow;
    let hold = served.host.workflows.newest("hold").unwrap().workflow;
    let submit = |workflow: &kailash::Workflow, params: Params| {
        let request = Request {
            workflow: workflow.clone(),
            version: 1,
            params,
            key: None,
            listened: false,
            parent: None,
        };
        served.host.runs.submit(request).unwrap()
    };
    let holding: Vec<_> = (0..4).map(|_| submit(&hold, Params::new())).collect();
    served.world.holding(4).await;
    let mut params = Params::new();
    params.set_everywhere("x", 1);
    let waiting: Vec<_> = (0..RUNS).map(|_| submit(&workflow, params.clone())).collect();
    for submitted in &waiting {
        submitted.recorded().await.unwrap();
    }
    assert_eq!(served.host.runs.count(RunStatus::Pending), RUNS);
    served.world.open(4);
    drop((holding, waiting));
    let served = served.restarted(&settings).await;
    let began = Instant::now();
    until(|| served.host.runs.count(RunStatus::Completed) == RUNS + 4).await;
    println!("the rest of {RUNS} runs ended {:?} after the restart", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_loses_no_run() {
    let served = Served::new().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let head =
            "POST /workflows/hold/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        stream.write_all(format!("{head}content-length: 2\r\n\r\n{{}}").as_bytes()).await.unwrap();
        clients.push(stream);
    }
    served.world.holding(20).await;
    drop(clients);
    served.world.open(20);
    until(|| served.host.runs.count(RunStatus::Completed) == 20).await;
    assert_eq!(served.get("/health").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_stopped_under_load_ends_or_puts_aside_every_run_it_took() {
    let served = Served::with(&["host.drain_s=1", "runs.max_running=8"]).await;
    let taken = std::sync::Mutex::new(Vec::new());
    let submits = async {
        for n in 0_u64.. {
            let path = ["hold", "count", "wait"][usize::try_from(n % 3).unwrap()];
            let mut body = inputs(n);
            if path != "count" {
                body = json!({});
            }
            body["mode"] = json!("async");
            let post = served.request(Method::POST, &format!("/workflows/{path}/execute")).json(&body);
            let Ok(response) = post.send().await else { break };
            if response.status() != StatusCode::ACCEPTED {
                assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
                break;
            }
            let told: serde_json::Value = response.json().await.unwrap();
            taken.lock().unwrap().push(told["run_id"].as_str().unwrap().to_owned());
        }
    };
    let stopping = async {
        until(|| taken.lock().unwrap().len() > 100).await;
        served.host.rest().await;
    };
    // Nodes that hold when the host stops are let go while it winds down.
    let opening = async {
        until(|| served.host.runs.is_draining()).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        served.world.open(1000);
    };
    tokio::join!(submits, stopping, opening);
    assert_eq!(served.host.runs.count(RunStatus::Running) + served.host.runs.count(RunStatus::Pending), 0);
    let taken = taken.into_inner().unwrap();
    let served = served.restarted(&[]).await;
    served.world.open(10_000);
    let mut ends: HashMap<String, usize> = HashMap::new();
    for run in &taken {
        let mut told = served.get(&format!("/status/{run}")).await.1;
        while !["completed", "suspended"].contains(&told["status"].as_str().unwrap())
            || told["waits"]["until"].is_string()
        {
            assert_ne!(told["status"], "failed", "{told}");
            tokio::time::sleep(Duration::from_millis(10)).await;
            told = served.get(&format!("/status/{run}")).await.1;
        }
        *ends.entry(format!("{} {}", told["workflow_id"], told["status"])).or_default() += 1;
    }
    println!("{} runs taken: {ends:?}", taken.len());
    assert!(taken.len() > 20, "{} runs are too few to tell", taken.len());
    assert!(ends.keys().all(|end| !end.contains("wait") || end.contains("suspended")), "{ends:?}");
}
