//! Watching: every change of the replicated state, in order, from any log index that is remembered.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{Response, sse::Event as Sent},
};
use futures_util::stream;
use kailash_core::Error;
use kailash_edge::coordinate::{
    Watch,
    state::{Change, What},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    super::{app::App, events::until_the_end, guard::Reader, problem::Problem, workflows::query},
    in_query, member,
};

/// Which changes are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    /// Those from this log index on; those from now on if it is not given.
    #[serde(default, deserialize_with = "in_query")]
    from: Option<u64>,
    /// Only those of entries, leases and groups whose names begin so.
    #[serde(default)]
    prefix: String,
}

/// Where a client is: the log index of the last change it has, and which of the changes of that index it was.
type Place = (u64, u64);

/// `GET /cluster/watch`
pub(in crate::http) async fn watch(
    _: Reader,
    State(app): State<App>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Wanted { from, prefix } = query(wanted)?;
    let coordinator = member(&app).await?;
    let last = headers.get("last-event-id").map(|id| place(id.to_str().unwrap_or_default())).transpose()?;
    let from = match (last, from) {
        (Some((index, _)), _) => index,
        (None, Some(from)) => from,
        (None, None) => coordinator.status().applied.map_or(0, |applied| applied + 1),
    };
    let watching = Watching { watch: coordinator.watch(from), prefix, last, at: None };
    let changes = stream::unfold(Some(watching), async |watching| {
        let mut watching = watching?;
        match watching.next().await {
            Ok((change, (index, n))) => {
                let sent = Sent::default().id(format!("{index}.{n}")).event(kind(&change.what));
                Some((sent.json_data(told(&change)), Some(watching)))
            }
            Err(error) => {
                Some((Sent::default().event("error").json_data(Problem::from(error).into_json()), None))
            }
        }
    });
    Ok(until_the_end(&app, changes))
}

fn place(id: &str) -> Result<Place, Problem> {
    let parsed = id.split_once('.').and_then(|(index, n)| Some((index.parse().ok()?, n.parse().ok()?)));
    Ok(parsed.ok_or_else(|| Error::invalid("http.last_event_id", "it is none that was sent here"))?)
}

/// The changes for one client.
struct Watching {
    watch: Watch,
    prefix: String,
    /// What the client has already.
    last: Option<Place>,
    at: Option<Place>,
}

impl Watching {
    async fn next(&mut self) -> kailash_core::Result<(Change, Place)> {
        loop {
            let change = self.watch.next().await?;
            let n = self.at.filter(|(index, _)| *index == change.index).map_or(0, |(_, n)| n + 1);
            let place = (change.index, n);
            self.at = Some(place);
            if self.last.is_none_or(|last| place > last) && name(&change.what).starts_with(&self.prefix) {
                return Ok((change, place));
            }
        }
    }
}

fn name(what: &What) -> &str {
    match what {
        What::Put { key, .. } | What::Deleted { key, .. } => key,
        What::Granted { lease, .. } | What::Freed { lease, .. } => lease,
        What::Accepted { group, .. } | What::Ordered { group, .. } => group,
    }
}

fn kind(what: &What) -> &'static str {
    match what {
        What::Put { .. } => "entry.put",
        What::Deleted { .. } => "entry.deleted",
        What::Granted { .. } => "lease.granted",
        What::Freed { .. } => "lease.freed",
        What::Accepted { .. } => "proposal.accepted",
        What::Ordered { .. } => "event.ordered",
    }
}

fn told(change: &Change) -> Json {
    let value = |encoded: &kailash_edge::coordinate::state::Encoded| {
        encoded.value().ok().and_then(|value| serde_json::to_value(value).ok())
    };
    let data = match &change.what {
        What::Put { key, value: now, version } => {
            json!({ "key": key, "value": value(now), "version": version })
        }
        What::Deleted { key, expired } => json!({ "key": key, "expired": expired }),
        What::Granted { lease, holder, token, epoch } => {
            json!({ "lease": lease, "holder": holder, "token": token.0, "epoch": epoch })
        }
        What::Freed { lease, token, lapsed } => json!({ "lease": lease, "token": token.0, "lapsed": lapsed }),
        What::Accepted { group, proposer, proposal } => {
            json!({ "group": group, "proposer": proposer, "proposal": value(proposal) })
        }
        What::Ordered { group, id, place, data } => {
            json!({ "group": group, "id": id, "place": place, "data": value(data) })
        }
    };
    json!({
        "index": change.index, "at": { "millis": change.at.millis, "logical": change.at.logical },
        "type": kind(&change.what), "data": data,
    })
}
