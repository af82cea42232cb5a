//! The whole document, and how it is answered.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Map as JsonMap, Value as Json, json};

use super::{
    super::{answer::json_answer, app::App, problem::Problem},
    cluster, events, execute, nodes, runs, schemas, system, workflows,
};

const ABOUT: &str = "\
Workflows are registered, executed and watched here.

Every refusal is a problem (RFC 9457) with a stable `code`. An unknown path is answered with 404, a method that a path \
does not take with 405 and `Allow`; `HEAD` is taken wherever `GET` is. What is no HTTP, or has a head of more than 64 KiB, \
is refused before it reaches the API, without a problem.

A host on a loopback address needs no key unless `http.require_key` is set; on any other address it always does. A key is \
sent as `Authorization: Bearer KEY` or as `X-API-Key: KEY`, and has scopes: `read` (look), `execute` (execute registered \
workflows, signal, cancel, change entries and leases of the cluster) and `manage` (change workflows, execute documents \
that come with a request, forget runs, say who takes part in the cluster). A \
request with a wrong key is refused on every path. So is one that calls the host by a name that it does not have, or that \
a page of another origin sent.";

/// `GET /openapi.json`: for anybody.
pub(in crate::http) async fn answer(State(app): State<App>) -> Result<Response, Problem> {
    json_answer(StatusCode::OK, &document(app.0.guard.key_needed()))
}

/// The document of a host, which may ask for a key.
pub(super) fn document(key_needed: bool) -> Json {
    let mut paths = merged([
        system::paths(),
        nodes::paths(),
        workflows::paths(),
        execute::paths(),
        runs::paths(),
        events::paths(),
        cluster::paths(),
    ]);
    if !key_needed {
        paths.values_mut().for_each(without_key);
    }
    let schemas = merged([
        schemas::schemas(),
        system::schemas(),
        nodes::schemas(),
        workflows::schemas(),
        execute::schemas(),
        runs::schemas(),
        events::schemas(),
        cluster::schemas(),
    ]);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kailash", "version": env!("CARGO_PKG_VERSION"), "summary": "The API of a host of workflows.",
            "description": ABOUT, "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "workflows", "description": "Registered workflows and their versions." },
            { "name": "execute", "description": "Beginning runs." },
            { "name": "runs", "description": "Runs: how they stand, what they gave, what can be done with them." },
            { "name": "events", "description": "What happens in runs, as it happens." },
            { "name": "cluster", "description": "The hosts that act together: members, replicated map, leases, what changes." },
            { "name": "nodes", "description": "The node types that documents may use." },
            { "name": "system", "description": "The host itself." },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": schemas::responses(),
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer", "description": "An API key: `kailash keys add NAME`.",
                },
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same." },
            },
        },
    })
}

/// Says of each operation that needs a key that it does without one, too.
fn without_key(path: &mut Json) {
    for operation in path.as_object_mut().into_iter().flat_map(JsonMap::values_mut) {
        if let Some(ways) = operation["security"].as_array_mut().filter(|ways| !ways.is_empty()) {
            ways.push(json!({}));
        }
    }
}

fn merged(parts: impl IntoIterator<Item = Json>) -> JsonMap<String, Json> {
    let parts = parts.into_iter().filter_map(|part| match part {
        Json::Object(part) => Some(part),
        _ => None,
    });
    parts.flatten().collect()
}
