//! The cluster of this host: how it stands, who takes part, who leads, what happens to it.

mod changes;
mod entries;
mod leases;

pub(super) use changes::watch;
pub(super) use entries::{all as entries, delete, get, put};
pub(super) use leases::{acquire, all as leases, holder, release, renew};

use axum::{
    extract::State,
    http::StatusCode,
    response::{Response, sse::Event as Sent},
};
use futures_util::stream;
use kailash_core::{Error, Retry};
use kailash_edge::coordinate::{Consistency, Coordinator, MemberStatus, Status, is_reserved};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value as Json, json};
use tokio::sync::broadcast::error::RecvError;

use super::{
    answer::json_answer,
    app::App,
    events::until_the_end,
    guard::{Manager, Reader},
    path::Path,
    problem::Problem,
};

/// How many entries or leases a page has, if the client does not say, and at most.
const PAGE: (usize, usize) = (100, 1000);

/// The largest whole number that every reader of JSON keeps.
const LARGEST: u64 = (1 << 53) - 1;

/// A part of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    after: String,
    limit: Option<usize>,
    #[serde(default)]
    stale_ok: bool,
}

impl Part {
    fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(PAGE.0) {
            limit if (1..=PAGE.1).contains(&limit) => Ok(limit),
            _ => {
                let message = format!("a page has from 1 to {} entries", PAGE.1);
                Err(Error::invalid("http.limit", message).at("limit").into())
            }
        }
    }
}

/// How new what is read must be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Newness {
    #[serde(default)]
    stale_ok: bool,
}

fn consistency(stale_ok: bool) -> Consistency {
    if stale_ok { Consistency::StaleOk } else { Consistency::Linearizable }
}

/// A whole number, written with or without a fraction of zero.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let fraction = number.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and not negative, and what is too large is refused"
    )]
    let whole = number.as_u64().or(fraction.map(|number| number as u64));
    whole
        .filter(|whole| *whole <= LARGEST)
        .map(Some)
        .ok_or_else(|| D::Error::custom(format!("{number} is not a whole number from 0 to {LARGEST}")))
}

/// A whole number that must be there.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole(deserializer)?.ok_or_else(|| D::Error::custom("a whole number is missing"))
}

/// A whole number in a query.
fn in_query<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<u64>::deserialize(deserializer)?;
    match number.filter(|number| *number > LARGEST) {
        Some(number) => Err(D::Error::custom(format!("{number} is larger than {LARGEST}"))),
        None => Ok(number),
    }
}

/// Milliseconds of seconds that a client gave.
fn millis(seconds: f64, place: &str) -> Result<u64, Problem> {
    const LONGEST: f64 = 365.0 * 86_400.0;
    if !(0.001..=LONGEST).contains(&seconds) {
        return Err(Error::invalid("cluster.ttl", "a time to live is from 0.001 s to a year")
            .at(place)
            .into());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 ms to a year")]
    let millis = (seconds * 1e3) as u64;
    Ok(millis)
}

/// Refuses to change what belongs to the platform.
fn check_free(name: &str) -> Result<(), Problem> {
    if !is_reserved(name) {
        return Ok(());
    }
    let error = Error::invalid("cluster.reserved", "names that begin so belong to the platform");
    Err(error
        .with_retry(Retry::Never)
        .with_hint("EdgeStateMachine and EdgeCoordinationNode change these")
        .into())
}

/// The member that this host is.
async fn member(app: &App) -> Result<&Coordinator, Problem> {
    Ok(app.0.host.cluster.coordination().coordinator().await?)
}

/// `GET /cluster`
pub(super) async fn status(_: Reader, State(app): State<App>) -> Result<Response, Problem> {
    json_answer(StatusCode::OK, &told(&member(&app).await?.whole_status().await))
}

/// Numbers of members are drawn from 64 bits: too many for a number of JSON.
fn hex(id: u64) -> String {
    format!("{id:016x}")
}

fn told(status: &Status) -> Json {
    let members = status.members.iter().map(|member| {
        let MemberStatus { id, host, address, voter, lag, silent_ms } = member;
        json!({
            "id": hex(*id), "host": host, "address": address, "voter": voter, "leader": status.leader == Some(*id),
            "lag": lag, "silent_ms": silent_ms,
        })
    });
    json!({
        "cluster": status.cluster.map(|cluster| cluster.to_string()),
        "member": hex(status.member),
        "role": status.role.as_str(),
        "term": status.term,
        "leader": status.leader.map(hex),
        "quorum": status.quorum,
        "last_log": status.last_log,
        "committed": status.committed,
        "applied": status.applied,
        "log_bytes": status.log_bytes,
        "disk_full": status.disk_full,
        "snapshot": status.snapshot.map(|snapshot| {
            json!({ "last": snapshot.last, "at_ms": snapshot.at, "bytes": snapshot.bytes })
        }),
        "members": members.collect::<Vec<_>>(),
    })
}

/// `DELETE /cluster/members/{member}`: by host or number.
pub(super) async fn remove(
    _: Manager,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let coordinator = member(&app).await?;
    let members = coordinator.status().members;
    let named: Vec<_> =
        members.iter().filter(|member| *member.host == *name || hex(member.id) == name).collect();
    match named[..] {
        [one] => {
            coordinator.remove(one.id).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        [] => {
            let error = Error::missing("cluster.member", format!("`{name}` is no member of this cluster"));
            Err(error.with_hint("GET /cluster tells who is").into())
        }
        _ => {
            let error = Error::invalid("cluster.member", format!("several members are called `{name}`"));
            Err(error.with_hint("give its number").into())
        }
    }
}

/// `POST /cluster/step-down`
pub(super) async fn step_down(_: Manager, State(app): State<App>) -> Result<Response, Problem> {
    let coordinator = member(&app).await?;
    coordinator.step_down().await?;
    json_answer(StatusCode::OK, &told(&coordinator.whole_status().await))
}

/// `GET /cluster/events`
pub(super) async fn events(_: Reader, State(app): State<App>) -> Result<Response, Problem> {
    member(&app).await?;
    let events = stream::unfold(app.0.host.cluster.events(), async |mut events| {
        let sent = match events.recv().await {
            Ok(event) => Sent::default().event(event.what.kind()).json_data(&*event),
            Err(RecvError::Lagged(missed)) => {
                Sent::default().event("lagged").json_data(json!({ "missed": missed }))
            }
            Err(RecvError::Closed) => return None,
        };
        Some((sent, events))
    });
    Ok(until_the_end(&app, events))
}
