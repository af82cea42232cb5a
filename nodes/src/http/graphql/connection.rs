//! Connections of a GraphQL service, page by page (GraphQL Cursor Connections Specification, Relay).

use std::{collections::HashSet, sync::Arc};

use kailash_core::{
    Error, Map, Result, Value,
    node::{Context, Outputs},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::node::{Request, Service};
use crate::http::{
    pages::{Measure, Pages, repeated},
    parts::dot_path,
};

/// How a connection is read page by page: the query takes how many items it shall give and behind which one, and asks
/// for `pageInfo { hasNextPage endCursor }`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionPages {
    /// Where the connection stands in the data, as a dot path. Its items are its `nodes`, or the `node` of its `edges`.
    pub connection_path: String,
    /// How many items a page is asked to have.
    #[serde(default = "page_size")]
    pub page_size: u32,
    /// The variable of the query for the size of a page.
    #[serde(default = "first_variable")]
    pub first_variable: String,
    /// The variable of the query for the mark behind which a page begins.
    #[serde(default = "after_variable")]
    pub after_variable: String,
    /// The most pages that are asked for. More of them is no error, but `page_info.truncated` says so.
    #[serde(default = "max_pages")]
    pub max_pages: u32,
    /// The most items that are taken. More of them is no error, but `page_info.truncated` says so.
    #[serde(default = "max_items")]
    pub max_items: u64,
    /// The most bytes that all pages may have together, decompressed, if they become one list; a stream has no such
    /// limit.
    #[serde(default = "max_total_bytes")]
    pub max_total_bytes: u64,
}

fn page_size() -> u32 {
    100
}

fn first_variable() -> String {
    "first".into()
}

fn after_variable() -> String {
    "after".into()
}

fn max_pages() -> u32 {
    1000
}

fn max_items() -> u64 {
    100_000
}

fn max_total_bytes() -> u64 {
    256 << 20
}

impl ConnectionPages {
    /// What cannot work.
    pub(super) fn issues(&self) -> Vec<Issue> {
        let counts = [
            ("page_size", self.page_size == 0),
            ("max_pages", self.max_pages == 0),
            ("max_items", self.max_items == 0),
        ];
        let wrong = counts.into_iter().filter(|(_, is_zero)| *is_zero);
        wrong
            .map(|(name, _)| {
                let issue = Issue::error("graphql.pagination", format!("{name} must be at least 1"));
                issue.at(format!("config.pagination.{name}"))
            })
            .collect()
    }

    /// Whether `query` takes the mark of a page.
    ///
    /// # Errors
    /// Kind `Invalid`, code `graphql.pagination`.
    pub(super) fn check(&self, query: &str) -> Result<()> {
        if query.contains(&format!("${}", self.after_variable)) {
            return Ok(());
        }
        let message = format!(
            "the query has no variable `${}`, so that it gives its first page only",
            self.after_variable
        );
        Err(Error::invalid("graphql.pagination", message)
            .at("query")
            .with_hint("`after_variable` says what it is called"))
    }
}

/// Pages of a connection that are asked for one by one.
pub(super) struct Connection {
    service: Arc<Service>,
    how: ConnectionPages,
    request: Request,
    measure: Measure,
    is_over: bool,
    cursor: Value,
    seen: HashSet<String>,
    extensions: Value,
}

impl Connection {
    /// The pages that `request` asks `service` for; `bytes_left` limits all of them together.
    pub(super) fn new(
        service: Arc<Service>,
        how: ConnectionPages,
        request: Request,
        bytes_left: Option<u64>,
    ) -> Self {
        Self {
            service,
            request,
            measure: Measure::new(how.max_pages, how.max_items, bytes_left),
            how,
            is_over: false,
            cursor: Value::Null,
            seen: HashSet::new(),
            extensions: Value::Null,
        }
    }

    fn wrong(&self, message: String) -> Error {
        Error::invalid("graphql.connection", message).at(format!("data.{}", self.how.connection_path))
    }

    /// The mark of the next page, if there is one.
    fn next_cursor(&self, connection: &Value) -> Result<Option<String>> {
        let Some(info) = connection.get("pageInfo").filter(|info| info.as_map().is_some()) else {
            return Err(self
                .wrong("the connection has no `pageInfo`".to_owned())
                .with_hint("ask for `pageInfo { hasNextPage endCursor }`"));
        };
        match info.get("hasNextPage").and_then(Value::as_bool) {
            Some(false) => return Ok(None),
            Some(true) => {}
            None => return Err(self.wrong("`pageInfo` has no `hasNextPage`".to_owned())),
        }
        let cursor = info.get("endCursor").and_then(Value::as_str).filter(|cursor| !cursor.is_empty());
        cursor
            .map(|cursor| Some(cursor.to_owned()))
            .ok_or_else(|| self.wrong("`pageInfo` has no `endCursor`".to_owned()))
    }
}

fn items(connection: &Value) -> Option<Vec<Value>> {
    if let Some(nodes) = connection.get("nodes").and_then(Value::as_list) {
        return Some(nodes.to_vec());
    }
    let edges = connection.get("edges").and_then(Value::as_list)?;
    Some(edges.iter().filter_map(|edge| edge.get("node").cloned()).collect())
}

impl Pages for Connection {
    async fn next(&mut self, cx: &Context) -> Result<Option<Vec<Value>>> {
        if self.is_over {
            return Ok(None);
        }
        let mut variables = self.request.variables.clone();
        variables.insert(self.how.first_variable.as_str(), self.how.page_size);
        variables.insert(self.how.after_variable.as_str(), self.cursor.clone());
        let (reply, bytes) = self.service.ask(&self.request, variables, cx).await?;
        if let Some(error) = reply.failure(true) {
            return Err(error);
        }
        self.measure.weigh(bytes)?;
        let path = &self.how.connection_path;
        let connection = dot_path(path)
            .resolve(&reply.data)
            .map_err(|segment| self.wrong(format!("the data has no `{segment}` of `{path}`")))?;
        let mut items = items(&connection)
            .ok_or_else(|| self.wrong("the connection has neither `nodes` nor `edges`".to_owned()))?;
        let next = self.next_cursor(&connection)?;
        let goes_on = self.measure.take(&mut items, next.is_some());
        self.is_over = !goes_on;
        if let Some(cursor) = next {
            if !self.seen.insert(cursor.clone()) {
                let hint = "does the query give its variable for the mark to the connection?";
                return Err(repeated().with_hint(hint));
            }
            self.cursor = cursor.into();
        }
        self.extensions = reply.extensions;
        Ok(Some(items))
    }

    fn outputs(&self) -> Outputs {
        let mut outputs = Outputs::none(5);
        outputs.set(1, Value::list(Vec::new()));
        outputs.set(2, self.extensions.clone());
        outputs.set(3, true);
        let mut info = Map::with_capacity(4);
        info.insert("pages", self.measure.pages);
        info.insert("items", self.measure.items);
        info.insert("truncated", self.measure.truncated);
        info.insert("end_cursor", self.cursor.clone());
        outputs.set(4, info);
        outputs
    }
}
