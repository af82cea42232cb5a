//! The routes.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    http::StatusCode,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use kailash_core::Error;
use tokio_util::sync::CancellationToken;

use super::{
    events, execute,
    guard::{Guard, guard},
    nodes, openapi,
    problem::Problem,
    runs, system, workflows,
};
use crate::host::{Host, config::HttpSection};

/// What handlers share.
#[derive(Clone)]
pub(super) struct App(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) host: Arc<Host>,
    pub(super) config: HttpSection,
    pub(super) guard: Guard,
    /// Cancelled when no more is served: streams without end come to theirs.
    pub(super) stopping: CancellationToken,
}

impl App {
    pub(super) fn new(host: Arc<Host>, address: SocketAddr, stopping: CancellationToken) -> Self {
        let config = host.config.http.clone();
        let guard = Guard::new(&config, address);
        Self(Arc::new(Shared { host, config, guard, stopping }))
    }
}

/// Every route. Who may use one is said by the first parameter of its handler.
pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/health", get(system::health))
        .route("/ready", get(system::ready))
        .route("/metrics", get(system::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/nodes", get(nodes::list))
        .route("/nodes/{type}", get(nodes::one))
        .route("/workflows", get(workflows::list).post(workflows::register))
        .route("/workflows/{name}", get(workflows::one).put(workflows::put).delete(workflows::delete))
        .route("/workflows/{name}/versions", get(workflows::versions))
        .route("/workflows/{name}/schema", get(workflows::schema))
        .route("/workflows/{name}/execute", post(execute::registered))
        .route("/workflows/{name}/status/{run}", get(runs::status_of))
        .route("/execute", post(execute::any))
        .route("/status/{run}", get(runs::status))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::status).delete(runs::forget))
        .route("/runs/{run}/history", get(runs::history))
        .route("/runs/{run}/events", get(events::of_run))
        .route("/runs/{run}/cancel", post(runs::cancel))
        .route("/runs/{run}/signal", post(runs::signal))
        .route("/events", get(events::all))
        .route("/ws", get(events::socket))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn unknown() -> Problem {
    let error = Error::missing("http.path", "there is nothing under this path");
    error.with_hint("GET /openapi.json tells what there is").into()
}

async fn not_allowed() -> Problem {
    let error = Error::invalid("http.method", "this path does not take this method");
    Problem::from(error).with_status(StatusCode::METHOD_NOT_ALLOWED)
}
