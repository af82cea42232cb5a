//! Runs: listed, shown, cancelled, signalled, forgotten.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kailash_core::{Error, RunId, RunStatus, Text, Value};
use serde::Deserialize;
use serde_json::json;

use super::{
    answer::{Told, json_answer},
    app::App,
    body::Content,
    guard::{Executor, Manager, Reader},
    path::Path,
    problem::Problem,
    workflows::query,
};
use crate::host::runs::Filter;

/// How many runs a page has, if the client does not say, and at most.
const PAGE: (usize, usize) = (50, 1000);

/// Which runs are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    workflow: Option<String>,
    status: Option<RunStatus>,
    /// Only runs that began before this one.
    before: Option<RunId>,
    limit: Option<usize>,
}

/// The run that a path names.
pub(super) fn run_id(text: &str) -> Result<RunId, Problem> {
    Ok(text.parse::<RunId>()?)
}

/// `GET /runs`
pub(super) async fn list(
    _: Reader,
    State(app): State<App>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let asked = query(asked)?;
    let limit = page_of(asked.limit, PAGE.0)?;
    let filter = Filter { workflow: asked.workflow, status: asked.status, before: asked.before };
    let runs = app.0.host.runs.list(&filter, limit);
    let next = runs.last().filter(|_| runs.len() == limit).map(|(run, _)| *run);
    let told: Vec<Told<'_>> = runs.iter().map(|(run, head)| Told::head(*run, head)).collect();
    json_answer(StatusCode::OK, &json!({ "runs": told, "next": next }))
}

/// `GET /status/{run}` and `GET /runs/{run}`
pub(super) async fn status(
    _: Reader,
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Response, Problem> {
    shown(&app, run_id(&run)?).await
}

/// `GET /workflows/{name}/status/{run}`
pub(super) async fn status_of(
    _: Reader,
    State(app): State<App>,
    Path((name, run)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let run = run_id(&run)?;
    if *app.0.host.runs.head(run)?.workflow != *name {
        let message = format!("workflow `{name}` has no run {run}");
        return Err(Error::missing("run.unknown", message).into());
    }
    shown(&app, run).await
}

async fn shown(app: &App, run: RunId) -> Result<Response, Problem> {
    let runs = &app.0.host.runs;
    let head = runs.head(run)?;
    match head.status {
        status if status.is_end() => json_answer(StatusCode::OK, &Told::ended(&*runs.recall(run).await?)),
        RunStatus::Suspended => {
            let wait = runs.waits_for(run).await?;
            json_answer(StatusCode::OK, &Told::waiting(run, &head, wait.as_ref()))
        }
        _ => json_answer(StatusCode::OK, &Told::head(run, &head)),
    }
}

/// `GET /runs/{run}/history`
pub(super) async fn history(
    _: Reader,
    State(app): State<App>,
    Path(run): Path<String>,
    which: Result<Query<Positions>, QueryRejection>,
) -> Result<Response, Problem> {
    let Positions { from, limit } = query(which)?;
    let limit = page_of(limit, PAGE.1)?;
    let history = app.0.host.runs.history(run_id(&run)?, from, limit).await?;
    let next = history.last().filter(|_| history.len() == limit).map(|last| last.seq + 1);
    json_answer(StatusCode::OK, &json!({ "history": history, "next": next }))
}

/// Which part of a run's history is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Positions {
    #[serde(default)]
    from: u64,
    limit: Option<usize>,
}

/// The length of a page: what was asked for, if that is allowed.
fn page_of(asked: Option<usize>, default: usize) -> Result<usize, Problem> {
    match asked.unwrap_or(default) {
        limit if (1..=PAGE.1).contains(&limit) => Ok(limit),
        _ => {
            let message = format!("a page has 1 to {}", PAGE.1);
            Err(Error::invalid("http.query", message).at("limit").into())
        }
    }
}

/// `POST /runs/{run}/cancel`
pub(super) async fn cancel(
    _: Executor,
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Response, Problem> {
    let ended = app.0.host.runs.cancel(run_id(&run)?).await?;
    json_answer(StatusCode::OK, &Told::ended(&ended))
}

/// A signal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signal {
    name: Text,
    #[serde(default)]
    value: Value,
}

/// `POST /runs/{run}/signal`
pub(super) async fn signal(
    _: Executor,
    State(app): State<App>,
    Path(run): Path<String>,
    content: Content,
) -> Result<Response, Problem> {
    let run = run_id(&run)?;
    let Signal { name, value } = content.json()?;
    if name.is_empty() || name.len() > 255 {
        return Err(Error::invalid("signal.name", "a signal has a name of 1 to 255 bytes").at("name").into());
    }
    app.0.host.runs.signal(run, name, value).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /runs/{run}`
pub(super) async fn forget(
    _: Manager,
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Response, Problem> {
    app.0.host.runs.forget(run_id(&run)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
