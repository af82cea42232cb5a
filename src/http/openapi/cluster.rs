//! Operations on the cluster of the host.

use serde_json::{Value as Json, json};

use super::{
    operation::{Operation, in_path, in_query, json_of, object, reference},
    schemas::{count, time},
};
use crate::host::keys::Scope;

/// The largest whole number that every reader of JSON keeps.
const LARGEST: u64 = (1 << 53) - 1;

const STREAM: &str = "\
A stream of server-sent events, of which the schema tells one. A stream in which nothing happens has a comment every 15 s.";

const WRITES: &str = "\
It is answered when a majority of the members has it on disk. 503 with the code `coordinate.no_quorum` says that nobody \
knows whether it will be carried out.";

const READS: &str = "\
What is read has everything that was answered before, by any member; with `stale_ok` it is what this host has, which is \
there without a majority too.";

pub(super) fn paths() -> Json {
    let operation = |scope, id, summary| Operation::new(scope, id, "cluster", summary);
    let read = |id, summary| operation(Scope::Read, id, summary);
    let write = |id, summary| operation(Scope::Execute, id, summary);
    let manage = |id, summary| operation(Scope::Manage, id, summary);
    let stream = |schema| json!({ "text/event-stream": { "schema": reference(schema) } });
    let refused = "The expected version is not there, or the lease of the fence is not held.";
    json!({
        "/cluster": {
            "get": Json::from(
                read("getCluster", "How the cluster stands, as this host sees it")
                    .about("What only the leader knows is asked of it, and null if it does not answer within a second.")
                    .answers(200, "How it stands.", json_of("Cluster")),
            ),
        },
        "/cluster/events": {
            "get": Json::from(
                read("watchCluster", "What happens to the group from now on: leaders, quorum, members")
                    .about(&format!("{STREAM} It has no end while the host runs."))
                    .answers(200, "The events.", stream("SentClusterEvent")),
            ),
        },
        "/cluster/step-down": {
            "post": Json::from(
                manage("stepDown", "Let another member lead")
                    .answers(200, "Another one leads.", json_of("Cluster"))
                    .refuses(409, "No other member that votes is heard."),
            ),
        },
        "/cluster/members/{member}": {
            "delete": Json::from(
                manage("removeMember", "Let a member go, for good")
                    .parameters([in_path("member", "The name of its host, or its number.", &json!({ "type": "string", "minLength": 1 }))])
                    .done(204, "It takes part no longer.")
                    .refuses(404, "There is no such member.")
                    .refuses(409, "Nobody else votes."),
            ),
        },
        "/cluster/map": {
            "get": Json::from(
                read("listEntries", "Entries of the replicated map, by key")
                    .about(READS)
                    .parameters(part())
                    .answers(200, "The entries.", json_of("Entries")),
            ),
        },
        "/cluster/map/{key}": {
            "get": Json::from(
                read("getEntry", "An entry of the replicated map")
                    .about(READS)
                    .parameters([key(), stale_ok()])
                    .answers(200, "The entry.", json_of("ReadEntry"))
                    .refuses(404, "There is no such entry."),
            ),
            "put": Json::from(
                write("putEntry", "Give an entry of the replicated map a value")
                    .about(WRITES)
                    .parameters([key()])
                    .body(json!({ "application/json": {
                        "schema": reference("PutEntry"), "example": { "value": { "door": "open" }, "if_version": 3 },
                    }}))
                    .answers(200, "It has the value.", json_of("WrittenEntry"))
                    .refuses(409, refused),
            ),
            "delete": Json::from(
                write("deleteEntry", "Remove an entry of the replicated map")
                    .about(WRITES)
                    .parameters([key(), in_query("if_version", "The version that it must have.", &number(1))])
                    .answers(200, "It is not there any more.", json_of("DeletedEntry"))
                    .refuses(409, refused),
            ),
        },
        "/cluster/leases": {
            "get": Json::from(
                read("listLeases", "The leases that somebody holds, by name")
                    .about(READS)
                    .parameters(part())
                    .answers(200, "The leases.", json_of("Leases")),
            ),
        },
        "/cluster/leases/{lease}": {
            "get": Json::from(
                read("getLease", "Who holds a lease")
                    .about(READS)
                    .parameters([lease(), stale_ok()])
                    .answers(200, "Who holds it.", json_of("ReadLease"))
                    .refuses(404, "Nobody does."),
            ),
            "post": Json::from(
                write("acquireLease", "Take a lease that nobody holds")
                    .about("What is guarded by a lease has to refuse tokens smaller than one that it has seen.")
                    .parameters([lease()])
                    .body(json!({ "application/json": {
                        "schema": reference("AcquireLease"), "example": { "holder": "press-1", "ttl_s": 10 },
                    }}))
                    .answers(200, "It is held.", json_of("Lease"))
                    .refuses(409, "Somebody holds it."),
            ),
            "put": Json::from(
                write("renewLease", "Let a lease last longer")
                    .parameters([lease()])
                    .body(json!({ "application/json": {
                        "schema": reference("RenewLease"), "example": { "token": 17, "ttl_s": 10 },
                    }}))
                    .answers(200, "Its time begins anew.", json_of("RenewedLease"))
                    .refuses(409, "It is not held with this token any more."),
            ),
            "delete": Json::from(
                write("releaseLease", "Give a lease back")
                    .parameters([lease(), token_parameter()])
                    .answers(200, "It is not held with this token any more.", json_of("ReleasedLease")),
            ),
        },
        "/cluster/watch": {
            "get": Json::from(
                read("watchChanges", "Every change of the replicated state, in order")
                    .about(&format!(
                        "{STREAM} A client goes on where it was, on any member, with the header `Last-Event-ID`. Changes that \
                         are not remembered any more are answered with the event `error`, code `watch.forgotten`: what they \
                         led to is in the state. It has no end while the host runs."
                    ))
                    .parameters([
                        in_query("from", "Changes from this log index on; from now on if it is not given.", &number(0)),
                        in_query("prefix", "Only changes of entries, leases and groups whose names begin so.", &text()),
                        json!({
                            "name": "Last-Event-ID", "in": "header", "description": "The id of the last change that the client has.",
                            "schema": { "type": "string", "pattern": "^[0-9]{1,15}\\.[0-9]{1,15}$" },
                        }),
                    ])
                    .answers(200, "The changes.", stream("SentChange")),
            ),
        },
    })
}

