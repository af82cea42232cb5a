//! The parts of a path that have names.

use axum::{
    extract::{FromRequestParts, Path as Raw},
    http::request::Parts,
};
use kailash_core::Error;
use serde::de::DeserializeOwned;

use super::{app::App, problem::Problem};

/// The named parts of a path; what is no UTF-8 is refused as a problem.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let read = Raw::<T>::from_request_parts(parts, app).await;
        let Raw(named) = read.map_err(|error| Error::invalid("http.utf8", error.body_text()))?;
        Ok(Self(named))
    }
}
