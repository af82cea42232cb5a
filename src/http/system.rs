//! Whether the host lives, whether it takes work, and what it counts.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kailash_core::RunStatus;
use serde_json::json;

use super::{answer::json_answer, app::App, guard::Reader, problem::Problem};

/// `GET /health`: for anybody.
pub(super) async fn health() -> Result<Response, Problem> {
    json_answer(StatusCode::OK, &json!({ "status": "healthy", "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET /ready`: for anybody.
pub(super) async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    let runs = &app.0.host.runs;
    let (status, ready) = readiness(runs.is_draining(), runs.wait_for_journal());
    let count = |status| runs.count(status);
    let told = json!({
        "status": ready, "running": count(RunStatus::Running), "pending": count(RunStatus::Pending),
        "suspended": count(RunStatus::Suspended),
    });
    json_answer(status, &told)
}

/// Whether a host takes work that `stops`, or whose runs `wait` for the journal.
fn readiness(stops: bool, wait: bool) -> (StatusCode, &'static str) {
    match (stops, wait) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        (false, true) => (StatusCode::SERVICE_UNAVAILABLE, "waits_for_room"),
        (false, false) => (StatusCode::OK, "ready"),
    }
}

/// `GET /metrics`
pub(super) async fn metrics(_: Reader, State(app): State<App>) -> Result<Response, Problem> {
    let text = app.0.host.metrics.text()?;
    let media = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, media)], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_stops_or_waits_for_room_is_not_ready() {
        let told = [(false, false), (false, true), (true, true)].map(|(stops, wait)| readiness(stops, wait));
        assert_eq!(told.map(|(status, _)| status.as_u16()), [200, 503, 503]);
        assert_eq!(told.map(|(_, ready)| ready), ["ready", "waits_for_room", "stopping"]);
    }
}
