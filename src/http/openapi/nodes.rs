//! Operations on node types.

use serde_json::{Value as Json, json};

use super::operation::{Operation, in_path, json_of, object, reference};
use crate::host::keys::Scope;

pub(super) fn paths() -> Json {
    let list = Operation::new(Scope::Read, "listNodeTypes", "nodes", "Every node type of this host");
    let one = Operation::new(Scope::Read, "getNodeType", "nodes", "A node type with its ports and config");
    let name = json!({ "type": "string", "minLength": 1, "examples": ["Expression"] });
    json!({
        "/nodes": {
            "get": Json::from(list.answers(200, "The types, by category and name.", json_of("NodeTypes")).leads(
                200,
                "getNodeType",
                "type",
                "$response.body#/nodes/0/type",
            )),
        },
        "/nodes/{type}": {
            "get": Json::from(
                one.parameters([in_path("type", "Its name or one of its aliases, with or without `Node` at its end.", &name)])
                    .answers(200, "The type.", json_of("Node"))
                    .refuses(404, "There is no such type."),
            ),
        },
    })
}

pub(super) fn schemas() -> Json {
    let glance = json!({
        "type": { "type": "string", "description": "Its name in documents." },
        "category": { "type": "string" },
        "summary": { "type": "string", "description": "What it does." },
        "effect": {
            "enum": ["pure", "idempotent", "effectful"],
            "description": "What running it does to the world: nothing; the same however often; more each time.",
        },
        "aliases": { "type": "array", "description": "Other names of it.", "items": { "type": "string" } },
        "version": { "type": "integer", "minimum": 1, "description": "A run that began with another one is refused to go on." },
    });
    let mut all = glance.clone();
    all["inputs"] = json!({ "type": "array", "items": reference("Input") });
    all["outputs"] = json!({ "type": "array", "items": reference("Output") });
    all["schema"] = json!({ "type": "object", "description": "The JSON Schema of its config." });
    let kind = json!({
        "description": "The kind of value.",
        "enum": ["any", "null", "bool", "int", "number", "text", "bytes", "array", "list", "map"],
    });
    json!({
        "NodeTypes": object("Node types.", &json!({
            "nodes": { "type": "array", "items": reference("NodeGlance") },
        }), &[]),
        "NodeGlance": object("A node type at a glance.", &glance, &[]),
        "Node": object("A node type.", &all, &[]),
        "Input": object("An input.", &json!({
            "name": { "type": "string" },
            "kind": kind,
            "required": { "type": "boolean", "description": "Whether a run is refused without it." },
            "default": { "description": "The value when nothing else gives one; null for none." },
            "streams": { "type": "boolean", "description": "Whether items may arrive one batch at a time." },
            "description": { "type": "string" },
        }), &[]),
        "Output": object("An output.", &json!({
            "name": { "type": "string" },
            "kind": kind,
            "streams": { "type": "boolean", "description": "Whether items may leave one batch at a time." },
            "description": { "type": "string" },
        }), &[]),
    })
}
