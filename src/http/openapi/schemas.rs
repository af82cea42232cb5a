//! What operations share: problems, documents, names and ids.

use kailash_core::format;
use serde_json::{Map as JsonMap, Value as Json, json};

use super::operation::{object, reference, retry_after};

/// The refusals that every operation shares.
pub(super) fn responses() -> Json {
    let content = json!({ "application/problem+json": { "schema": reference("Problem") } });
    let waits = json!({ "Retry-After": retry_after() });
    json!({
        "Unauthorized": {
            "description": "A key is needed, or the one that was sent is not known here.", "content": content,
            "headers": {
                "WWW-Authenticate": { "description": "The way to send one.", "required": true, "schema": { "const": "Bearer" } },
            },
        },
        "Forbidden": {
            "description": "The key lacks the scope, the host is not called so, or a page of another origin asks.",
            "content": content,
        },
        "TooMany": { "description": "Too much at a time, or too much altogether.", "content": content, "headers": waits },
        "Defect": { "description": "A defect of the host.", "content": content },
        "Unavailable": {
            "description": "The host stops, or something that it needs cannot be reached.", "content": content, "headers": waits,
        },
    })
}

pub(super) fn schemas() -> Json {
    let mut schemas = json!({
        "Problem": object("A problem (RFC 9457). Members may be added.", &problem(), &OPTIONAL),
        "Issue": object("One of several problems of a document.", &json!({
            "code": { "type": "string" },
            "message": { "type": "string" },
            "node": { "type": ["string", "null"] },
            "place": { "type": ["string", "null"], "examples": ["nodes.sum.config.expression"] },
            "hint": { "type": ["string", "null"] },
            "severity": { "enum": ["error", "warning"] },
        }), &[]),
        "ErrorKind": {
            "description": "The class of a failure.",
            "enum": [
                "invalid", "missing", "denied", "unavailable", "timeout", "cancelled", "limit", "conflict", "node",
                "internal",
            ],
        },
        "Retry": { "description": "Whether trying again can help.", "enum": ["never", "now", "after"] },
        "RunId": { "type": "string", "format": "uuid" },
        "Name": {
            "type": "string", "description": "The name of a registered workflow.",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$", "minLength": 1, "maxLength": 100, "examples": ["add"],
        },
        "SDKDocument": {
            "type": "object",
            "description": "A document as the Kailash SDK for Python exports it, or as its builder takes it: one without `format`.",
            "required": ["nodes"], "not": { "required": ["format"] },
            "properties": {
                "nodes": { "type": ["object", "array"] }, "connections": { "type": ["array", "null"] },
            },
        },
        "AnyDocument": {
            "description": "A workflow. It must fit its node types, too; what does not is told as `issues`.",
            "anyOf": [reference("Document"), reference("SDKDocument")],
        },
    });
    if let (Json::Object(schemas), Json::Object(own)) = (&mut schemas, documents()) {
        schemas.extend(own);
    }
    schemas
}

/// The members of a problem that are not always there.
pub(super) const OPTIONAL: [&str; 3] = ["place", "hint", "issues"];

/// The members of a problem.
pub(super) fn problem() -> Json {
    json!({
        "type": { "type": "string", "format": "uri", "examples": ["urn:kailash:error:workflow.unknown"] },
        "title": { "type": "string", "description": "What `kind` means." },
        "status": { "type": "integer", "minimum": 400, "maximum": 599 },
        "detail": { "type": "string", "examples": ["there is no workflow `ad`"] },
        "kind": reference("ErrorKind"),
        "code": { "type": "string", "description": "Stable, for programs.", "examples": ["workflow.unknown"] },
        "retry": reference("Retry"),
        "place": { "type": "string", "description": "Where it is." },
        "hint": { "type": "string", "description": "What to change.", "examples": ["did you mean `add`?"] },
        "issues": { "type": "array", "description": "All that is wrong with a document.", "items": reference("Issue") },
    })
}

/// The schema of documents, with its parts among the components.
fn documents() -> Json {
    let mut root = format::schema();
    let mut schemas = JsonMap::new();
    if let Some(fields) = root.as_object_mut() {
        fields.remove("$schema");
        if let Some(Json::Object(parts)) = fields.remove("$defs") {
            schemas.extend(parts.into_iter().map(|(name, part)| (format!("Document{name}"), part)));
        }
    }
    root["examples"] = json!([example()]);
    schemas.insert("Document".to_owned(), root);
    let mut schemas = Json::Object(schemas);
    refer(&mut schemas);
    schemas
}

/// Lets references to parts of the schema of documents lead to the components.
fn refer(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            if let Some(Json::String(to)) = fields.get_mut("$ref")
                && let Some(name) = to.strip_prefix("#/$defs/")
            {
                *to = format!("#/components/schemas/Document{name}");
            }
            fields.values_mut().for_each(refer);
        }
        Json::Array(items) => items.iter_mut().for_each(refer),
        _ => {}
    }
}

/// A document.
pub(super) fn example() -> Json {
    json!({
        "format": "1.0", "name": "add",
        "nodes": { "sum": { "type": "Expression", "config": { "expression": "a + b" } } },
        "parameters": { "sum": { "a": 1, "b": 2 } },
    })
}

/// A point in time.
pub(super) fn time(description: &str) -> Json {
    json!({ "type": "string", "format": "date-time", "description": description })
}

/// A number of things.
pub(super) fn count(description: &str) -> Json {
    json!({ "type": "integer", "minimum": 0, "description": description })
}
