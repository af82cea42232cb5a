//! Operations that begin runs.

use serde_json::{Value as Json, json};

use super::{
    operation::{Operation, object, reference},
    schemas::{self, example},
    workflows::name,
};
use crate::host::keys::Scope;

const ABOUT: &str = "\
With `mode` `sync` the answer comes when the run has ended (200), has failed (a problem with the members of the run), or \
was put aside to wait for a time or a signal (202). With `async` it comes when the journal has the run (202). With \
`stream` it is a stream of server-sent events (200), of which the schema tells one: those of the run, then `result` with \
the run or `error` with a problem.";

/// The operations that go on with a run.
const NEXT: [&str; 6] = ["getStatus", "getRun", "getHistory", "signalRun", "cancelRun", "forgetRun"];

pub(super) fn paths() -> Json {
    let registered =
        Operation::new(Scope::Execute, "executeWorkflow", "execute", "Execute a registered workflow")
            .about(ABOUT)
            .parameters([name(), key()])
            .body(json!({
                "application/json": {
                    "schema": reference("Execute"), "example": { "inputs": { "sum": { "a": 1, "b": 2 } } },
                },
            }));
    let any = Operation::new(Scope::Execute, "execute", "execute", "Execute a workflow or a document")
        .about(&format!("{ABOUT}\n\nA document that comes with the request needs the scope `manage`, too."))
        .parameters([key()])
        .body(json!({
            "application/json": {
                "schema": reference("ExecuteAny"),
                "examples": {
                    "registered": { "value": { "workflow": "add", "inputs": { "a": 1, "b": 2 }, "mode": "async" } },
                    "document": { "value": { "workflow": example(), "inputs": { "a": 3 } } },
                },
            },
        }));
    json!({
        "/workflows/{name}/execute": { "post": Json::from(answered(registered)) },
        "/execute": { "post": Json::from(answered(any)) },
    })
}

fn key() -> Json {
    json!({
        "name": "Idempotency-Key", "in": "header",
        "description": "A request to the same workflow with the same key and inputs is answered with the run of the first; \
                        one with other inputs is refused with 409.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$" },
    })
}

fn answered(operation: Operation) -> Operation {
    let done = json!({
        "application/json": { "schema": reference("Run") },
        "text/event-stream": { "schema": { "anyOf": [reference("SentEvent"), reference("SentEnd")] } },
    });
    let begun = json!({ "application/json": { "schema": reference("Run") } });
    let place = json!({ "description": "Where the run can be asked for.", "schema": { "type": "string" } });
    let failed = |operation: Operation, status, why| operation.problem(status, why, "RunProblem");
    let operation = operation
        .answers(200, "The run has completed, or its events.", done)
        .answers(202, "The run is recorded and goes on, or waits for a time or a signal.", begun)
        .header(202, "Location", true, place);
    let operation = NEXT.into_iter().fold(operation, |operation, next| {
        let leads =
            |operation: Operation, status| operation.leads(status, next, "run", "$response.body#/run_id");
        leads(leads(operation, 200), 202)
    });
    let operation = [
        (403, "The key lacks a scope, the host is not called so, or the run was denied something."),
        (404, "There is no such workflow or version, or the run missed something."),
        (409, "The idempotency key belongs to another request, or the run met a conflict."),
        (422, "The request, its inputs or the document are wrong, or the run met something that was."),
        (429, "Too many requests or waiting runs, or the run reached a limit."),
        (499, "The run was cancelled."),
        (500, "A node failed, or a defect of the host."),
        (503, "The host stops, or something that the run needs cannot be reached."),
        (504, "A time limit of the run passed."),
    ]
    .into_iter()
    .fold(operation, |operation, (status, why)| failed(operation, status, why));
    [200, 202, 403, 404, 409, 422, 429, 499, 500, 503, 504].into_iter().fold(
        operation,
        |operation, status| {
            let again = json!({
                "description": "`true` if the run is that of an earlier request with the same key.",
                "schema": { "const": "true" },
            });
            operation.header(status, "Idempotency-Replayed", false, again)
        },
    )
}

pub(super) fn schemas() -> Json {
    let inputs = json!({
        "type": ["object", "null"],
        "description": "Values for inputs: `{node: {name: value}}`, or `{name: value}` for every node that declares the name.",
    });
    let mut properties = json!({
        "inputs": inputs,
        "parameters": { "type": ["object", "null"], "description": "Another name for `inputs`." },
        "mode": { "enum": ["sync", "async", "stream"], "default": "sync" },
        "version": {
            "type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX,
            "description": "The version of a registered workflow; the newest if it is not given.",
        },
    });
    let request = |properties: &Json, never: &[Json]| {
        json!({
            "type": "object", "additionalProperties": false, "not": { "anyOf": never }, "properties": properties,
        })
    };
    let both = json!({ "required": ["inputs", "parameters"] });
    let registered = request(&properties, std::slice::from_ref(&both));
    properties["workflow"] = json!({
        "description": "The name of a registered workflow, or a document; without it, the only one that is registered.",
        "anyOf": [{ "type": "string" }, reference("AnyDocument"), { "type": "null" }],
    });
    let version_of_document = json!({
        "required": ["version", "workflow"],
        "properties": { "workflow": { "type": "object" }, "version": { "type": "integer" } },
    });
    json!({
        "Execute": registered,
        "ExecuteAny": request(&properties, &[both, version_of_document]),
        "RunProblem": run_problem(),
        "SentEnd": object("The last server-sent event of a run that was executed: how it ended.", &json!({
            "id": { "type": "string", "description": "It brings none of its own, so that clients keep the last." },
            "event": { "enum": ["result", "error"] },
            "data": {
                "type": "string", "contentMediaType": "application/json",
                "contentSchema": { "anyOf": [reference("Run"), reference("Problem")] },
            },
        }), &["id"]),
    })
}

/// A problem that may be the end of a run, with its members then; `status` is HTTP's.
fn run_problem() -> Json {
    let (mut members, run) = (schemas::problem(), super::runs::run());
    let mut optional = schemas::OPTIONAL.to_vec();
    for (name, member) in run.as_object().into_iter().flatten().filter(|(name, _)| *name != "status") {
        members[name] = member.clone();
        optional.push(name);
    }
    members["run_status"] = reference("RunStatus");
    optional.push("run_status");
    object("A problem; of a run that ended badly, with its members.", &members, &optional)
}
