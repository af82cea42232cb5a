//! Workflows: registered, listed, shown, deleted.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kailash_core::{
    Error, Text, Workflow,
    format::{read, write},
    workflow::{Dialect, Document},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    answer::json_answer,
    app::App,
    body::Content,
    guard::{Manager, Reader},
    path::Path,
    problem::Problem,
};
use crate::host::workflows::Version;

/// Which version is asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    version: Option<u32>,
}

/// Which part of the list is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    after: Option<String>,
    limit: Option<usize>,
}

/// How many workflows a page has, if the client does not say, and at most.
const PAGE: (usize, usize) = (100, 1000);

pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(error) => Err(Error::invalid("http.query", error.body_text()).into()),
    }
}

/// `GET /workflows`
pub(super) async fn list(
    _: Reader,
    State(app): State<App>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Response, Problem> {
    let Part { after, limit } = query(part)?;
    let limit = limit.unwrap_or(PAGE.0);
    if limit == 0 || limit > PAGE.1 {
        let message = format!("a page has 1 to {} workflows", PAGE.1);
        return Err(Error::invalid("http.query", message).at("limit").into());
    }
    let workflows = &app.0.host.workflows;
    let behind = |name: &Text| after.as_ref().is_none_or(|after| name.as_str() > after.as_str());
    let names: Vec<Text> = workflows.names().into_iter().filter(behind).take(limit).collect();
    let mut told = Vec::with_capacity(names.len());
    for name in &names {
        // One that was deleted meanwhile is left out.
        if let Ok(version) = workflows.newest(name) {
            told.push(glance(&version));
        }
    }
    let next = names.last().filter(|_| names.len() == limit);
    json_answer(StatusCode::OK, &json!({ "workflows": told, "next": next }))
}

/// `POST /workflows`
pub(super) async fn register(
    _: Manager,
    State(app): State<App>,
    content: Content,
) -> Result<Response, Problem> {
    kept(&app, document(&content)?).await
}

/// `PUT /workflows/{name}`
pub(super) async fn put(
    _: Manager,
    State(app): State<App>,
    Path(name): Path<String>,
    content: Content,
) -> Result<Response, Problem> {
    let mut document = document(&content)?;
    if document.name.is_empty() {
        document.name = name.as_str().into();
    }
    if document.name != *name.as_str() {
        let message = format!("the document is called `{}`", document.name);
        return Err(Error::invalid("workflow.name", message).at("name").into());
    }
    kept(&app, document).await
}

fn document(content: &Content) -> Result<Document, Problem> {
    let (text, syntax) = content.document()?;
    Ok(read(text, syntax)?)
}

async fn kept(app: &App, document: Document) -> Result<Response, Problem> {
    let workflows = &app.0.host.workflows;
    let workflow = workflows.build(document)?;
    let (version, new) = workflows.register(workflow).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = json_answer(status, &shown(&version)?)?;
    let place = format!("/workflows/{}?version={}", version.workflow.name(), version.number);
    if let (true, Ok(place)) = (new, HeaderValue::try_from(place)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// `GET /workflows/{name}`
pub(super) async fn one(
    _: Reader,
    State(app): State<App>,
    Path(name): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    json_answer(StatusCode::OK, &shown(&found(&app, &name, query(which)?)?)?)
}

/// `GET /workflows/{name}/versions`
pub(super) async fn versions(
    _: Reader,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let versions = app.0.host.workflows.versions(&name)?;
    let told: Vec<Json> = versions.iter().map(glance).collect();
    json_answer(StatusCode::OK, &json!({ "versions": told }))
}

/// `GET /workflows/{name}/schema`: what may be given to a run.
pub(super) async fn schema(
    _: Reader,
    State(app): State<App>,
    Path(name): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    json_answer(StatusCode::OK, &inputs(&found(&app, &name, query(which)?)?.workflow))
}

/// `DELETE /workflows/{name}`
pub(super) async fn delete(
    _: Manager,
    State(app): State<App>,
    Path(name): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    app.0.host.workflows.remove(&name, query(which)?.version).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn found(app: &App, name: &str, which: Which) -> Result<Version, Problem> {
    let workflows = &app.0.host.workflows;
    Ok(match which.version {
        Some(version) => workflows.version(name, version)?,
        None => workflows.newest(name)?,
    })
}

fn glance(version: &Version) -> Json {
    let workflow = &version.workflow;
    json!({
        "name": workflow.name(), "version": version.number, "registered": version.registered,
        "nodes": workflow.nodes().len(), "connections": workflow.edges().len(),
        "fingerprint": format!("{:032x}", workflow.fingerprint()),
    })
}

fn shown(version: &Version) -> Result<Json, Problem> {
    let mut told = glance(version);
    let document = write(version.workflow.document(), Dialect::Own)?;
    told["document"] = serde_json::to_value(&document).map_err(|error| Error::internal(error.to_string()))?;
    told["warnings"] = version.workflow.warnings().iter().map(|warning| warning.message.clone()).collect();
    Ok(told)
}

/// The JSON Schema (draft 2020-12) of a run's inputs: for each node an object of what no connection gives it.
fn inputs(workflow: &Workflow) -> Json {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": workflow.name(), "type": "object",
        "properties": {}, "required": [],
    });
    for (at, node) in workflow.nodes().iter().enumerate() {
        let mut of_node = json!({
            "type": "object", "properties": {}, "required": [],
            "additionalProperties": node.config.ports.open_inputs,
        });
        for (input, port) in node.config.ports.inputs.iter().enumerate() {
            let connected = workflow.edges().iter().any(|edge| edge.to == at && edge.input == input);
            let given = node.config.inputs[input].clone().or_else(|| port.default.clone());
            let mut property = port.kind.schema();
            property["description"] = json!(port.doc);
            if port.required && !connected && given.is_none() {
                push(&mut of_node, &port.name);
            }
            if let Some(given) = given.and_then(|given| serde_json::to_value(&given).ok()) {
                property["default"] = given;
            }
            of_node["properties"][port.name.as_str()] = property;
        }
        if of_node["required"].as_array().is_some_and(|names| !names.is_empty()) {
            push(&mut schema, &node.id);
        }
        schema["properties"][node.id.as_str()] = of_node;
    }
    schema
}

fn push(schema: &mut Json, name: &Text) {
    if let Some(required) = schema["required"].as_array_mut() {
        required.push(json!(name));
    }
}
