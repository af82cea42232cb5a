//! Leases: one holder at a time, told apart from its predecessors by a fencing token.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use kailash_core::{Error, Retry, exec::Token};
use kailash_edge::coordinate::state::{Answer, Command, Granted};
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
    Newness, Part, check_free, consistency, in_query, member, millis, whole_number,
};

/// Who takes a lease, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acquire {
    holder: String,
    ttl_s: f64,
}

/// How long a lease is to last from now.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renew {
    #[serde(deserialize_with = "whole_number")]
    token: u64,
    ttl_s: f64,
}

/// Which grant is given back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Release {
    #[serde(default, deserialize_with = "in_query")]
    token: Option<u64>,
}

fn told(granted: &Granted) -> Json {
    json!({
        "lease": granted.lease, "holder": granted.holder, "token": granted.token.0, "epoch": granted.epoch,
        "since_ms": granted.since.millis,
    })
}

/// `GET /cluster/leases`
pub(in crate::http) async fn all(
    _: Reader,
    State(app): State<App>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Response, Problem> {
    let part = query(part)?;
    let limit = part.limit()?;
    let coordinator = member(&app).await?;
    let reading = coordinator.leases(&part.prefix, &part.after, limit, consistency(part.stale_ok)).await?;
    let leases: Vec<Json> = reading.value.iter().map(told).collect();
    let told = json!({ "leases": leases, "index": reading.index, "stale": reading.stale });
    json_answer(StatusCode::OK, &told)
}

/// `GET /cluster/leases/{lease}`
pub(in crate::http) async fn holder(
    _: Reader,
    State(app): State<App>,
    Path(lease): Path<String>,
    newness: Result<Query<Newness>, QueryRejection>,
) -> Result<Response, Problem> {
    let reading = member(&app).await?.holder(&lease, consistency(query(newness)?.stale_ok)).await?;
    let granted =
        reading.value.ok_or_else(|| Error::missing("lease.free", format!("nobody holds `{lease}`")))?;
    let mut told = told(&granted);
    told["index"] = reading.index.into();
    told["stale"] = reading.stale.into();
    json_answer(StatusCode::OK, &told)
}

/// `POST /cluster/leases/{lease}`
pub(in crate::http) async fn acquire(
    _: Executor,
    State(app): State<App>,
    Path(lease): Path<String>,
    content: Content,
) -> Result<Response, Problem> {
    check_free(&lease)?;
    let Acquire { holder, ttl_s } = content.json()?;
    let command =
        Command::Acquire { lease: lease.into(), holder: holder.into(), ttl: millis(ttl_s, "ttl_s")? };
    match member(&app).await?.propose(command).await?.answer {
        Answer::Held(granted) => json_answer(StatusCode::OK, &told(&granted)),
        _ => Err(Error::internal("a lease was answered with something else").into()),
    }
}

/// `PUT /cluster/leases/{lease}`
pub(in crate::http) async fn renew(
    _: Executor,
    State(app): State<App>,
    Path(lease): Path<String>,
    content: Content,
) -> Result<Response, Problem> {
    check_free(&lease)?;
    let Renew { token, ttl_s } = content.json()?;
    let grants = vec![(lease.as_str().into(), Token(token))];
    let command = Command::Renew { grants, ttl: millis(ttl_s, "ttl_s")? };
    match member(&app).await?.propose(command).await?.answer {
        Answer::Renewed(renewed) if renewed == [true] => {
            json_answer(StatusCode::OK, &json!({ "lease": lease, "token": token }))
        }
        Answer::Renewed(_) => {
            let message = format!("`{lease}` is not held with token {token} any more");
            let error = Error::new(kailash_core::ErrorKind::Conflict, "lease.lost", message);
            Err(error.with_retry(Retry::Never).into())
        }
        _ => Err(Error::internal("a lease was answered with something else").into()),
    }
}

/// `DELETE /cluster/leases/{lease}`
pub(in crate::http) async fn release(
    _: Executor,
    State(app): State<App>,
    Path(lease): Path<String>,
    which: Result<Query<Release>, QueryRejection>,
) -> Result<Response, Problem> {
    check_free(&lease)?;
    let token =
        query(which)?.token.ok_or_else(|| Error::invalid("http.query", "`token` is missing").at("token"))?;
    let token = Token(token);
    match member(&app).await?.propose(Command::Release { lease: lease.as_str().into(), token }).await?.answer
    {
        Answer::Released { held } => {
            json_answer(StatusCode::OK, &json!({ "lease": lease, "released": held }))
        }
        _ => Err(Error::internal("a lease was answered with something else").into()),
    }
}
