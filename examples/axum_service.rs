//! Workflows behind a web service of one's own: an axum handler awaits `execute_async`.
//!
//! `cargo run --example axum_service`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use kailash::{ErrorKind, ParallelRuntime, Params, Registry, Workflow, WorkflowBuilder, value};
use serde_json::{Value as Json_, json};

/// What the handlers share.
struct Service {
    runtime: ParallelRuntime,
    judge: Workflow,
}

/// `POST /judge {"reading": 99}`
async fn judge(
    State(service): State<Arc<Service>>,
    Json(asked): Json<Json_>,
) -> Result<Json<Json_>, (StatusCode, String)> {
    let mut params = Params::new();
    if let Some(reading) = asked["reading"].as_f64() {
        params.set("judge", "reading", reading);
    }
    match service.runtime.execute_async(&service.judge, params).await {
        Ok((results, run)) => {
            let verdict = results.get("judge", "result").and_then(|verdict| verdict.as_str());
            Ok(Json(json!({ "run": run, "verdict": verdict })))
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.kind().http_status());
            Err((status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_string()))
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = Registry::new();
    kailash::register_all(&mut registry)?;
    let mut builder = WorkflowBuilder::new("judge");
    builder.add_node("Expression", "judge", value!({"expression": "'alarm' if reading > 80 else 'fine'"}));
    let judge_workflow = builder.build(&registry)?;
    let runtime = ParallelRuntime::new(kailash::services_in(".")?);
    let service = Arc::new(Service { runtime, judge: judge_workflow });

    let router = Router::new().route("/judge", post(judge)).with_state(service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/judge", listener.local_addr()?);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });

    let client = reqwest::Client::new();
    for reading in [21.5, 99.0] {
        let answer = client.post(&address).json(&json!({ "reading": reading })).send().await?;
        let told: Json_ = answer.json().await?;
        println!("{reading}: {}", told["verdict"]);
    }
    let refused = client.post(&address).json(&json!({ "reading": "hot" })).send().await?.status();
    println!("without a number: {refused} ({})", ErrorKind::Node);
    serving.abort();
    Ok(())
}
