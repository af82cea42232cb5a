//! A request as a node means it, before it is sent.

use bytes::Bytes;
use kailash_core::{
    Error, Result, Value,
    node::{Context, Inputs},
};
use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};

use super::{
    parts::{add_params, encode, header_map, json, method, url},
    request::{BODY, HEADERS, JSON_DATA, METHOD, PARAMS, URL},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    /// Whether sending it again does no harm.
    pub(super) harmless: bool,
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
        let headers = match inputs.get(HEADERS).and_then(Value::as_map) {
            Some(given) => header_map(given)?,
            None => HeaderMap::new(),
        };
        let given = |value: &Value| !value.is_null();
        let content = match (inputs.take(BODY).filter(given), inputs.take(JSON_DATA).filter(given)) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("http.body", "`body` and `json_data` exclude each other"));
            }
            (Some(body), None) => Some(encode(body)?),
            (None, Some(data)) => Some(json(&data)?),
            (None, None) => None,
        };
        Ok(Self::new(method, url, headers, content))
    }

    /// A request with content of a media type, which a header that was given replaces.
    pub(super) fn new(
        method: Method,
        url: Url,
        mut headers: HeaderMap,
        content: Option<(&'static str, Bytes)>,
    ) -> Self {
        let body = content.map(|(media, body)| {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(media));
            body
        });
        // HTTP defines which methods may be repeated (RFC 9110, 9.2.2).
        let harmless = method.is_idempotent();
        Self { method, url, headers, body, harmless }
    }

    /// The same request with the key of its unit where repeating it could do harm; `idempotent` says that the server
    /// recognises that key, or that nothing is changed.
    pub(super) fn keyed(mut self, idempotent: bool, cx: &Context) -> Self {
        if !self.harmless
            && let Ok(key) = HeaderValue::try_from(cx.idempotency_key())
        {
            self.headers.entry(IDEMPOTENCY_KEY).or_insert(key);
        }
        self.harmless |= idempotent;
        self
    }
}
