//! The content of requests: bounded in size and time, JSON of a known shape.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::BodyExt;
use kailash_core::{Error, ErrorKind, Retry, format::Syntax};
use serde::de::DeserializeOwned;

use super::{app::App, problem::Problem};

/// How much of a content that is refused is taken all the same, and for how long.
const LINGER_BYTES: usize = 1 << 20;
const LINGER: Duration = Duration::from_secs(1);

/// The content as it came, with its media type.
pub(super) struct Content {
    pub(super) bytes: Bytes,
    media: Media,
}

/// The media types that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Json,
    Yaml,
    Other,
}

impl Media {
    fn of(headers: &HeaderMap) -> Self {
        let media =
            headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        let is = |names: &[&str]| names.iter().any(|name| media.eq_ignore_ascii_case(name));
        match media {
            _ if is(&["application/json"]) => Self::Json,
            _ if is(&["application/yaml", "application/x-yaml", "text/yaml"]) => Self::Yaml,
            _ => Self::Other,
        }
    }
}

impl FromRequest<App> for Content {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let section = &app.0.config;
        let media = Media::of(request.headers());
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > section.max_body_bytes) {
            // Who waits to be told to go on has sent nothing.
            if !request.headers().contains_key(header::EXPECT) {
                discard(request.into_body()).await;
            }
            return Err(too_large(section.max_body_bytes));
        }
        let limit = Duration::from_secs(section.body_timeout_s);
        let read = tokio::time::timeout(limit, read(request.into_body(), section.max_body_bytes)).await;
        let late = |_| {
            let message = format!("the content did not arrive within {} s", limit.as_secs());
            Problem::from(Error::new(ErrorKind::Timeout, "http.slow", message))
                .with_status(StatusCode::REQUEST_TIMEOUT)
        };
        Ok(Self { bytes: read.map_err(late)??, media })
    }
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::from(Error::invalid("http.body", "the content broke off"));
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if first.len().max(all.len()) + data.len() > limit {
            discard(body).await;
            return Err(too_large(limit));
        }
        match (first.is_empty(), all.is_empty()) {
            (true, _) => first = data,
            (false, true) => all = [first.as_ref(), data.as_ref()].concat(),
            (false, false) => all.extend_from_slice(&data),
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Takes a little more of a content that is refused: a client that is still sending when the connection ends may not see
/// the answer.
async fn discard(mut body: Body) {
    let taken = async {
        let mut left = LINGER_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let taken = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(taken) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    drop(tokio::time::timeout(LINGER, taken).await);
}

fn too_large(limit: usize) -> Problem {
    let message = format!("the content has more than {limit} bytes");
    let error = Error::new(ErrorKind::Limit, "http.body_size", message).with_retry(Retry::Never);
    Problem::from(error).with_status(StatusCode::PAYLOAD_TOO_LARGE)
}

impl Content {
    /// Reads the content as JSON. Only `application/json` is taken: other types a page of any site may send without
    /// being asked.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.media != Media::Json {
            return Err(unsupported("application/json"));
        }
        // A list would be taken for an object's members in their order.
        if self.bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Error::invalid("http.json", "the content must be a JSON object").into());
        }
        serde_json::from_slice(&self.bytes).map_err(|_| self.misread::<T>().into())
    }

    /// What is wrong with content that could not be read as JSON: it is read again, noting the place.
    fn misread<T: DeserializeOwned>(&self) -> Error {
        let mut reader = serde_json::Deserializer::from_slice(&self.bytes);
        match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Ok(_) => Error::invalid("http.json", "something stands behind the JSON value"),
            Err(error) => {
                let place = match error.path().to_string().as_str() {
                    "." => format!("line {} column {}", error.inner().line(), error.inner().column()),
                    path => path.to_owned(),
                };
                let text = error.into_inner().to_string();
                let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
                Error::invalid("http.json", message).at(place)
            }
        }
    }

    /// Reads the content as the text of a document.
    pub(super) fn document(&self) -> Result<(&str, Syntax), Problem> {
        let syntax = match self.media {
            Media::Json => Syntax::Json,
            Media::Yaml => Syntax::Yaml,
            Media::Other => return Err(unsupported("application/json or application/yaml")),
        };
        let text = std::str::from_utf8(&self.bytes);
        Ok((text.map_err(|_| Error::invalid("http.utf8", "the content is no UTF-8"))?, syntax))
    }
}

fn unsupported(wanted: &str) -> Problem {
    let error = Error::invalid("http.media", format!("the content must be {wanted}"));
    Problem::from(error.with_hint("send a matching Content-Type"))
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}
