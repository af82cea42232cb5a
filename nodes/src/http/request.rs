//! Sends an HTTP request and gives the answer.

use std::{sync::Arc, time::Duration};

use kailash_core::{
    Kind, Result, Value,
    node::{Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Output, Outputs, Setup, Spec},
};

use super::{
    ResponseFormat,
    config::{check_bound, check_url, request_config},
    exchange::Exchange,
    message::Message,
    parts::method,
};

pub(super) const URL: usize = 0;
pub(super) const METHOD: usize = 1;
pub(super) const HEADERS: usize = 2;
pub(super) const PARAMS: usize = 3;
pub(super) const BODY: usize = 4;
pub(super) const JSON_DATA: usize = 5;

request_config! {
    /// Sends an HTTP request and gives the answer.
    ///
    /// Its method may come with a run, so it always counts as effectful: after a crash a request in doubt is repeated
    /// only if `idempotent` is set. Methods that are not idempotent carry an `Idempotency-Key` that is the same for
    /// every attempt.
    pub struct HttpRequest {
        /// What the content of the answer becomes.
        #[serde(default)]
        response_format: ResponseFormat,
        /// Whether a status other than 2xx fails the node.
        #[serde(default)]
        raise_for_status: bool,
    }
}

/// The inputs that make a request.
pub(super) fn inputs() -> [Input; 6] {
    [
        Input::required("url", Kind::Text, "The address, http or https."),
        Input::with_default("method", Kind::Text, "GET", "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"),
        Input::optional("headers", Kind::Map, "Headers by name; not for secrets, which `auth` is for."),
        Input::optional("params", Kind::Map, "Query parameters by name; a list repeats the parameter."),
        Input::optional(
            "body",
            Kind::Any,
            "The content: text, bytes, or a map, list or other value sent as JSON.",
        ),
        Input::optional(
            "json_data",
            Kind::Any,
            "Content that is sent as JSON whatever it is, in place of body.",
        ),
    ]
}

/// The outputs that an answer makes.
pub(super) fn outputs() -> [Output; 3] {
    [
        Output::new(
            "response",
            Kind::Map,
            "Status_code, headers, content_type, content, response_time_ms (of the last attempt) and url.",
        ),
        Output::new("status_code", Kind::Int, "The status of the answer."),
        Output::new("success", Kind::Bool, "Whether the status is 2xx."),
    ]
}

impl NodeType for HttpRequest {
    fn spec() -> Spec {
        Spec::new("HTTPRequest", "http", "Sends an HTTP request and gives the answer.")
            .inputs(inputs())
            .outputs(outputs())
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.honours_key = self.idempotent;
        self.how().check(setup);
        check_url(setup);
        check_bound(setup, self.auth.as_ref());
        match setup.config.get("method").and_then(Value::as_str) {
            Some(name) => method(name).map(drop).map_err(|error| error.at("method")),
            None => Ok(()),
        }
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let requester = Arc::new(Requester {
            exchange: self.how().exchange(cx.services)?,
            format: self.response_format,
            raise: self.raise_for_status,
            idempotent: self.idempotent,
        });
        Ok(Body::future(move |inputs, cx| {
            let requester = Arc::clone(&requester);
            async move { requester.run(inputs, &cx).await.map(|(outputs, _)| outputs.into()) }
        }))
    }
}

/// Makes requests of inputs and outputs of answers.
pub(super) struct Requester {
    pub(super) exchange: Exchange,
    pub(super) format: ResponseFormat,
    pub(super) raise: bool,
    pub(super) idempotent: bool,
}

impl Requester {
    /// Sends one request; gives the outputs and how long it waited for a rate limit.
    pub(super) async fn run(&self, inputs: Inputs, cx: &Context) -> Result<(Outputs, Duration)> {
        let message = Message::read(inputs)?.keyed(self.idempotent, cx);
        let harmless = message.harmless;
        let answer = self.exchange.send(message, cx).await?;
        let status = answer.status;
        if self.raise && !status.is_success() {
            return Err(answer.failure(harmless, cx));
        }
        let response = answer.describe(self.format)?;
        let outputs = [response, status.as_u16().into(), status.is_success().into()];
        Ok((outputs.into_iter().map(Some).collect(), answer.waited))
    }
}
