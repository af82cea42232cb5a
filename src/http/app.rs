//! The routes.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    handler::Handler,
    http::StatusCode,
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter, get, on},
};
use kailash_core::Error;
use tokio_util::sync::CancellationToken;

use super::{
    cluster, events, execute,
    graph::{self, Drawing},
    guard::{Guard, guard},
    nodes, openapi, page,
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
    pub(super) drawing: Drawing,
    /// Cancelled when no more is served: streams without end come to theirs.
    pub(super) stopping: CancellationToken,
}

impl App {
    pub(super) fn new(host: Arc<Host>, address: SocketAddr, stopping: CancellationToken) -> Self {
        let config = host.config.http.clone();
        let guard = Guard::new(&config, address);
        Self(Arc::new(Shared { host, config, guard, drawing: Drawing::default(), stopping }))
    }
}

/// A route: one method of one path.
pub(super) struct Route {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the handler knows it; tests compare it with the document")
    )]
    pub(super) method: MethodFilter,
    pub(super) path: &'static str,
    handler: MethodRouter<App>,
}

fn route<T: 'static>(method: MethodFilter, path: &'static str, handler: impl Handler<T, App>) -> Route {
    Route { method, path, handler: on(method, handler) }
}

/// Every route; the OpenAPI document has these and no others. Who may use one is said by the first parameter of its
/// handler.
pub(super) fn routes() -> Vec<Route> {
    const GET: MethodFilter = MethodFilter::GET;
    const POST: MethodFilter = MethodFilter::POST;
    const PUT: MethodFilter = MethodFilter::PUT;
    const DELETE: MethodFilter = MethodFilter::DELETE;
    vec![
        route(GET, "/health", system::health),
        route(GET, "/ready", system::ready),
        route(GET, "/metrics", system::metrics),
        route(GET, "/openapi.json", openapi::answer),
        route(GET, "/nodes", nodes::list),
        route(GET, "/nodes/{type}", nodes::one),
        route(GET, "/workflows", workflows::list),
        route(POST, "/workflows", workflows::register),
        route(GET, "/workflows/{name}", workflows::one),
        route(PUT, "/workflows/{name}", workflows::put),
        route(DELETE, "/workflows/{name}", workflows::delete),
        route(GET, "/workflows/{name}/versions", workflows::versions),
        route(GET, "/workflows/{name}/schema", workflows::schema),
        route(GET, "/workflows/{name}/graph", graph::picture),
        route(POST, "/workflows/{name}/execute", execute::registered),
        route(GET, "/workflows/{name}/status/{run}", runs::status_of),
        route(POST, "/execute", execute::any),
        route(GET, "/status/{run}", runs::status),
        route(GET, "/runs", runs::list),
        route(GET, "/runs/{run}", runs::status),
        route(DELETE, "/runs/{run}", runs::forget),
        route(GET, "/runs/{run}/history", runs::history),
        route(GET, "/runs/{run}/events", events::of_run),
        route(POST, "/runs/{run}/cancel", runs::cancel),
        route(POST, "/runs/{run}/signal", runs::signal),
        route(GET, "/events", events::all),
        route(GET, "/ws", events::socket),
        route(GET, "/cluster", cluster::status),
        route(GET, "/cluster/events", cluster::events),
        route(POST, "/cluster/step-down", cluster::step_down),
        route(DELETE, "/cluster/members/{member}", cluster::remove),
        route(GET, "/cluster/map", cluster::entries),
        route(GET, "/cluster/map/{key}", cluster::get),
        route(PUT, "/cluster/map/{key}", cluster::put),
        route(DELETE, "/cluster/map/{key}", cluster::delete),
        route(GET, "/cluster/leases", cluster::leases),
        route(GET, "/cluster/leases/{lease}", cluster::holder),
        route(POST, "/cluster/leases/{lease}", cluster::acquire),
        route(PUT, "/cluster/leases/{lease}", cluster::renew),
        route(DELETE, "/cluster/leases/{lease}", cluster::release),
        route(GET, "/cluster/watch", cluster::watch),
    ]
}

/// The router of all routes, and of the page for people.
pub(super) fn router(app: App) -> Router {
    let routes = routes().into_iter();
    let router = routes.fold(Router::new(), |router, route| router.route(route.path, route.handler));
    router
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file))
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
