//! Speaks to a REST service: resources below a base address, answers page by page.

use std::{collections::BTreeMap, sync::Arc};

use kailash_core::{
    Error, Kind, Map, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Output, Outputs, Setup, Source, Spec,
    },
    validate::Issue,
};
use reqwest::{Method, Url, header::HeaderMap};

use super::{
    pages::{RestPages, metadata},
    pagination::Pagination,
    path,
    turn::Turner,
};
use crate::http::{
    ResponseFormat,
    config::request_config,
    exchange::Exchange,
    message::Message,
    origin::Origins,
    pages::{Measure, PageSource, collect},
    parts::{add_params, encode, header_map, method},
};

const RESOURCE: usize = 0;
const METHOD: usize = 1;
const PATH_PARAMS: usize = 2;
const QUERY_PARAMS: usize = 3;
const HEADERS: usize = 4;
const DATA: usize = 5;

request_config! {
    /// Speaks to a REST service.
    ///
    /// No value that comes with a run leads out of the base address, and no redirect and no link out of its origin,
    /// unless `pagination.allowed_origins` names it. As its method may come with a run, the node counts as effectful;
    /// with `pagination` it only reads, by GET.
    pub struct RestClient {
        /// The address that all resources are below, http or https.
        base_url: String,
        /// Headers of every request, by name; those that come as input replace them. Not for secrets, which `auth` is
        /// for.
        #[serde(default)]
        default_headers: BTreeMap<String, String>,
        /// What the content of an answer becomes.
        #[serde(default)]
        response_format: ResponseFormat,
        /// Whether a status other than 2xx fails the node. Of several pages, and of a stream, it always does.
        #[serde(default)]
        raise_for_status: bool,
        /// How answers that come page by page are read; without it there is one answer.
        #[serde(default)]
        pagination: Option<Pagination>,
    }
}

impl NodeType for RestClient {
    fn spec() -> Spec {
        Spec::new("RESTClient", "http", "Speaks to a REST service, also page by page.")
            .inputs([
                Input::with_default(
                    "resource",
                    Kind::Text,
                    "",
                    "The path below the base address, with `{name}` for path parameters.",
                ),
                Input::with_default(
                    "method",
                    Kind::Text,
                    "GET",
                    "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
                ),
                Input::optional("path_params", Kind::Map, "The values of `{name}` in the resource, by name."),
                Input::optional(
                    "query_params",
                    Kind::Map,
                    "Query parameters by name; a list repeats the parameter.",
                ),
                Input::optional(
                    "headers",
                    Kind::Map,
                    "Headers by name; not for secrets, which `auth` is for.",
                ),
                Input::optional(
                    "data",
                    Kind::Any,
                    "The content: text, bytes, or a map, list or other value sent as JSON.",
                ),
            ])
            .outputs([
                Output::new(
                    "data",
                    Kind::Any,
                    "The content of the answer; with pagination, the items of all pages.",
                )
                .streaming(),
                Output::new("status_code", Kind::Int, "The status of the last answer."),
                Output::new("success", Kind::Bool, "Whether that is 2xx."),
                Output::new(
                    "metadata",
                    Kind::Map,
                    "Of the last answer: url, method, response_time_ms, headers, rate_limit (headers \
                     about that); with pagination or over a stream also pages, items and truncated.",
                ),
            ])
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.honours_key = self.idempotent;
        self.how().check(setup);
        let mut wrong = |error: Error, place: &str| {
            setup.issues.push(Issue::from_error(&error.at(place)).in_config());
        };
        if let Err(error) = self.origins() {
            let place = if error.code() == "http.origin" { "pagination.allowed_origins" } else { "base_url" };
            wrong(error, place);
        }
        if let Err(error) = self.headers() {
            wrong(error, "default_headers");
        }
        let given = setup.config.get("method").and_then(Value::as_str).map(method);
        match given {
            Some(Err(error)) => wrong(error, "method"),
            Some(Ok(method)) if self.pagination.is_some() && method != Method::GET => {
                wrong(only_get(), "method");
            }
            _ => {}
        }
        if let Some(pagination) = &self.pagination {
            setup.effect = Effect::Idempotent;
            setup.issues.extend(pagination.issues());
        }
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (base, origins) = self.origins()?;
        let mut exchange = self.how().exchange(cx.services)?;
        exchange.sending.within = Some(origins);
        let service = Arc::new(Service {
            exchange: Arc::new(exchange),
            base,
            headers: self.headers()?,
            format: self.response_format,
            raise: self.raise_for_status,
            idempotent: self.idempotent,
            pagination: self.pagination.clone(),
        });
        let streamed = Arc::clone(&service);
        let whole = move |inputs: Inputs, cx: Context| {
            let service = Arc::clone(&service);
            async move { service.whole(inputs, &cx).await.map(Into::into) }
        };
        let source = move |inputs: Inputs, cx: &Context| {
            let message = streamed.message(inputs)?.keyed(streamed.idempotent, cx);
            Ok(Box::new(PageSource(streamed.pages(message, None))) as Box<dyn Source>)
        };
        Ok(Body::future(whole).with_source(source))
    }
}

