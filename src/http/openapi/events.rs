//! Operations that tell events as they happen.

use serde_json::{Value as Json, json};

use super::{
    operation::{Operation, in_query, object, reference},
    runs::in_paths,
    schemas::{count, time},
};
use crate::host::keys::Scope;

const STREAM: &str = "\
A stream of server-sent events, of which the schema tells one. A stream in which nothing happens has a comment every 15 s.";

pub(super) fn paths() -> Json {
    let read = |id, summary| Operation::new(Scope::Read, id, "events", summary);
    let run = || in_query("run", "Only events of this run.", &reference("RunId"));
    let stream = json!({ "text/event-stream": { "schema": reference("SentEvent") } });
    let all = read("watchEvents", "The events of all runs from now on")
        .about(&format!("{STREAM} It has no end while the host runs."))
        .parameters([run()])
        .answers(200, "The events.", stream.clone());
    let of_run = read("watchRun", "The events of a run from now on")
        .about(&format!("{STREAM} It ends when the run ends or is put aside."))
        .parameters([in_paths()])
        .answers(200, "The events; none if it has ended.", stream)
        .refuses(404, "There is no such run.");
    let socket = read("openSocket", "The events of all runs from now on, over a WebSocket")
        .about(
            "Each text message is an `Event`, or `{\"type\": \"lagged\", \"data\": {\"missed\": count}}` for a client that \
             is too slow. What the client sends is not looked at; a message may have 4096 bytes.",
        )
        .parameters([run()])
        .done(101, "The WebSocket is open.")
        .refuses(422, "The query is wrong, or the request does not ask for a WebSocket.");
    json!({
        "/events": { "get": Json::from(all) },
        "/runs/{run}/events": { "get": Json::from(of_run) },
        "/ws": { "get": Json::from(socket) },
    })
}

/// The types of events with their data.
fn types() -> [(&'static str, Option<Json>); 14] {
    let text = json!({ "type": "string" });
    let number = |description: &str| json!({ "type": "number", "minimum": 0, "description": description });
    let data = |properties: &Json, optional: &[&str]| Some(object("", properties, optional));
    [
        ("run.started", data(&json!({ "workflow": text, "nodes": count("How many nodes it has.") }), &[])),
        ("run.resumed", data(&json!({ "workflow": text, "nodes": count("How many nodes it has.") }), &[])),
        (
            "run.finished",
            data(
                &json!({ "status": reference("RunStatus"), "duration_ms": number("Wall time in milliseconds since the run began.") }),
                &[],
            ),
        ),
        (
            "run.suspended",
            data(
                &json!({ "until": time("When it goes on at the latest."), "signals": { "type": "array", "items": text } }),
                &["until"],
            ),
        ),
        ("node.started", None),
        (
            "node.finished",
            data(&json!({ "duration_ms": number("Wall time of the attempt in milliseconds.") }), &[]),
        ),
        ("node.failed", data(&json!({ "kind": reference("ErrorKind"), "code": text, "message": text }), &[])),
        (
            "node.retrying",
            data(
                &json!({ "message": text, "delay_ms": number("The wait before the next attempt, in milliseconds.") }),
                &[],
            ),
        ),
        ("node.skipped", None),
        (
            "node.suspended",
            data(
                &json!({ "until": time("When it is woken at the latest."), "signal": text }),
                &["until", "signal"],
            ),
        ),
        (
            "node.woken",
            data(
                &json!({ "signal": { "type": "boolean", "description": "Whether a signal came, and not the time." } }),
                &[],
            ),
        ),
        (
            "cycle.turned",
            data(
                &json!({ "iteration": count("The turn, from 0."), "converged": { "type": "boolean" } }),
                &[],
            ),
        ),
        (
            "node.progress",
            data(
                &json!({ "message": text, "done": count("How much is done."), "total": count("How much there is.") }),
                &["total"],
            ),
        ),
        ("lagged", data(&json!({ "missed": count("How many events were missed.") }), &[])),
    ]
}

pub(super) fn schemas() -> Json {
    let types = types();
    let names: Vec<&str> = types.iter().map(|(name, _)| *name).collect();
    let shapes: Vec<Json> = types
        .iter()
        .map(|(name, data)| match data {
            Some(data) => {
                json!({ "properties": { "type": { "const": name }, "data": data }, "required": ["data"] })
            }
            None => json!({ "properties": { "type": { "const": name } } }),
        })
        .collect();
    let mut event = object(
        "One thing that happened in a run. Types and members may be added: a reader ignores what it does not know.",
        &json!({
            "v": { "const": kailash_core::event::EVENT_VERSION, "description": "The version of this shape." },
            "run": reference("RunId"),
            "seq": count("The position in the run, dense from 0; numbers are left out where the host ended without a word."),
            "at": time("When."),
            "unit": { "type": "string", "description": "The node, with its turn or item; absent for the run itself." },
            "attempt": { "type": "integer", "minimum": 1, "description": "The attempt at the unit." },
            "type": { "enum": names },
            "data": { "type": "object", "description": "By type; absent for types that have none." },
        }),
        &["unit", "attempt", "data"],
    );
    event["oneOf"] = shapes.into();
    let missed = object("", &json!({ "missed": count("How many events were missed.") }), &[]);
    json!({
        "Event": event,
        "SentEvent": object("A server-sent event of a run; `lagged` for a watcher that was too slow.", &json!({
            "id": { "type": "string", "pattern": "^[0-9]+$", "description": "The position in the run; `lagged` brings none of its own, so that clients keep the last." },
            "event": { "enum": names, "description": "The event's type." },
            "data": {
                "type": "string", "contentMediaType": "application/json",
                "contentSchema": { "anyOf": [reference("Event"), missed] },
            },
        }), &["id"]),
    })
}
