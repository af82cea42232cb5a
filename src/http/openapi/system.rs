//! Operations on the host itself.

use serde_json::{Value as Json, json};

use super::{
    operation::{Operation, json_of, object},
    schemas::count,
};
use crate::host::keys::Scope;

pub(super) fn paths() -> Json {
    let health = Operation::open("health", "system", "Whether the host lives").always();
    let ready = Operation::open("ready", "system", "Whether the host takes runs").always();
    let metrics = Operation::new(Scope::Read, "metrics", "system", "What the host counts");
    let openapi = Operation::open("openapi", "system", "This document");
    json!({
        "/health": { "get": Json::from(health.answers(200, "It does.", json_of("Health"))) },
        "/ready": {
            "get": Json::from(
                ready
                    .answers(200, "It does.", json_of("Readiness"))
                    .answers(503, "It stops, or runs wait because the journal takes nothing.", json_of("Readiness"))
                    .header(503, "Retry-After", false, super::operation::retry_after()),
            ),
        },
        "/metrics": {
            "get": Json::from(metrics.answers(200, "The metrics.", json!({
                "application/openmetrics-text": { "schema": { "type": "string" } },
            }))),
        },
        "/openapi.json": {
            "get": Json::from(openapi.answers(200, "The document, OpenAPI 3.1.", json!({
                "application/json": { "schema": { "type": "object", "required": ["openapi", "info", "paths"] } },
            }))),
        },
    })
}

pub(super) fn schemas() -> Json {
    json!({
        "Health": object("A host that lives.", &json!({
            "status": { "const": "healthy" },
            "version": { "type": "string", "description": "Its release." },
        }), &[]),
        "Readiness": object("Whether a host takes runs.", &json!({
            "status": {
                "enum": ["ready", "stopping", "waits_for_room"],
                "description": "`waits_for_room`: runs wait because the journal takes nothing, most often because its disk is full.",
            },
            "running": count("How many runs are under way."),
            "pending": count("How many runs wait for their turn."),
            "suspended": count("How many runs wait for a time or a signal."),
        }), &[]),
    })
}