impl RestClient {
    fn origins(&self) -> Result<(Url, Origins)> {
        let base = path::base(&self.base_url)?;
        let allowed = self.pagination.as_ref().map_or(&[][..], |pagination| &pagination.allowed_origins);
        let origins = Origins::new(&base, allowed)?;
        Ok((base, origins))
    }

    fn headers(&self) -> Result<HeaderMap> {
        let given: Map = self
            .default_headers
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect();
        header_map(&given)
    }
}

fn only_get() -> Error {
    Error::invalid("http.pagination", "pages are read by GET")
        .with_hint("leave `pagination` out, or read with a node of its own")
}

/// The service that a node speaks to.
struct Service {
    exchange: Arc<Exchange>,
    base: Url,
    headers: HeaderMap,
    format: ResponseFormat,
    raise: bool,
    idempotent: bool,
    pagination: Option<Pagination>,
}

impl Service {
    fn message(&self, mut inputs: Inputs) -> Result<Message> {
        let resource = inputs.text(RESOURCE)?;
        let method = method(&inputs.text(METHOD)?)?;
        if self.pagination.is_some() && method != Method::GET {
            return Err(only_get());
        }
        let nothing = Map::new();
        let map = |at| inputs.get(at).and_then(Value::as_map).unwrap_or(&nothing);
        let mut url = path::join(&self.base, &resource, map(PATH_PARAMS))?;
        add_params(&mut url, map(QUERY_PARAMS))?;
        let mut headers = self.headers.clone();
        let given = header_map(map(HEADERS))?;
        for name in given.keys() {
            headers.remove(name);
        }
        headers.extend(given);
        let content = inputs.take(DATA).filter(|data| !data.is_null()).map(encode).transpose()?;
        Ok(Message::new(method, url, headers, content))
    }

    fn pages(&self, message: Message, bytes_left: Option<u64>) -> RestPages {
        let mut turner = self.pagination.clone().map(|how| Turner::new(how, message.url.clone()));
        let next = turner.as_mut().map_or_else(|| message.url.clone(), Turner::first);
        let measure = match &self.pagination {
            Some(how) => Measure::new(how.max_pages, how.max_items, bytes_left),
            None => Measure::new(1, u64::MAX, None),
        };
        let exchange = Arc::clone(&self.exchange);
        RestPages { exchange, format: self.format, message, turner, next: Some(next), measure, last: None }
    }

    async fn whole(&self, inputs: Inputs, cx: &Context) -> Result<Outputs> {
        let message = self.message(inputs)?.keyed(self.idempotent, cx);
        if let Some(how) = &self.pagination {
            return collect(self.pages(message, Some(how.max_total_bytes)), cx).await;
        }
        let answer = self.exchange.send(message.clone(), cx).await?;
        let status = answer.status;
        if self.raise && !status.is_success() {
            return Err(answer.failure(message.harmless, cx));
        }
        let data = answer.content(self.format)?;
        let outputs =
            [data, status.as_u16().into(), status.is_success().into(), metadata(&answer, &message).into()];
        Ok(outputs.into_iter().map(Some).collect())
    }
}
