//! The OpenAPI document of the API.

use axum::{http::StatusCode, response::Response};
use serde_json::json;

use super::{answer::json_answer, problem::Problem};

/// `GET /openapi.json`: for anybody.
pub(super) async fn document() -> Result<Response, Problem> {
    json_answer(StatusCode::OK, &json!({ "openapi": "3.1.0" }))
}