fn text() -> Json {
    json!({ "type": "string" })
}

fn number(minimum: u64) -> Json {
    json!({ "type": "integer", "minimum": minimum, "maximum": LARGEST })
}

fn name() -> Json {
    json!({ "type": "string", "minLength": 1, "maxLength": 512 })
}

fn key() -> Json {
    in_path("key", "The entry. Those that begin with `state/` belong to EdgeStateMachine.", &name())
}

fn lease() -> Json {
    in_path(
        "lease",
        "The lease. Those that begin with `group/`, `owner/` or `lock/` belong to node types.",
        &name(),
    )
}

fn token_parameter() -> Json {
    let mut token = in_query("token", "The token that it was granted with.", &number(0));
    token["required"] = true.into();
    token
}

fn stale_ok() -> Json {
    in_query(
        "stale_ok",
        "Whether it may be of some time ago.",
        &json!({ "type": "boolean", "default": false }),
    )
}

fn part() -> [Json; 4] {
    [
        in_query("prefix", "Only those whose names begin so.", &text()),
        in_query("after", "Only those that come behind this name.", &text()),
        in_query(
            "limit",
            "How many at most.",
            &json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }),
        ),
        stale_ok(),
    ]
}

fn ttl() -> Json {
    json!({
        "type": "number", "minimum": 0.001, "maximum": 31_536_000, "description": "Seconds until it ends unless it is renewed.",
    })
}

pub(super) fn schemas() -> Json {
    let mut schemas = told();
    if let (Json::Object(schemas), Json::Object(asked)) = (&mut schemas, asked()) {
        schemas.extend(asked);
    }
    schemas
}

/// What is sent.
fn asked() -> Json {
    let exact = |description: &str, properties: &Json, optional: &[&str]| {
        let mut exact = object(description, properties, optional);
        exact["additionalProperties"] = false.into();
        exact
    };
    json!({
        "PutEntry": exact("What an entry is to be.", &json!({
            "value": { "description": "Any value." },
            "if_version": {
                "type": ["integer", "null"], "minimum": 0, "maximum": LARGEST,
                "description": "The version that it must have; 0 for one that must not be there.",
            },
            "ttl_s": {
                "type": ["number", "null"], "minimum": 0.001, "maximum": 31_536_000,
                "description": "Seconds until it goes by itself unless it is changed before.",
            },
            "fence": { "anyOf": [reference("Fence"), { "type": "null" }] },
        }), &["if_version", "ttl_s", "fence"]),
        "Fence": exact("A lease that must be held with this token.", &json!({
            "lease": name(), "token": number(0),
        }), &[]),
        "AcquireLease": exact("Who takes a lease.", &json!({
            "holder": { "type": "string", "minLength": 1, "maxLength": 512 }, "ttl_s": ttl(),
        }), &[]),
        "RenewLease": exact("Which grant is renewed.", &json!({ "token": number(0), "ttl_s": ttl() }), &[]),
    })
}

