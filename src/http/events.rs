//! Events as they happen: of one run or of all, as server-sent events or over a WebSocket.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Bytes,
    extract::{
        Query, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as Sent, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt, stream};
use kailash_core::{Error, Event, RunId, event::What, node::BoxFuture};
use serde::Deserialize;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::MissedTickBehavior,
};

use super::{
    answer::Told, app::App, guard::Reader, path::Path, problem::Problem, runs::run_id, server::Place,
    workflows::query,
};
use crate::host::runs::Submitted;

/// How often a stream without events shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client of a WebSocket may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);

type Sending = Pin<Box<dyn Stream<Item = Result<Sent, Infallible>> + Send>>;

/// Which events are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only those of this run.
    run: Option<RunId>,
}

impl Wanted {
    fn takes(&self, event: &Event) -> bool {
        self.run.is_none_or(|run| event.run == run)
    }
}

/// `GET /events`
pub(super) async fn all(
    _: Reader,
    State(app): State<App>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let wanted = query(wanted)?;
    Ok(until_the_end(&app, watching(app.0.host.bus.watch(), wanted, None)))
}

/// `GET /runs/{run}/events`: until the run ends or is put aside.
pub(super) async fn of_run(
    _: Reader,
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Response, Problem> {
    let run = run_id(&run)?;
    // Watched first, so that an end between both is not missed.
    let events = app.0.host.bus.watch();
    let head = app.0.host.runs.head(run)?;
    if head.status.is_end() {
        return Ok(until_the_end(&app, stream::empty::<Result<Sent, Infallible>>()));
    }
    Ok(until_the_end(&app, watching(events, Wanted { run: Some(run) }, Some(app.0.host.runs.over(run)))))
}

/// The events of a run that was just submitted, and how it ended.
pub(super) fn of_submitted(app: &App, mut submitted: Submitted) -> Response {
    let wanted = Wanted { run: Some(submitted.run) };
    let events: Sending = match submitted.events.take() {
        Some(events) => Box::pin(stream::unfold(events, |mut events| async {
            let event = events.next().await?;
            Some((Ok(sent(&event)), events))
        })),
        // An earlier request began it: what happened before is not told again.
        None if submitted.is_live() => {
            watching(app.0.host.bus.watch(), wanted, Some(app.0.host.runs.over(submitted.run)))
        }
        None => Box::pin(stream::empty()),
    };
    let end = stream::once(async move {
        let told = match submitted.ended().await {
            Ok(ended) => Sent::default().event("result").json_data(Told::ended(&ended)),
            Err(error) => Sent::default().event("error").json_data(Problem::from(error).into_json()),
        };
        Ok(told.unwrap_or_else(|error| Sent::default().comment(error.to_string())))
    });
    until_the_end(app, events.chain(end))
}

/// A stream of events that ends when no more is served.
pub(super) fn until_the_end<E>(
    app: &App,
    events: impl Stream<Item = Result<Sent, E>> + Send + 'static,
) -> Response
where
    E: Into<axum::BoxError> + Send + 'static,
{
    let events = events.take_until(app.0.stopping.clone().cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn sent(event: &Event) -> Sent {
    let name = match serde_json::to_value(&event.what) {
        Ok(serde_json::Value::Object(what)) => {
            what.get("type").and_then(|name| name.as_str().map(str::to_owned))
        }
        _ => None,
    };
    let sent = Sent::default().event(name.unwrap_or_else(|| "event".into()));
    // What was missed has no place of its own: clients keep the last one.
    let sent = match event.what {
        What::Lagged { .. } => sent,
        _ => sent.id(event.seq.to_string()),
    };
    sent.json_data(event).unwrap_or_else(|error| Sent::default().comment(error.to_string()))
}

/// The wanted events; with `over` those of one run, until it is over.
fn watching(
    events: broadcast::Receiver<Arc<Event>>,
    wanted: Wanted,
    over: Option<BoxFuture<'static, ()>>,
) -> Sending {
    Box::pin(stream::unfold(Some((events, wanted, over)), async |state| {
        let (mut events, wanted, mut over) = state?;
        let event = tokio::select! {
            biased;
            event = next(&mut events, &wanted) => event?,
            // The last event may be among those that were missed.
            () = at_the_end(&mut over) => return None,
        };
        let last = over.is_some() && matches!(event, Next::Event(ref event) if is_last(event));
        let sent = match &event {
            Next::Event(event) => sent(event),
            Next::Missed(missed) => Sent::default().event("lagged").data(format!("{{\"missed\":{missed}}}")),
        };
        Some((Ok(sent), (!last).then_some((events, wanted, over))))
    }))
}

async fn at_the_end(over: &mut Option<BoxFuture<'static, ()>>) {
    match over {
        Some(over) => over.await,
        None => std::future::pending().await,
    }
}

enum Next {
    Event(Arc<Event>),
    Missed(u64),
}

async fn next(events: &mut broadcast::Receiver<Arc<Event>>, wanted: &Wanted) -> Option<Next> {
    loop {
        match events.recv().await {
            Ok(event) if wanted.takes(&event) => return Some(Next::Event(event)),
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => return Some(Next::Missed(missed)),
            Err(RecvError::Closed) => return None,
        }
    }
}

fn is_last(event: &Event) -> bool {
    matches!(event.what, What::RunFinished { .. } | What::RunSuspended { .. })
}

/// `GET /ws`
pub(super) async fn socket(
    _: Reader,
    State(app): State<App>,
    Extension(place): Extension<Place>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let wanted = query(wanted)?;
    let upgrade = upgrade.map_err(|error| Error::invalid("http.websocket", error.body_text()))?;
    // Nothing but closing is expected of the client.
    let upgrade = upgrade.max_message_size(4096).max_frame_size(4096);
    Ok(upgrade.on_upgrade(move |socket| async move {
        tokio::select! {
            () = tell(socket, app.0.host.bus.watch(), wanted) => {}
            () = app.0.stopping.cancelled() => {}
        }
        drop(place);
    }))
}

async fn tell(mut socket: WebSocket, mut events: broadcast::Receiver<Arc<Event>>, wanted: Wanted) {
    let mut silent = tokio::time::interval(KEEP_ALIVE);
    silent.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What is sent in the first moment.
    silent.reset();
    loop {
        let message = tokio::select! {
            event = next(&mut events, &wanted) => match event {
                Some(Next::Event(event)) => {
                    Message::Text(serde_json::to_string(&*event).unwrap_or_default().into())
                }
                Some(Next::Missed(missed)) => {
                    Message::Text(format!("{{\"type\":\"lagged\",\"data\":{{\"missed\":{missed}}}}}").into())
                }
                None => return,
            },
            _ = silent.tick() => Message::Ping(Bytes::new()),
            heard = socket.recv() => match heard {
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
        };
        // Whoever takes nothing for so long is gone.
        match tokio::time::timeout(PATIENCE, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
