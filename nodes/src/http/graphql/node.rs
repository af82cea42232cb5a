//! Asks a GraphQL service.

use std::sync::Arc;

use kailash_core::{
    Error, Kind, Map, Result, Text, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Output, Outputs, Setup, Source, Spec,
    },
    validate::Issue,
};
use reqwest::{
    Method, Url,
    header::{ACCEPT, HeaderMap, HeaderValue},
};

use super::{
    answer::Reply,
    connection::{Connection, ConnectionPages},
    document::{Does, chosen, operations},
};
use crate::http::{
    config::request_config,
    exchange::Exchange,
    message::Message,
    pages::{PageSource, collect, once},
    parts::{header_map, json, url},
};

const QUERY: usize = 0;
const VARIABLES: usize = 1;
const OPERATION_NAME: usize = 2;
const HEADERS: usize = 3;

request_config! {
    /// Asks a GraphQL service over HTTP.
    ///
    /// If the config has a query that only reads, or pagination, the node is idempotent and refuses a mutation that a
    /// run gives in its place; otherwise it is effectful. Mutations carry an `Idempotency-Key` that is the same for
    /// every attempt.
    pub struct GraphQl {
        /// The address of the service, http or https.
        endpoint: String,
        /// Whether errors in an answer fail the node. Of several pages, and of a stream, they always do.
        #[serde(default = "crate::http::config::yes")]
        raise_for_errors: bool,
        /// How a connection is read page by page; without it there is one answer.
        #[serde(default)]
        pagination: Option<ConnectionPages>,
        #[serde(skip)]
        only_reads: bool,
    }
}

impl NodeType for GraphQl {
    fn spec() -> Spec {
        Spec::new("GraphQL", "http", "Asks a GraphQL service, also page by page.")
            .aliases(&["GraphQLClient"])
            .inputs([
                Input::required("query", Kind::Text, "The GraphQL document: a query or a mutation."),
                Input::optional("variables", Kind::Map, "The values of the query's variables, by name."),
                Input::optional(
                    "operation_name",
                    Kind::Text,
                    "Which operation of the query is meant, if it has several.",
                ),
                Input::optional(
                    "headers",
                    Kind::Map,
                    "Headers by name; not for secrets, which `auth` is for.",
                ),
            ])
            .outputs([
                Output::new("data", Kind::Any, "The data; with pagination, the items of the connection.")
                    .streaming(),
                Output::new(
                    "errors",
                    Kind::List,
                    "The errors that the service reports: maps of message, path and so on.",
                ),
                Output::new("extensions", Kind::Any, "What the service adds to its answer, or null."),
                Output::new("success", Kind::Bool, "Whether there is no error."),
                Output::new(
                    "page_info",
                    Kind::Map,
                    "With pagination: pages, items, truncated, and end_cursor of the last page.",
                ),
            ])
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.honours_key = self.idempotent;
        self.how().check(setup);
        if let Err(error) = url(&self.endpoint) {
            setup.issues.push(Issue::from_error(&error.at("endpoint")).in_config());
        }
        let query = setup.config.get("query").and_then(Value::as_str);
        self.only_reads = self.pagination.is_some();
        if let Some(query) = query {
            match self.check_query(query) {
                Ok(only_reads) => self.only_reads |= only_reads,
                Err(error) => setup.issues.push(Issue::from_error(&error).in_config()),
            }
        }
        if self.only_reads {
            setup.effect = Effect::Idempotent;
        }
        setup.issues.extend(self.pagination.iter().flat_map(ConnectionPages::issues));
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let service = Arc::new(Service {
            exchange: self.how().exchange(cx.services)?,
            endpoint: url(&self.endpoint)?,
            raise: self.raise_for_errors,
            idempotent: self.idempotent,
            only_reads: self.only_reads,
        });
        let (streamed, pages) = (Arc::clone(&service), self.pagination.clone());
        let whole = {
            let pages = pages.clone();
            move |inputs: Inputs, cx: Context| {
                let (service, pages) = (Arc::clone(&service), pages.clone());
                async move { whole(service, pages, inputs, &cx).await.map(Into::into) }
            }
        };
        let source = move |inputs: Inputs, _: &Context| {
            let request = streamed.request(inputs)?;
            let service = Arc::clone(&streamed);
            let Some(how) = pages.clone() else {
                let answer = move |cx: Context| async move { service.answer(&request, true, &cx).await };
                return Ok(Box::new(PageSource(once(answer))) as Box<dyn Source>);
            };
            how.check(&request.query)?;
            Ok(Box::new(PageSource(Connection::new(service, how, request, None))) as Box<dyn Source>)
        };
        Ok(Body::future(whole).with_source(source))
    }
}