/// What is told.
fn told() -> Json {
    let index = || count("The log index behind the last command that it has.");
    let stale = || json!({ "type": "boolean", "description": "Whether it may be of some time ago." });
    let maybe =
        |description: &str| json!({ "type": ["integer", "null"], "minimum": 0, "description": description });
    let id = || json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" });
    let entry = json!({
        "key": text(),
        "value": { "description": "Any value." },
        "version": count("Counts its changes since it was made, from 1."),
        "created": count("The log index of the command that made it."),
        "modified": count("The log index of the command that changed it last."),
        "ttl_s": { "type": ["number", "null"], "description": "Seconds from the last change to its end." },
    });
    let lease = json!({
        "lease": text(),
        "holder": text(),
        "token": count("Larger than all that the lease was granted with before."),
        "epoch": count("Counts the holders of a leadership; 1 of other leases."),
        "since_ms": count("When it was granted, in milliseconds since 1970-01-01T00:00:00Z."),
    });
    let read = |of: &Json| {
        let mut read = of.clone();
        read["index"] = index();
        read["stale"] = stale();
        read
    };
    json!({
        "Cluster": object("How the cluster stands, as one member sees it.", &json!({
            "cluster": { "type": ["string", "null"], "description": "Its id." },
            "member": id(),
            "role": { "enum": ["leader", "follower", "candidate", "learner", "stopped"] },
            "term": count("The term."),
            "leader": { "type": ["string", "null"], "description": "The number of the member that leads." },
            "quorum": { "type": "boolean", "description": "Whether a majority is known to be there." },
            "last_log": maybe("The last entry of the log."),
            "committed": maybe("The last entry that a majority is known to have."),
            "applied": maybe("The last entry that was carried out."),
            "log_bytes": count("The length of the log on the disk."),
            "disk_full": { "type": "boolean", "description": "Whether the log waits for room on the disk." },
            "snapshot": { "anyOf": [object("The last snapshot.", &json!({
                "last": count("The last entry in it."),
                "at_ms": count("The cluster's time of that entry, in milliseconds since 1970-01-01T00:00:00Z."),
                "bytes": count("Its length."),
            }), &[]), { "type": "null" }] },
            "members": { "type": "array", "items": object("Somebody who takes part.", &json!({
                "id": id(),
                "host": text(),
                "address": { "type": "string", "description": "Where peers reach it; empty for one that is alone." },
                "voter": { "type": "boolean", "description": "Whether it counts in majorities." },
                "leader": { "type": "boolean" },
                "lag": maybe("How many entries of the leader's log it lacks."),
                "silent_ms": maybe("How many milliseconds ago the leader heard from it."),
            }), &[]) },
        }), &[]),
        "Entry": object("An entry of the replicated map.", &entry, &[]),
        "ReadEntry": object("An entry of the replicated map, and how new that is.", &read(&entry), &[]),
        "Entries": object("Entries of the replicated map.", &json!({
            "entries": { "type": "array", "items": reference("Entry") },
            "next": { "type": ["string", "null"], "description": "What `after` is for the next page; null on the last." },
            "index": index(), "stale": stale(),
        }), &[]),
        "WrittenEntry": object("An entry that was written.", &json!({
            "key": text(), "version": count("Its version now."), "index": count("The log index of the command."),
        }), &[]),
        "DeletedEntry": object("An entry that is not there any more.", &json!({
            "key": text(), "existed": { "type": "boolean" }, "index": count("The log index of the command."),
        }), &[]),
        "Lease": object("A lease that is held.", &lease, &[]),
        "ReadLease": object("A lease that is held, and how new that is.", &read(&lease), &[]),
        "Leases": object("Leases that are held.", &json!({
            "leases": { "type": "array", "items": reference("Lease") }, "index": index(), "stale": stale(),
        }), &[]),
        "RenewedLease": object("A lease whose time begins anew.", &json!({ "lease": text(), "token": count("Its token.") }), &[]),
        "ReleasedLease": object("A lease that was given back.", &json!({
            "lease": text(), "released": { "type": "boolean", "description": "Whether it was held with that token." },
        }), &[]),
        "SentClusterEvent": object("A server-sent event: what happened to the group.", &json!({
            "event": { "enum": [
                "leader.changed", "quorum.lost", "quorum.regained", "peer.lost", "peer.back", "members.changed", "disk.full",
                "disk.has_room", "member.stopped",
                "lagged",
            ] },
            "data": { "type": "string", "contentMediaType": "application/json", "contentSchema": object("", &json!({
                "at": time("When."), "type": text(), "data": { "type": "object" },
                "missed": count("How many events were missed; only of `lagged`."),
            }), &["at", "type", "data", "missed"]) },
        }), &[]),
        "SentChange": object("A server-sent event: a change of the replicated state.", &json!({
            "id": { "type": "string", "description": "For `Last-Event-ID`; `error` has none." },
            "event": { "enum": [
                "entry.put", "entry.deleted", "lease.granted", "lease.freed", "proposal.accepted", "event.ordered", "error",
            ] },
            "data": { "type": "string", "contentMediaType": "application/json", "contentSchema": { "anyOf": [
                object("", &json!({
                    "index": count("The log index of the command."),
                    "at": object("The cluster's time of it.", &json!({
                        "millis": count("Milliseconds since 1970-01-01T00:00:00Z."), "logical": count("Tells those with the same milliseconds apart."),
                    }), &[]),
                    "type": text(), "data": { "type": "object" },
                }), &[]),
                reference("Problem"),
            ] } },
        }), &["id"]),
    })
}
