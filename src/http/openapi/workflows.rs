//! Operations on registered workflows.

use serde_json::{Value as Json, json};

use super::{
    operation::{Operation, in_path, in_query, json_of, object, reference},
    schemas::{count, example, time},
};
use crate::host::keys::Scope;

const UNKNOWN: &str = "There is no such workflow or version.";

/// The name of a workflow in a path.
pub(super) fn name() -> Json {
    in_path("name", "The workflow's name.", &reference("Name"))
}

fn version() -> Json {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
    in_query("version", "The version; without it the newest, or for `DELETE` all of them.", &schema)
}

pub(super) fn paths() -> Json {
    let read = |id, summary| Operation::new(Scope::Read, id, "workflows", summary);
    let manage = |id, summary| Operation::new(Scope::Manage, id, "workflows", summary);
    let list = read("listWorkflows", "The newest version of every workflow, by name")
        .parameters([
            in_query(
                "after",
                "Only names behind this one: `next` of the page before.",
                &json!({ "type": "string" }),
            ),
            in_query(
                "limit",
                "The most workflows of the page.",
                &json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }),
            ),
        ])
        .answers(200, "A page of workflows.", json_of("Workflows"));
    let register =
        kept(manage("registerWorkflow", "Register a workflow under the name in its document").body(json!({
            "application/json": { "schema": reference("Registered"), "example": example() },
            "application/yaml": { "schema": reference("Registered"), "example": example() },
        })));
    let put = kept(
        manage("putWorkflow", "Register a workflow under this name")
            .about("The document has this name, or none.")
            .parameters([name()])
            .body(json!({
                "application/json": { "schema": reference("AnyDocument"), "example": example() },
                "application/yaml": { "schema": reference("AnyDocument"), "example": example() },
            })),
    );
    let get = read("getWorkflow", "A workflow with its document")
        .parameters([name(), version()])
        .answers(200, "The workflow.", json_of("Workflow"))
        .refuses(404, UNKNOWN);
    let delete = manage("deleteWorkflow", "Forget a workflow, or one version of it")
        .about("Runs that have begun go on.")
        .parameters([name(), version()])
        .done(204, "It is forgotten.")
        .refuses(404, UNKNOWN);
    let versions = read("listVersions", "The versions of a workflow, the oldest first")
        .parameters([name()])
        .answers(200, "The versions.", json_of("Versions"))
        .refuses(404, UNKNOWN);
    let schema = read("getInputSchema", "The JSON Schema of what a run may be given")
        .about("An object with one object of inputs for each node.")
        .parameters([name(), version()])
        .answers(200, "The schema, draft 2020-12.", json_of("InputSchema"))
        .refuses(404, UNKNOWN);
    let graph = read("getGraph", "A picture of a workflow")
        .about("Up to 500 nodes and 2000 connections.")
        .parameters([name(), version()])
        .answers(200, "The picture.", json!({ "image/svg+xml": { "schema": { "type": "string" } } }))
        .refuses(404, UNKNOWN);
    json!({
        "/workflows": { "get": Json::from(list), "post": Json::from(register) },
        "/workflows/{name}": { "get": Json::from(get), "put": Json::from(put), "delete": Json::from(delete) },
        "/workflows/{name}/versions": { "get": Json::from(versions) },
        "/workflows/{name}/schema": { "get": Json::from(schema) },
        "/workflows/{name}/graph": { "get": Json::from(graph) },
    })
}

/// What registering answers.
fn kept(operation: Operation) -> Operation {
    let place = json!({
        "description": "Where the version is.", "schema": { "type": "string", "examples": ["/workflows/add?version=2"] },
    });
    let operation = operation
        .answers(200, "It is the same as the newest version: nothing was changed.", json_of("Workflow"))
        .answers(201, "It is a new version.", json_of("Workflow"))
        .header(201, "Location", true, place)
        .refuses(
            429,
            "Too many requests, or there are 10 000 workflows or 100 versions of this one already (then `retry` is `never`).",
        );
    let next = ["getWorkflow", "listVersions", "getInputSchema", "deleteWorkflow"];
    next.into_iter()
        .fold(operation, |operation, next| operation.leads(201, next, "name", "$response.body#/name"))
}

pub(super) fn schemas() -> Json {
    let glance = json!({
        "name": reference("Name"),
        "version": { "type": "integer", "minimum": 1 },
        "registered": time("When it was registered."),
        "nodes": count("How many nodes it has."),
        "connections": count("How many connections it has."),
        "fingerprint": {
            "type": "string", "pattern": "^[0-9a-f]{32}$", "description": "The same for documents that mean the same.",
        },
    });
    let mut all = glance.clone();
    all["document"] = reference("Document");
    all["warnings"] = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "Registered": {
            "description": "A document with a name under which it can be registered.",
            "anyOf": [
                { "allOf": [reference("Document"), { "required": ["name"], "properties": { "name": reference("Name") } }] },
                reference("SDKDocument"),
            ],
        },
        "Version": object("A version of a workflow.", &glance, &[]),
        "Workflow": object("A version of a workflow with its document.", &all, &[]),
        "Versions": object("The versions of a workflow.", &json!({
            "versions": { "type": "array", "items": reference("Version") },
        }), &[]),
        "Workflows": object("A page of workflows.", &json!({
            "workflows": { "type": "array", "items": reference("Version") },
            "next": { "type": ["string", "null"], "description": "What `after` is for the next page; null if this is the last." },
        }), &[]),
        "InputSchema": object("The JSON Schema of a run's inputs.", &json!({
            "$schema": { "const": "https://json-schema.org/draft/2020-12/schema" },
            "title": { "type": "string" },
            "type": { "const": "object" },
            "properties": { "type": "object" },
            "required": { "type": "array", "items": { "type": "string" } },
        }), &[]),
    })
}
