//! Operations on runs.

use serde_json::{Value as Json, json};

use super::{
    operation::{Operation, in_path, in_query, json_of, object, reference},
    schemas::{count, time},
    workflows::name,
};
use crate::host::keys::Scope;

const UNKNOWN: &str = "There is no such run.";

/// A run in a path.
pub(super) fn in_paths() -> Json {
    in_path("run", "The run.", &reference("RunId"))
}

pub(super) fn paths() -> Json {
    let read = |id, summary| Operation::new(Scope::Read, id, "runs", summary);
    let execute = |id, summary| Operation::new(Scope::Execute, id, "runs", summary);
    let list = read("listRuns", "Runs at a glance, the newest first")
        .parameters([
            in_query("workflow", "Only runs of this workflow.", &json!({ "type": "string" })),
            in_query("status", "Only runs that stand so.", &reference("RunStatus")),
            in_query(
                "before",
                "Only runs that began before this one: `next` of the page before.",
                &reference("RunId"),
            ),
            in_query(
                "limit",
                "The most runs of the page.",
                &json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 50 }),
            ),
        ])
        .answers(200, "A page of runs, without what they gave.", json_of("Runs"));
    let shown = |operation: Operation| {
        operation
            .answers(200, "How it stands; if it has ended, with what it gave.", json_of("Run"))
            .refuses(404, UNKNOWN)
    };
    let status = shown(read("getStatus", "How a run stands").parameters([in_paths()]));
    let run = shown(
        read("getRun", "How a run stands").about("The same as `/status/{run}`.").parameters([in_paths()]),
    );
    let status_of =
        shown(read("getWorkflowStatus", "How a run of a workflow stands").parameters([name(), in_paths()]));
    let history = read("getHistory", "What the journal knows of a run, from its beginning")
        .about("Empty if the host keeps no journal.")
        .parameters([
            in_paths(),
            in_query(
                "from",
                "From this position on: `next` of the page before.",
                &json!({ "type": "integer", "minimum": 0, "default": 0 }),
            ),
            in_query(
                "limit",
                "The most entries of the page.",
                &json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 1000 }),
            ),
        ])
        .answers(200, "A page of the history.", json_of("History"))
        .refuses(404, UNKNOWN);
    let cancel = execute("cancelRun", "Ask a run to stop, and wait until it has")
        .parameters([in_paths()])
        .answers(200, "It has ended; it may have completed just before.", json_of("Run"))
        .refuses(404, UNKNOWN)
        .refuses(409, "It has ended already.");
    let signal = execute("signalRun", "Send a signal to a run")
        .about(
            "It reaches the node that waits for it, now or later. A run keeps 1024 signals that no node waits for, and 16 MiB of \
             them together; beyond that they are refused with `run.signals`.",
        )
        .parameters([in_paths()])
        .body(json!({
            "application/json": {
                "schema": reference("Signal"), "example": { "name": "approved", "value": { "by": "Ada" } },
            },
        }))
        .done(204, "The journal has it.")
        .refuses(404, UNKNOWN)
        .refuses(409, "It has ended already.");
    let forget = Operation::new(Scope::Manage, "forgetRun", "runs", "Forget a run that has ended")
        .parameters([in_paths()])
        .done(204, "It is forgotten.")
        .refuses(404, UNKNOWN)
        .refuses(409, "It has not ended.");
    json!({
        "/workflows/{name}/status/{run}": { "get": Json::from(status_of) },
        "/status/{run}": { "get": Json::from(status) },
        "/runs": { "get": Json::from(list) },
        "/runs/{run}": { "get": Json::from(run), "delete": Json::from(forget) },
        "/runs/{run}/history": { "get": Json::from(history) },
        "/runs/{run}/cancel": { "post": Json::from(cancel) },
        "/runs/{run}/signal": { "post": Json::from(signal) },
    })
}

/// The members of a run.
pub(super) fn run() -> Json {
    json!({
        "run_id": reference("RunId"),
        "execution_id": { "type": "string", "format": "uuid", "description": "The same as `run_id`." },
        "status": reference("RunStatus"),
        "workflow_id": { "type": "string", "description": "The workflow's name." },
        "version": count("The workflow's version; 0 for a document that came with the request."),
        "began": time("When it began."),
        "ended": time("When it ended."),
        "execution_time": { "type": "number", "minimum": 0, "description": "Seconds from begin to end." },
        "outputs": {
            "type": "object",
            "description": "What each node gave, by output. A number that JSON has no form for is null.",
            "additionalProperties": { "type": "object" },
        },
        "errors": { "type": "array", "minItems": 1, "items": reference("Failure") },
        "skipped": { "type": "array", "minItems": 1, "description": "Nodes that were not run.", "items": { "type": "string" } },
        "waits": reference("Wait"),
    })
}

pub(super) fn schemas() -> Json {
    let optional = ["ended", "execution_time", "outputs", "errors", "skipped", "waits"];
    let text = json!({ "type": "string" });
    json!({
        "Run": object("A run.", &run(), &optional),
        "RunStatus": {
            "enum": ["pending", "running", "suspended", "completed", "failed", "cancelled"],
            "description": "`pending`: others are before it. `suspended`: it waits for a time or a signal. The last three are ends.",
        },
        "Runs": object("A page of runs.", &json!({
            "runs": { "type": "array", "items": reference("Run") },
            "next": { "type": ["string", "null"], "format": "uuid", "description": "What `before` is for the next page; null if this is the last." },
        }), &[]),
        "Failure": object("Why a run failed: a failed node, or the run itself.", &json!({
            "node": { "type": ["string", "null"] },
            "kind": reference("ErrorKind"),
            "code": text,
            "message": text,
            "retry": reference("Retry"),
            "place": { "type": ["string", "null"] },
            "hint": { "type": ["string", "null"] },
        }), &[]),
        "Wait": object("What a run waits for.", &json!({
            "until": { "type": ["string", "null"], "format": "date-time", "description": "When it goes on at the latest." },
            "signals": { "type": "array", "description": "The signals that let it go on.", "items": text },
        }), &[]),
        "Signal": {
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 255, "description": "At most 255 bytes in UTF-8." },
                "value": { "description": "What the node that waits is given." },
            },
        },
        "History": object("What happened in a run.", &json!({
            "history": { "type": "array", "items": reference("Happened") },
            "next": { "type": ["integer", "null"], "description": "Where the next page begins; null at the end." },
        }), &[]),
        "Happened": object("One thing that happened in a run.", &json!({
            "seq": count("The position in the journal, from 0."),
            "type": { "enum": ["begun", "started", "done", "failed", "suspended", "woken", "signalled", "parked", "resumed", "ended"] },
            "unit": { "type": "string", "description": "The node, with its turn or item; absent for the run itself." },
            "at": time("When; of a unit that waits, until when."),
            "signal": { "type": "string", "description": "The signal that was sent or that is waited for." },
            "status": reference("RunStatus"),
            "code": { "type": "string", "description": "The stable code of what went wrong." },
            "message": text,
        }), &["unit", "at", "signal", "status", "code", "message"]),
    })
}
