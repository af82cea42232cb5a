//! The parts of a request, each made of a value and checked.

use bytes::Bytes;
use kailash_core::{Error, Map, Path, Result, Value};
use reqwest::{
    Method, Url,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
    },
};

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

/// The address that `text` gives.
pub(super) fn url(text: &str) -> Result<Url> {
    let wrong =
        |message: String| Error::invalid("http.url", message).with_hint("write it as https://host/path");
    let url = Url::parse(text.trim()).map_err(|error| wrong(format!("not an address: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(wrong(format!("`{other}` is not http or https"))),
    }
}

/// Adds query parameters; a list repeats its parameter, null is none.
pub(super) fn add_params(url: &mut Url, params: &Map) -> Result<()> {
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

/// The headers that `given` names.
pub(super) fn header_map(given: &Map) -> Result<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let wrong = || Error::invalid("http.header", format!("header `{name}`"));
        let Some(text) = scalar(value, wrong)? else { continue };
        let header = HeaderName::try_from(name.as_str())
            .map_err(|_| Error::invalid("http.header", format!("`{name}` is not the name of a header")))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, HOST, CONNECTION, UPGRADE].contains(&header) {
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
pub(super) fn scalar(value: &Value, wrong: impl Fn() -> Error) -> Result<Option<String>> {
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

/// The content that `body` becomes, with its media type: text and bytes as they are, all else as JSON.
pub(super) fn encode(body: Value) -> Result<(&'static str, Bytes)> {
    match body {
        Value::Str(text) => Ok(("text/plain; charset=utf-8", Bytes::from(text.as_bytes().to_vec()))),
        Value::Bytes(bytes) => Ok(("application/octet-stream", (*bytes).clone())),
        other => json(&other),
    }
}

/// The content that `data` becomes as JSON.
pub(super) fn json(data: &Value) -> Result<(&'static str, Bytes)> {
    let text = data.to_json().map_err(|error| Error::invalid("http.body", error.message()))?;
    Ok(("application/json", Bytes::from(text)))
}

/// `text` where nothing but letters, digits and `-._~` has a meaning (RFC 3986, 2.1 and 2.3).
pub(super) fn percent_encoded(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend([
                '%',
                char::from(HEX[usize::from(byte >> 4)]),
                char::from(HEX[usize::from(byte & 15)]),
            ]);
        }
    }
    encoded
}

/// The path that `text` writes with dots; empty text is the value itself.
pub(super) fn dot_path(text: &str) -> Path {
    Path::new(text.split('.').filter(|segment| !segment.is_empty()))
}
