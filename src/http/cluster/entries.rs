//! The replicated map.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use kailash_core::{Error, Value, exec::Token};
use kailash_edge::coordinate::state::{Answer, Command, Encoded, Entry, Expect, Fence};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    super::{
        answer::json_answer,
        app::App,
        body::Content,
        guard::{Executor, Reader},
        path::Path,
        problem::Problem,
        workflows::query,
    },
    Newness, Part, check_free, consistency, in_query, member, millis, whole, whole_number,
};

/// What an entry is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    value: Value,
    /// The version that it must have; 0 for one that must not be there.
    #[serde(default, deserialize_with = "whole")]
    if_version: Option<u64>,
    /// Seconds until it goes by itself unless it is changed before.
    #[serde(default)]
    ttl_s: Option<f64>,
    /// The lease that must be held for it to be changed.
    #[serde(default)]
    fence: Option<AskedFence>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedFence {
    lease: String,
    #[serde(deserialize_with = "whole_number")]
    token: u64,
}

/// What an entry must be to be removed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Removed {
    #[serde(default, deserialize_with = "in_query")]
    if_version: Option<u64>,
}

fn expect(version: Option<u64>) -> Expect {
    match version {
        None => Expect::Any,
        Some(0) => Expect::Absent,
        Some(version) => Expect::Version(version),
    }
}

fn told(key: &str, entry: &Entry) -> Result<Json, Problem> {
    let value = serde_json::to_value(entry.value.value()?);
    let value = value.map_err(|error| Error::internal(format!("an entry cannot be written: {error}")))?;
    #[expect(clippy::cast_precision_loss, reason = "a time to live is a year at most")]
    let ttl = entry.ttl.map(|millis| millis as f64 / 1e3);
    Ok(json!({
        "key": key, "value": value, "version": entry.version, "created": entry.created, "modified": entry.modified,
        "ttl_s": ttl,
    }))
}

/// `GET /cluster/map`
pub(in crate::http) async fn all(
    _: Reader,
    State(app): State<App>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Response, Problem> {
    let part = query(part)?;
    let limit = part.limit()?;
    let reading =
        member(&app).await?.list(&part.prefix, &part.after, limit, consistency(part.stale_ok)).await?;
    let next = reading.value.last().filter(|_| reading.value.len() == limit).map(|(key, _)| key);
    let entries = reading.value.iter().map(|(key, entry)| told(key, entry)).collect::<Result<Vec<_>, _>>()?;
    let told = json!({ "entries": entries, "next": next, "index": reading.index, "stale": reading.stale });
    json_answer(StatusCode::OK, &told)
}

/// `GET /cluster/map/{key}`
pub(in crate::http) async fn get(
    _: Reader,
    State(app): State<App>,
    Path(key): Path<String>,
    newness: Result<Query<Newness>, QueryRejection>,
) -> Result<Response, Problem> {
    let reading = member(&app).await?.get(&key, consistency(query(newness)?.stale_ok)).await?;
    let entry =
        reading.value.ok_or_else(|| Error::missing("map.key", format!("there is no entry `{key}`")))?;
    let mut told = told(&key, &entry)?;
    told["index"] = reading.index.into();
    told["stale"] = reading.stale.into();
    json_answer(StatusCode::OK, &told)
}

/// `PUT /cluster/map/{key}`
pub(in crate::http) async fn put(
    _: Executor,
    State(app): State<App>,
    Path(key): Path<String>,
    content: Content,
) -> Result<Response, Problem> {
    check_free(&key)?;
    let Asked { value, if_version, ttl_s, fence } = content.json()?;
    let command = Command::Put {
        key: key.as_str().into(),
        value: Encoded::of(&value)?,
        expect: expect(if_version),
        ttl: ttl_s.map(|seconds| millis(seconds, "ttl_s")).transpose()?,
        fence: fence.map(|fence| Fence { lease: fence.lease.into(), token: Token(fence.token) }),
    };
    let carried = member(&app).await?.propose(command).await.map_err(refused)?;
    match carried.answer {
        Answer::Written { version, .. } => {
            json_answer(StatusCode::OK, &json!({ "key": key, "version": version, "index": carried.index }))
        }
        _ => Err(Error::internal("an entry was answered with something else").into()),
    }
}

fn refused(error: Error) -> Problem {
    let is_too_large = error.code() == "coordinate.too_large";
    let problem = Problem::from(error);
    if is_too_large { problem.with_status(StatusCode::PAYLOAD_TOO_LARGE) } else { problem }
}

/// `DELETE /cluster/map/{key}`
pub(in crate::http) async fn delete(
    _: Executor,
    State(app): State<App>,
    Path(key): Path<String>,
    removed: Result<Query<Removed>, QueryRejection>,
) -> Result<Response, Problem> {
    check_free(&key)?;
    let expect = match query(removed)?.if_version {
        Some(0) => {
            return Err(Error::invalid("cluster.version", "versions count from 1").at("if_version").into());
        }
        version => expect(version),
    };
    let command = Command::Delete { key: key.as_str().into(), expect, fence: None };
    let carried = member(&app).await?.propose(command).await?;
    match carried.answer {
        Answer::Deleted { existed } => {
            json_answer(StatusCode::OK, &json!({ "key": key, "existed": existed, "index": carried.index }))
        }
        _ => Err(Error::internal("an entry was answered with something else").into()),
    }
}
