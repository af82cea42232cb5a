//! What the host counts, and what its nodes do, as Prometheus reads it.

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::json;

use crate::support::{Served, inputs};

async fn metrics(served: &Served) -> String {
    let response = served.request(Method::GET, "/metrics").send().await.unwrap();
    let media = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    assert!(media.starts_with("application/openmetrics-text"), "{media}");
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_nodes_and_requests_are_counted() {
    let served = Served::new().await;
    for n in 0..3 {
        served.post("/workflows/count/execute", &inputs(n)).await;
    }
    served.post("/workflows/broken/execute", &json!({})).await;
    let run = served.begin("wait").await;
    served.until(&run, "suspended").await;
    let text = metrics(&served).await;
    for line in [
        r#"kailash_runs_total{workflow="count",status="completed"} 3"#,
        r#"kailash_runs_total{workflow="broken",status="failed"} 1"#,
        r#"kailash_run_duration_seconds_count{workflow="count"} 3"#,
        r#"kailash_nodes_total{outcome="finished"} 3"#,
        r#"kailash_nodes_total{outcome="failed"} 1"#,
        r#"kailash_http_requests_total{method="POST",route="/workflows/{name}/execute",status="200"} 3"#,
        "kailash_runs_suspended 1",
        "kailash_runs_running 0",
        "kailash_journal_waits_for_room 0",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nodes_count_is_told_under_their_own_names() {
    let served = Served::new().await;
    let node =
        |id: &str, config: serde_json::Value| json!({"id": id, "type": "MetricsCollector", "config": config});
    let workflow = json!({"workflow": {"format": "1.0", "name": "counts", "nodes": [
        node("a", json!({"name": "parts_total", "metric_type": "counter", "value": 3, "labels": {"line": "a\"1"}})),
        node("b", json!({"name": "oven_celsius", "metric_type": "gauge", "value": 181.5})),
        node("c", json!({"name": "press_seconds", "metric_type": "histogram", "value": 0.3, "buckets": [0.1, 0.5]})),
    ]}});
    for _ in 0..2 {
        let (status, told) = served.post("/execute", &workflow).await;
        assert!(status.is_success(), "{told}");
    }
    let text = metrics(&served).await;
    for line in [
        "# TYPE parts counter",
        r#"parts_total{line="a\"1"} 6.0"#,
        "oven_celsius 181.5",
        r#"press_seconds_bucket{le="0.1"} 0"#,
        r#"press_seconds_bucket{le="0.5"} 2"#,
        r#"press_seconds_bucket{le="+Inf"} 2"#,
        "press_seconds_count 2",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} in\n{text}");
    }
}
