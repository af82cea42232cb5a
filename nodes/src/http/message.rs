//! From the inputs of a node to the request that is sent.

use bytes::Bytes;
use kailash_core::{Error, Map, Result, Value, node::Inputs};
use reqwest::{
    Method, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING},
};

use super::request::{BODY, HEADERS, JSON_DATA, METHOD, PARAMS, URL};

/// A request, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl Message {
    /// Reads the inputs.
    ///
    /// # Errors
    /// Kind `Invalid`: codes `http.url`, `http.method`, `http.header`, `http.params`, `http.body`.
    pub(super) fn read(mut inputs: Inputs) -> Result<Self> {
        let method = match inputs.get(METHOD).and_then(Value::as_str) {
            Some(name) => method(name)?,
            None => Method::GET,
        };
        let mut url = url(&inputs.text(URL)?)?;
        if let Some(params) = inputs.get(PARAMS).and_then(Value::as_map) {
            add_params(&mut url, params)?;
        }
        let mut headers = match inputs.get(HEADERS).and_then(Value::as_map) {
            Some(given) => header_map(given)?,
            None => HeaderMap::new(),
        };
        let given = |value: &Value| !value.is_null();
        let body = match (inputs.take(BODY).filter(given), inputs.take(JSON_DATA).filter(given)) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("http.body", "`body` and `json_data` exclude each other"));
            }
            (Some(body), None) => Some(encode(body)?),
            (None, Some(data)) => Some(json(&data)?),
            (None, None) => None,
        };
        let body = body.map(|(media, body)| {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(media));
            body
        });
        Ok(Self { method, url, headers, body })
    }

    /// Whether HTTP defines that sending this again is harmless (RFC 9110, 9.2.2).
    pub(super) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}

/// The method called `name`, in any case.
pub(super) fn method(name: &str) -> Result<Method> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let upper = name.to_ascii_uppercase();
    known.contains(&upper.as_str()).then(|| Method::from_bytes(upper.as_bytes()).ok()).flatten().ok_or_else(
        || {
            Error::invalid("http.method", format!("unknown method `{name}`"))
                .with_hint(format!("one of: {}", known.join(" ")))
        },
    )
}

fn url(text: &str) -> Result<Url> {
    let wrong =
        |message: String| Error::invalid("http.url", message).with_hint("write it as https://host/path");
    let url = Url::parse(text.trim()).map_err(|error| wrong(format!("not an address: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(wrong(format!("`{other}` is not http or https"))),
    }
}

fn add_params(url: &mut Url, params: &Map) -> Result<()> {
    if params.is_empty() {
        return Ok(());
    }
    let mut query = url.query_pairs_mut();
    for (name, value) in params {
        let several = std::slice::from_ref(value);
        for value in value.as_list().unwrap_or(several) {
            if let Some(text) =
                scalar(value, || Error::invalid("http.params", format!("parameter `{name}`")))?
            {
                query.append_pair(name, &text);
            }
        }
    }
    Ok(())
}

fn header_map(given: &Map) -> Result<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let wrong = || Error::invalid("http.header", format!("header `{name}`"));
        let Some(text) = scalar(value, wrong)? else { continue };
        let header = HeaderName::try_from(name.as_str())
            .map_err(|_| Error::invalid("http.header", format!("`{name}` is not the name of a header")))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, HOST].contains(&header) {
            let message = format!("header `{name}` follows from the request and cannot be given");
            return Err(Error::invalid("http.header", message));
        }
        let value = HeaderValue::try_from(text.as_str()).map_err(|_| {
            Error::invalid("http.header", format!("header `{name}` has signs that no header can carry"))
        })?;
        headers.append(header, value);
    }
    Ok(headers)
}

/// The text of a value that is one thing; null is nothing.
fn scalar(value: &Value, wrong: impl Fn() -> Error) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::Str(text) => Ok(Some(text.to_string())),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => value.to_json().map(Some),
        other => {
            let wrong = wrong();
            let message = format!("{} wants text or a number, not {}", wrong.message(), other.kind());
            Err(Error::new(wrong.kind(), wrong.code().to_owned(), message))
        }
    }
}

fn encode(body: Value) -> Result<(&'static str, Bytes)> {
    match body {
        Value::Str(text) => Ok(("text/plain; charset=utf-8", Bytes::from(text.as_bytes().to_vec()))),
        Value::Bytes(bytes) => Ok(("application/octet-stream", (*bytes).clone())),
        other => json(&other),
    }
}

fn json(data: &Value) -> Result<(&'static str, Bytes)> {
    let text = data.to_json().map_err(|error| Error::invalid("http.body", error.message()))?;
    Ok(("application/json", Bytes::from(text)))
}
