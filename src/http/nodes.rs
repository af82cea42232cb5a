//! The node types of this host, with their schemas.

use axum::{extract::State, http::StatusCode, response::Response};
use kailash_core::{
    RegisteredType,
    node::{Input, Output},
};
use serde_json::{Value as Json, json};

use super::{answer::json_answer, app::App, guard::Reader, path::Path, problem::Problem};

/// `GET /nodes`
pub(super) async fn list(_: Reader, State(app): State<App>) -> Result<Response, Problem> {
    let types = app.0.host.workflows.registry().types();
    let told: Vec<Json> = types.iter().map(|registered| glance(registered)).collect();
    json_answer(StatusCode::OK, &json!({ "nodes": told }))
}

/// `GET /nodes/{type}`
pub(super) async fn one(
    _: Reader,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let registered = app.0.host.workflows.registry().get(&name)?;
    let spec = registered.spec();
    let mut told = glance(registered);
    told["inputs"] = spec.ports.inputs.iter().map(input).collect();
    told["outputs"] = spec.ports.outputs.iter().map(output).collect();
    told["schema"] = registered.schema().clone();
    json_answer(StatusCode::OK, &told)
}

fn glance(registered: &RegisteredType) -> Json {
    let spec = registered.spec();
    json!({
        "type": spec.name, "category": spec.category, "summary": spec.summary, "effect": spec.effect,
        "aliases": spec.aliases, "version": spec.version,
    })
}

fn input(input: &Input) -> Json {
    json!({
        "name": input.name, "kind": input.kind.to_string(), "required": input.required, "default": input.default,
        "streams": input.streams, "description": input.doc,
    })
}

fn output(output: &Output) -> Json {
    json!({
        "name": output.name, "kind": output.kind.to_string(), "streams": output.streams, "description": output.doc,
    })
}
