//! What clients are told of a run: one shape for every way in which it can stand.
//!
//! ```text
//! {"run_id", "execution_id", "status", "workflow_id", "version", "began", "ended"?, "execution_time"?,
//!  "outputs"?, "errors"?, "skipped"?, "waits"?}
//! ```

use std::cell::{Cell, RefCell};

use crate::json::Lenient;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kailash_core::{Error, RunId, RunStatus, Text, Value, exec::Timestamp};
use kailash_runtime::{NodeError, Results, Wait};
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::problem::Problem;
use crate::host::runs::{Ended, Head};

/// A run as clients see it.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    run_id: RunId,
    /// The same, under the name that clients of Kailash's workflow API know.
    execution_id: RunId,
    status: RunStatus,
    workflow_id: &'a str,
    version: u32,
    began: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
    /// Seconds from begin to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Outputs<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<&'a Wait>,
}

/// What the nodes of a run gave, by node and output.
struct Outputs<'a>(&'a Results);

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.done().map(|(id, outputs)| (id, Named(RefCell::new(outputs)))))
    }
}

/// Values by name, to be written once.
struct Named<I>(RefCell<I>);

impl<'r, I: Iterator<Item = (&'r Text, &'r Value)>> Serialize for Named<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lost = Cell::new(0);
        let mut values = self.0.borrow_mut();
        serializer.collect_map(values.by_ref().map(|(name, value)| (name, Lenient(value, &lost))))
    }
}

impl<'a> Told<'a> {
    /// A run that has ended or was put aside.
    pub(super) fn ended(ended: &'a Ended) -> Self {
        let over = ended.status.is_end();
        Self {
            run_id: ended.run,
            execution_id: ended.run,
            status: ended.status,
            workflow_id: &ended.workflow,
            version: ended.version,
            began: ended.began,
            ended: over.then_some(ended.at),
            execution_time: over.then(|| ended.at.saturating_since(ended.began).as_secs_f64()),
            outputs: ended.results.as_ref().filter(|_| over).map(Outputs),
            errors: errors(&ended.errors, ended.error.as_ref()),
            skipped: match &ended.results {
                Some(results) if over => results.skipped().map(|node| node.as_str()).collect(),
                _ => Vec::new(),
            },
            waits: ended.wait.as_ref(),
        }
    }

    /// A run that was put aside.
    pub(super) fn waiting(run: RunId, head: &'a Head, wait: Option<&'a Wait>) -> Self {
        Self { waits: wait, ..Self::head(run, head) }
    }

    /// A run at a glance.
    pub(super) fn head(run: RunId, head: &'a Head) -> Self {
        Self {
            run_id: run,
            execution_id: run,
            status: head.status,
            workflow_id: &head.workflow,
            version: head.version,
            began: head.began,
            ended: head.ended,
            execution_time: head.ended.map(|ended| ended.saturating_since(head.began).as_secs_f64()),
            outputs: None,
            errors: Vec::new(),
            skipped: Vec::new(),
            waits: None,
        }
    }
}

/// The failures of a run: those of its nodes, else its own.
fn errors(nodes: &[NodeError], own: Option<&Error>) -> Vec<Json> {
    let told = |node: Option<&str>, error: &Error| {
        json!({
            "node": node, "kind": error.kind().as_str(), "code": error.code(), "message": error.message(),
            "retry": error.retry().as_str(), "place": error.place(), "hint": error.hint(),
        })
    };
    if nodes.is_empty() {
        return own.map(|error| told(None, error)).into_iter().collect();
    }
    nodes.iter().map(|failed| told(Some(&failed.node), &failed.error)).collect()
}

/// What whoever waited for the end of a run is answered.
pub(super) fn outcome(ended: &Ended) -> Result<Response, Problem> {
    match ended.status {
        RunStatus::Completed => json_answer(StatusCode::OK, &Told::ended(ended)),
        RunStatus::Suspended => {
            Ok(at_status(ended.run, json_answer(StatusCode::ACCEPTED, &Told::ended(ended))?))
        }
        _ => {
            let lost = Error::internal("the run ended without an answer");
            let problem = Problem::from(ended.error.as_ref().unwrap_or(&lost));
            let told = serde_json::to_value(Told::ended(ended)).map_err(|error| unwritable(&error))?;
            let members = told.as_object().into_iter().flatten().filter(|(name, _)| *name != "status");
            let problem = members.fold(problem, |problem, (name, value)| problem.with(name, value.clone()));
            Err(problem.with("run_status", ended.status.as_str()))
        }
    }
}

/// Adds where the run can be asked for.
pub(super) fn at_status(run: RunId, mut response: Response) -> Response {
    if let Ok(place) = HeaderValue::try_from(format!("/status/{run}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// Says that an earlier request with the same key was answered.
pub(super) fn repeated(mut response: Response) -> Response {
    let name = HeaderName::from_static("idempotency-replayed");
    response.headers_mut().insert(name, HeaderValue::from_static("true"));
    response
}

/// An answer in JSON.
pub(super) fn json_answer(status: StatusCode, content: &impl Serialize) -> Result<Response, Problem> {
    let content = serde_json::to_vec(content).map_err(|error| unwritable(&error))?;
    let media = HeaderValue::from_static("application/json");
    Ok((status, [(header::CONTENT_TYPE, media)], content).into_response())
}

fn unwritable(error: &serde_json::Error) -> Problem {
    Error::internal(format!("the answer cannot be written: {error}")).into()
}
