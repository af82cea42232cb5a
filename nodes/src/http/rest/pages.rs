//! The answers of a service, page by page.

use std::sync::Arc;

use kailash_core::{
    Map, Result, Value,
    node::{Context, Outputs},
};
use reqwest::{Url, header::HeaderMap};

use super::turn::Turner;
use crate::http::{
    ResponseFormat,
    exchange::Exchange,
    message::Message,
    pages::{Measure, Pages},
    response::Answer,
};

/// Pages that are asked for one by one.
pub(super) struct RestPages {
    pub(super) exchange: Arc<Exchange>,
    pub(super) format: ResponseFormat,
    /// The request, but for its address.
    pub(super) message: Message,
    /// Turns the pages; without it there is a single one.
    pub(super) turner: Option<Turner>,
    /// The next address; `None` behind the last page.
    pub(super) next: Option<Url>,
    pub(super) measure: Measure,
    /// The last answer.
    pub(super) last: Option<Answer>,
}

impl Pages for RestPages {
    async fn next(&mut self, cx: &Context) -> Result<Option<Vec<Value>>> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let answer = self.exchange.send(Message { url, ..self.message.clone() }, cx).await?;
        if self.turner.as_ref().is_some_and(|turner| turner.is_past_the_end(answer.status)) {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(answer.failure(self.message.harmless, cx));
        }
        self.measure.weigh(answer.body.len())?;
        let data = answer.content(self.format)?;
        let Some(turner) = &mut self.turner else {
            let mut items = data.into_list().unwrap_or_else(|data| vec![data]);
            self.measure.take(&mut items, false);
            self.last = Some(answer);
            return Ok(Some(items));
        };
        let mut items = turner.items(&answer, &data)?;
        let next = turner.next(&answer, &data, items.len())?;
        if self.measure.take(&mut items, next.is_some()) {
            self.next = next;
        }
        self.last = Some(answer);
        Ok(Some(items))
    }

    fn outputs(&self) -> Outputs {
        let mut outputs = Outputs::none(4);
        if let Some(answer) = &self.last {
            outputs.set(1, answer.status.as_u16());
            outputs.set(2, answer.status.is_success());
            let mut metadata = metadata(answer, &self.message);
            metadata.insert("pages", self.measure.pages);
            metadata.insert("items", self.measure.items);
            metadata.insert("truncated", self.measure.truncated);
            outputs.set(3, metadata);
        }
        outputs
    }
}

/// What is known of an answer beside its content.
pub(super) fn metadata(answer: &Answer, message: &Message) -> Map {
    let mut map = Map::with_capacity(8);
    map.insert("url", answer.url.as_str());
    map.insert("method", message.method.as_str());
    map.insert("response_time_ms", answer.took.as_secs_f64() * 1e3);
    map.insert("headers", answer.headers());
    map.insert("rate_limit", rate_limit(&answer.headers));
    map
}

/// The headers in which services tell how many requests are left, by name in lower case.
fn rate_limit(headers: &HeaderMap) -> Map {
    let told = |name: &str| {
        name == "retry-after"
            || name.starts_with("ratelimit")
            || name.starts_with("x-ratelimit")
            || name.starts_with("x-rate-limit")
    };
    let told = headers.iter().filter(|(name, _)| told(name.as_str()));
    told.map(|(name, value)| {
        (name.as_str().into(), String::from_utf8_lossy(value.as_bytes()).into_owned().into())
    })
    .collect()
}