impl GraphQl {
    /// Whether all operations of the config's query only read.
    fn check_query(&self, query: &str) -> Result<bool> {
        let operations = operations(query)?;
        if let Some(pages) = &self.pagination {
            pages.check(query)?;
        }
        Ok(operations.iter().all(|operation| operation.does == Does::Query))
    }
}

async fn whole(
    service: Arc<Service>,
    pages: Option<ConnectionPages>,
    inputs: Inputs,
    cx: &Context,
) -> Result<Outputs> {
    let request = service.request(inputs)?;
    let Some(how) = pages else { return service.answer(&request, service.raise, cx).await };
    how.check(&request.query)?;
    let most = how.max_total_bytes;
    collect(Connection::new(service, how, request, Some(most)), cx).await
}

/// What a run asks for.
pub(super) struct Request {
    pub(super) query: Text,
    pub(super) variables: Map,
    operation_name: Option<Text>,
    headers: HeaderMap,
    reads: bool,
}

/// The service that a node asks.
pub(super) struct Service {
    exchange: Exchange,
    endpoint: Url,
    raise: bool,
    idempotent: bool,
    only_reads: bool,
}

impl Service {
    fn request(&self, mut inputs: Inputs) -> Result<Request> {
        let query = inputs.text(QUERY)?;
        let operation_name = match inputs.take(OPERATION_NAME) {
            Some(Value::Str(name)) if !name.is_empty() => Some(name),
            _ => None,
        };
        let does = chosen(&operations(&query)?, operation_name.as_deref())?.does;
        match does {
            Does::Subscription => {
                let message = "a subscription has more than one answer, which HTTP does not give";
                return Err(Error::invalid("graphql.subscription", message).at("query"));
            }
            Does::Mutation if self.only_reads => {
                let message = "a mutation in place of a query that only reads";
                return Err(Error::invalid("graphql.mutation", message)
                    .with_hint("leave `query` and `pagination` out of the config where a run gives mutations")
                    .at("query"));
            }
            Does::Mutation | Does::Query => {}
        }
        let map = |inputs: &Inputs, at| inputs.get(at).and_then(Value::as_map).cloned().unwrap_or_default();
        let mut headers = header_map(&map(&inputs, HEADERS))?;
        let accept = HeaderValue::from_static("application/graphql-response+json, application/json;q=0.9");
        headers.entry(ACCEPT).or_insert(accept);
        Ok(Request {
            query,
            variables: map(&inputs, VARIABLES),
            operation_name,
            headers,
            reads: does == Does::Query,
        })
    }

    /// Asks with these variables; gives the reply and how many bytes it has.
    pub(super) async fn ask(
        &self,
        request: &Request,
        variables: Map,
        cx: &Context,
    ) -> Result<(Reply, usize)> {
        let mut body = Map::with_capacity(3);
        body.insert("query", request.query.clone());
        body.insert("variables", variables);
        if let Some(name) = &request.operation_name {
            body.insert("operationName", name.clone());
        }
        let content = json(&body.into())?;
        let mut message =
            Message::new(Method::POST, self.endpoint.clone(), request.headers.clone(), Some(content));
        message.harmless = request.reads;
        let message = message.keyed(self.idempotent, cx);
        let harmless = message.harmless;
        let answer = self.exchange.send(message, cx).await?;
        Ok((Reply::read(&answer, harmless, cx)?, answer.body.len()))
    }

    /// The outputs of one answer.
    async fn answer(&self, request: &Request, raise: bool, cx: &Context) -> Result<Outputs> {
        let (reply, _) = self.ask(request, request.variables.clone(), cx).await?;
        match reply.failure(request.reads || self.idempotent) {
            Some(error) if raise => Err(error),
            _ => Ok(reply.outputs()),
        }
    }
}
