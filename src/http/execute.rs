//! Executing workflows: at once, in the background, or with a stream of events.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderValue, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use kailash_core::{Error, Map, Value, Workflow, format::document_of, workflow::Params};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    answer::{Told, at_status, json_answer, outcome, repeated},
    app::App,
    body::Content,
    events,
    guard::Executor,
    path::Path,
    problem::Problem,
};
use crate::host::{
    keys::Scope,
    runs::{Executed, Request, SubmitKey, Submitted},
    trace::TraceParent,
};

/// How whoever executes a workflow is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// When the run has ended.
    #[default]
    Sync,
    /// When the journal has the run.
    Async,
    /// At once, with the run's events and its end.
    Stream,
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Values for inputs: `{node: {name: value}}` or `{name: value}`.
    #[serde(default, alias = "parameters")]
    inputs: Option<Map>,
    #[serde(default)]
    mode: Mode,
    /// The version; the newest if it is not given.
    #[serde(default, deserialize_with = "whole")]
    version: Option<u32>,
    /// The name of a registered workflow, or a document.
    #[serde(default)]
    workflow: Option<Value>,
}

/// What the headers say of a run that is asked for.
pub(super) struct Headers {
    key: Option<HeaderValue>,
    parent: Option<TraceParent>,
}

impl FromRequestParts<App> for Headers {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let parent = parts.headers.get("traceparent").and_then(|parent| parent.to_str().ok());
        let key = parts.headers.get("idempotency-key").cloned();
        Ok(Self { key, parent: parent.and_then(TraceParent::parse) })
    }
}

/// A whole number however it is written: JSON knows no difference between `2` and `2.0`.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    let whole = Value::from(number).as_i64().and_then(|number| u32::try_from(number).ok());
    whole.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is no version: they are whole, from 1")))
}

/// `POST /workflows/{name}/execute`
pub(super) async fn registered(
    _: Executor,
    State(app): State<App>,
    Path(name): Path<String>,
    headers: Headers,
    content: Content,
) -> Result<Response, Problem> {
    let asked = content.json::<Asked>()?;
    if asked.workflow.is_some() {
        let error = Error::invalid("http.json", "the path names the workflow already").at("workflow");
        return Err(error.into());
    }
    let (workflow, version) = find(&app, &name, asked.version)?;
    execute(&app, workflow, version, asked, headers).await
}

/// `POST /execute`
pub(super) async fn any(
    Executor { 0: caller }: Executor,
    State(app): State<App>,
    headers: Headers,
    content: Content,
) -> Result<Response, Problem> {
    let asked = content.json::<Asked>()?;
    let (workflow, version) = match &asked.workflow {
        Some(Value::Str(name)) => find(&app, name, asked.version)?,
        Some(document @ Value::Map(_)) => {
            caller.require(Scope::Manage)?;
            if asked.version.is_some() {
                let error = Error::invalid("http.json", "a document has no registered version").at("version");
                return Err(error.into());
            }
            (app.0.host.workflows.build(document_of(document)?)?, 0)
        }
        Some(other) => {
            let message = format!("a workflow is a name or a document, not {}", other.kind());
            return Err(Error::invalid("http.json", message).at("workflow").into());
        }
        None => match app.0.host.workflows.names().as_slice() {
            [only] => find(&app, only, asked.version)?,
            names => {
                let message = format!("which of {} workflows?", names.len());
                let error = Error::missing("workflow.unnamed", message).at("workflow");
                return Err(error.with_hint("name one, or send a document").into());
            }
        },
    };
    execute(&app, workflow, version, asked, headers).await
}

fn find(app: &App, name: &str, version: Option<u32>) -> Result<(Workflow, u32), Problem> {
    let workflows = &app.0.host.workflows;
    let found = match version {
        Some(version) => workflows.version(name, version)?,
        None => workflows.newest(name)?,
    };
    Ok((found.workflow, found.number))
}

async fn execute(
    app: &App,
    workflow: Workflow,
    version: u32,
    asked: Asked,
    headers: Headers,
) -> Result<Response, Problem> {
    let inputs = asked.inputs.unwrap_or_default();
    let Headers { key, parent } = headers;
    let key = key.map(|key| submit_key(&workflow, version, &inputs, &key)).transpose()?;
    let params = Params::from_map(inputs, |id| workflow.position(id).is_some());
    let listened = asked.mode == Mode::Stream;
    let request = Request { workflow, version, params, key, listened, parent };
    let runs = &app.0.host.runs;
    let (response, again) = match asked.mode {
        Mode::Sync => {
            let Executed { ended, repeated } = runs.execute(request).await?;
            (outcome(&ended).unwrap_or_else(IntoResponse::into_response), repeated)
        }
        Mode::Async => {
            let submitted = runs.submit(request)?;
            let repeated = submitted.repeated;
            (Box::pin(pending(app, submitted)).await?, repeated)
        }
        Mode::Stream => {
            let submitted = runs.submit(request)?;
            let repeated = submitted.repeated;
            (events::of_submitted(app, submitted), repeated)
        }
    };
    Ok(if again { repeated(response) } else { response })
}

async fn pending(app: &App, submitted: Submitted) -> Result<Response, Problem> {
    submitted.recorded().await?;
    let run = submitted.run;
    let head = app.0.host.runs.head(run)?;
    Ok(at_status(run, json_answer(StatusCode::ACCEPTED, &Told::head(run, &head))?))
}

/// The `Idempotency-Key` header: up to 255 printable signs.
fn submit_key(
    workflow: &Workflow,
    version: u32,
    inputs: &Map,
    key: &HeaderValue,
) -> Result<SubmitKey, Problem> {
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= 255);
    let wrong = || Error::invalid("submit.key", "an idempotency key has 1 to 255 printable ASCII signs");
    let key = key.ok_or_else(wrong)?;
    let mut payload = Value::from(inputs.clone()).to_json()?.into_bytes();
    if version == 0 {
        payload.extend_from_slice(&workflow.fingerprint().to_be_bytes());
    }
    Ok(SubmitKey::new(workflow.name(), key, &payload))
}
