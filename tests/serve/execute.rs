//! Workflows are executed at once, in the background, as a stream, and each key once.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::support::{Served, inputs, read};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_answered_when_it_has_ended() {
    let served = Served::new().await;
    let (status, told) = served.post("/workflows/count/execute", &inputs(7)).await;
    assert_eq!((status, &told["status"]), (StatusCode::OK, &json!("completed")));
    assert_eq!((&told["outputs"]["count"]["out"], &told["workflow_id"]), (&json!(7), &json!("count")));
    assert!(told["execution_time"].as_f64().unwrap() < 5.0, "{told}");
    let (_, again) = served.get(&format!("/status/{}", told["run_id"].as_str().unwrap())).await;
    assert_eq!((&again["outputs"], &again["status"]), (&told["outputs"], &told["status"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_the_background_is_answered_at_once_and_found_later() {
    let served = Served::new().await;
    let run = served.begin("hold").await;
    assert_eq!(served.get(&format!("/workflows/hold/status/{run}")).await.1["status"], "running");
    served.world.open(1);
    let told = served.until(&run, "completed").await;
    assert_eq!(told["outputs"]["hold"]["out"], 1);
    let (status, _) = served.get(&format!("/workflows/count/status/{run}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "it is no run of that workflow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_events_and_then_the_end() {
    let served = Served::new().await;
    let mut body = inputs("x");
    body["mode"] = json!("stream");
    let response = served.request(Method::POST, "/workflows/count/execute").json(&body).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["run.started", "node.started", "node.finished", "run.finished", "result"]);
    let last = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    let told: Json = serde_json::from_str(last).unwrap();
    assert_eq!(told["outputs"]["count"]["out"], "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_input_is_named_and_nothing_begins() {
    let served = Served::new().await;
    let (status, told) = served.post("/workflows/count/execute", &json!({})).await;
    assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("input.missing")));
    assert_eq!(told["issues"][0]["node"], "count");
    let unknown = json!({"inputs": {"count": {"y": 1}}});
    let (status, told) = served.post("/workflows/count/execute", &unknown).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    assert_eq!((served.world.calls(), served.get("/runs").await.1["runs"].as_array().unwrap().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_a_problem_whose_status_derives_from_the_error() {
    let served = Served::new().await;
    let (status, told) = served.post("/workflows/broken/execute", &json!({})).await;
    assert_eq!((status, &told["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("test.broken")));
    assert_eq!((&told["hint"], &told["run_status"]), (&json!("mend it"), &json!("failed")));
    assert_eq!(told["errors"][0]["node"], "broken");
    let run = told["run_id"].as_str().unwrap();
    let (_, again) = served.get(&format!("/status/{run}")).await;
    assert_eq!((&again["status"], &again["errors"][0]["node"]), (&json!("failed"), &json!("broken")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_that_a_run_can_have_has_its_status() {
    let served = Served::with(&["runs.timeout_s=1"]).await;
    let body = json!({});
    let (status, told) = served.post("/workflows/hold/execute", &body).await;
    assert_eq!((status, &told["code"]), (StatusCode::GATEWAY_TIMEOUT, &json!("run.timeout")), "{told}");

    let served = Served::new().await;
    let cancelled = async {
        served.world.holding(1).await;
        let run =
            served.get("/runs?status=running").await.1["runs"][0]["run_id"].as_str().unwrap().to_owned();
        served.post(&format!("/runs/{run}/cancel"), &json!({})).await
    };
    let ((status, told), _) = tokio::join!(served.post("/workflows/hold/execute", &body), cancelled);
    assert_eq!((status.as_u16(), &told["run_status"]), (499, &json!("cancelled")), "{told}");

    let (status, told) = served.post("/workflows/wait/execute", &body).await;
    assert_eq!((status, &told["status"]), (StatusCode::ACCEPTED, &json!("suspended")), "{told}");

    served.host.rest().await;
    let (status, told) = served.post("/workflows/count/execute", &inputs(1)).await;
    assert_eq!((status, &told["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("host.stopping")), "{told}");
    let ready = served.request(Method::GET, "/ready").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let told: Json = ready.json().await.unwrap();
    assert_eq!(told, json!({"status": "stopping", "running": 0, "pending": 0, "suspended": 1}));
}

async fn keyed(served: &Served, workflow: &str, key: &str, body: &Json) -> (StatusCode, Json, bool) {
    let post = served.request(Method::POST, &format!("/workflows/{workflow}/execute"));
    let response = post.header("idempotency-key", key).json(body).send().await.unwrap();
    let repeated = response.headers().contains_key("idempotency-replayed");
    let (status, told) = read(response).await;
    (status, told, repeated)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_first_run_also_from_another_process() {
    let served = Served::new().await;
    let (_, first, repeated) = keyed(&served, "count", "k1", &inputs(1)).await;
    assert!(!repeated);
    let (status, again, repeated) = keyed(&served, "count", "k1", &inputs(1)).await;
    assert_eq!((status, &again["run_id"], repeated), (StatusCode::OK, &first["run_id"], true));
    let (status, told, _) = keyed(&served, "count", "k1", &inputs(2)).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("submit.key")));
    let (_, other, repeated) = keyed(&served, "count", "k2", &inputs(2)).await;
    assert!(!repeated && other["run_id"] != first["run_id"]);
    assert_eq!(served.world.calls(), 2);

    let served = served.restarted(&[]).await;
    let (status, again, repeated) = keyed(&served, "count", "k1", &inputs(1)).await;
    assert_eq!((status, &again["run_id"], repeated), (StatusCode::OK, &first["run_id"], true));
    assert_eq!((&again["outputs"], served.world.calls()), (&first["outputs"], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_returned_and_not_repeated() {
    let served = Served::new().await;
    let (status, first, _) = keyed(&served, "broken", "k", &json!({})).await;
    let (again_status, again, repeated) = keyed(&served, "broken", "k", &json!({})).await;
    assert_eq!((status, first["run_id"].clone()), (again_status, again["run_id"].clone()));
    assert!(repeated);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_with_one_key_at_the_same_time_one_begins_a_run() {
    let served = Served::new().await;
    let body = inputs(3);
    let asked = (0..50).map(|_| keyed(&served, "count", "same", &body));
    let told = futures_util::future::join_all(asked).await;
    let runs: std::collections::HashSet<String> =
        told.iter().map(|(_, told, _)| told["run_id"].to_string()).collect();
    assert_eq!((runs.len(), served.world.calls()), (1, 1));
    assert_eq!(told.iter().filter(|(_, _, repeated)| !repeated).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_comes_with_the_request_is_run_and_not_kept() {
    let served = Served::new().await;
    let document = json!({
        "format": "1.0", "name": "once",
        "nodes": [{"id": "one", "type": "Expression", "config": {"expression": "item * 2"}}],
    });
    let (status, told) =
        served.post("/execute", &json!({"workflow": document, "inputs": {"item": 21}})).await;
    assert_eq!((status, &told["outputs"]["one"]["result"]), (StatusCode::OK, &json!(42)), "{told}");
    assert_eq!(told["version"], 0);
    assert_eq!(served.get("/workflows/once").await.0, StatusCode::NOT_FOUND);
    let (_, told) = served.get(&format!("/status/{}", told["run_id"].as_str().unwrap())).await;
    assert_eq!(told["outputs"]["one"]["result"], 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_names_no_workflow_of_several_is_told_so() {
    let served = Served::new().await;
    let (status, told) = served.post("/execute", &json!({"inputs": {}})).await;
    assert_eq!((status, &told["code"]), (StatusCode::NOT_FOUND, &json!("workflow.unnamed")));
    let (status, told) = served.post("/execute", &json!({"workflow": "count", "parameters": {"x": 1}})).await;
    assert_eq!((status, &told["outputs"]["count"]["out"]), (StatusCode::OK, &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_runs_are_remembered_for_a_while() {
    let served = Served::with(&["journal.enabled=false"]).await;
    let (status, told) = served.post("/workflows/count/execute", &inputs(7)).await;
    assert_eq!(status, StatusCode::OK);
    let (_, again) = served.get(&format!("/status/{}", told["run_id"].as_str().unwrap())).await;
    assert_eq!(again["outputs"], told["outputs"]);
}
