//! From an answer to the outputs of a node.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kailash_core::{Error, ErrorKind, Map, Result, Retry, Value, node::Context};
use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    error::{self, sending, shown},
    send::retry_after,
};

/// What the content of an answer becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// What its media type says: JSON, else text, else bytes. JSON that cannot be read stays text, text that is not
    /// UTF-8 stays bytes.
    #[default]
    Auto,
    /// A value read from JSON.
    Json,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// An answer that has arrived whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) url: Url,
    pub(super) body: Bytes,
    pub(super) took: Duration,
    /// How long its requests waited for a rate limit.
    pub(super) waited: Duration,
    /// Whether it is that of a redirect's target: the request itself was answered before.
    pub(super) redirected: bool,
}

/// Reads the content of `response` up to `most` bytes, decompressed.
///
/// # Errors
/// Kind `Limit`, code `http.too_large`; a connection that breaks off.
pub(super) async fn read_body(mut response: Response, most: usize, repeatable: bool) -> Result<Bytes> {
    let url = response.url().clone();
    let too_large = || {
        Error::new(ErrorKind::Limit, "http.too_large", format!("the answer is longer than {most} bytes"))
            .with_retry(Retry::Never)
            .with_hint("raise `max_response_bytes`")
            .at(shown(&url))
    };
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| sending(error, &url, repeatable))? {
        if body.len() + chunk.len() > most {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

impl Answer {
    /// The error that its status is. `harmless` says whether repeating the request is.
    pub(super) fn failure(&self, harmless: bool, cx: &Context) -> Error {
        let after = retry_after(&self.headers, cx);
        error::status(self.status, &self.url, after, harmless, self.redirected)
    }

    /// The content as `format` asks for it.
    ///
    /// # Errors
    /// Kind `Invalid`, codes `http.json` and `http.text`.
    pub(super) fn content(&self, format: ResponseFormat) -> Result<Value> {
        let media = self.media();
        content(self.body.clone(), media.as_deref().unwrap_or_default(), format)
            .map_err(|error| error.at(shown(&self.url)))
    }

    fn media(&self) -> Option<String> {
        let media = self.headers.get(CONTENT_TYPE);
        media.map(|media| String::from_utf8_lossy(media.as_bytes()).into_owned())
    }

    /// The headers by name; several values of one are joined.
    pub(super) fn headers(&self) -> Map {
        let mut headers = Map::with_capacity(self.headers.keys_len());
        for name in self.headers.keys() {
            let values =
                self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            headers.insert(name.as_str(), values.collect::<Vec<_>>().join(", "));
        }
        headers
    }

    /// The map that goes out as `response`.
    ///
    /// # Errors
    /// Kind `Invalid`, codes `http.json` and `http.text`, for content that is not what `format` asks for.
    pub(super) fn describe(&self, format: ResponseFormat) -> Result<Value> {
        let content = self.content(format)?;
        let mut map = Map::with_capacity(6);
        map.insert("status_code", self.status.as_u16());
        map.insert("headers", self.headers());
        map.insert("content_type", self.media());
        map.insert("content", content);
        map.insert("response_time_ms", self.took.as_secs_f64() * 1e3);
        map.insert("url", self.url.as_str());
        Ok(map.into())
    }
}

fn content(body: Bytes, media: &str, format: ResponseFormat) -> Result<Value> {
    match format {
        ResponseFormat::Bytes => Ok(Value::bytes(body)),
        ResponseFormat::Json if body.is_empty() => Ok(Value::Null),
        ResponseFormat::Json => Value::from_json_slice(&body).map_err(|error| {
            Error::invalid("http.json", format!("the answer is not JSON: {error}")).with_source(error)
        }),
        ResponseFormat::Text => text(&body, media)
            .map(Value::from)
            .ok_or_else(|| Error::invalid("http.text", "the answer is not text in UTF-8 or Latin-1")),
        ResponseFormat::Auto => Ok(guess(body, media)),
    }
}

fn guess(body: Bytes, media: &str) -> Value {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        if body.is_empty() {
            return Value::Null;
        }
        if let Ok(value) = Value::from_json_slice(&body) {
            return value;
        }
    }
    let is_text = essence.starts_with("text/")
        || ["json", "xml", "javascript", "yaml", "x-www-form-urlencoded"]
            .iter()
            .any(|sign| essence.ends_with(sign));
    match text(&body, media) {
        Some(text) if is_text || essence.is_empty() => text.into(),
        _ => Value::bytes(body),
    }
}

fn text(body: &[u8], media: &str) -> Option<String> {
    let charset = media.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    match charset.as_deref() {
        Some("iso-8859-1" | "latin1") => Some(body.iter().map(|byte| char::from(*byte)).collect()),
        _ => std::str::from_utf8(body).ok().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn read(body: &'static [u8], media: &str, format: ResponseFormat) -> Result<Value> {
        content(Bytes::from_static(body), media, format)
    }

    #[test]
    fn auto_goes_by_the_media_type() {
        let auto = |body, media| read(body, media, ResponseFormat::Auto).unwrap();
        assert_eq!(auto(b"{\"a\": 1}", "application/json; charset=utf-8"), value!({"a": 1}));
        assert_eq!(auto(b"{\"a\": 1}", "application/problem+json"), value!({"a": 1}));
        assert_eq!(auto(b"", "application/json"), value!(null));
        assert_eq!(auto(b"{broken", "application/json"), value!("{broken"));
        assert_eq!(auto(b"caf\xe9", "text/plain; charset=ISO-8859-1"), value!("café"));
        assert_eq!(auto(b"\xff\xd8", "image/jpeg"), Value::bytes(vec![0xff_u8, 0xd8]));
        assert_eq!(auto(b"\xff", "text/plain"), Value::bytes(vec![0xff_u8]));
    }

    #[test]
    fn content_that_is_not_what_was_asked_for_is_an_error() {
        assert_eq!(read(b"<html>", "text/html", ResponseFormat::Json).unwrap_err().code(), "http.json");
        assert_eq!(read(b"\xff", "", ResponseFormat::Text).unwrap_err().code(), "http.text");
    }
}
