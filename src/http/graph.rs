//! The picture of a registered workflow.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use kailash_core::{Error, ErrorKind, Retry};
use tokio::sync::Semaphore;

use super::{
    app::App,
    guard::Reader,
    path::Path,
    problem::Problem,
    workflows::{Which, found, query},
};
use crate::graph::Picture;

/// What is drawn: the time grows faster than either.
const MAX_NODES: usize = 500;
const MAX_LINES: usize = 2000;

/// How many pictures are drawn at a time.
const AT_ONCE: usize = 1;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// What limits the drawing of pictures.
pub(super) struct Drawing(Arc<Semaphore>);

impl Default for Drawing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// `GET /workflows/{name}/graph`: a picture in SVG. Names are escaped in it, and it may neither run nor load anything
/// wherever it is opened.
pub(super) async fn picture(
    _: Reader,
    State(app): State<App>,
    Path(name): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let workflow = found(&app, &name, query(which)?)?.workflow;
    let document = workflow.document();
    if document.nodes.len() > MAX_NODES || document.connections.len() > MAX_LINES {
        let message = format!("pictures have up to {MAX_NODES} nodes and {MAX_LINES} connections");
        let error = Error::new(ErrorKind::Limit, "graph.limit", message).with_retry(Retry::Never);
        return Err(error.with_hint("`kailash graph` draws larger ones").into());
    }
    let turn = tokio::time::timeout(PATIENCE, Arc::clone(&app.0.drawing.0).acquire_owned()).await;
    let turn = turn.map_err(|_| busy())?;
    let (picture, _) = Picture::of(document, app.0.host.workflows.registry());
    let draw = move || {
        let drawn = picture.svg();
        // Held as long as it is drawn, also if whoever asked goes away.
        drop(turn);
        drawn
    };
    let drawn = tokio::task::spawn_blocking(draw).await;
    let drawn = drawn.map_err(|error| Error::internal(format!("drawing: {error}")))?;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, drawn).into_response())
}

fn busy() -> Error {
    Error::new(ErrorKind::Limit, "graph.busy", "other pictures are being drawn")
        .with_retry(Retry::After(Duration::from_secs(2)))
}
