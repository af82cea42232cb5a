//! Which page is next: decided from the answer so far, without sending anything.

use std::collections::HashSet;

use bytes::Bytes;
use kailash_core::{Error, Result, Value};
use reqwest::{StatusCode, Url};

use super::{
    link,
    pagination::{PageKind, Pagination},
};
use crate::http::{
    error::shown,
    pages::repeated,
    parts::{dot_path, scalar},
    response::Answer,
};

/// Turns pages.
pub(super) struct Turner {
    how: Pagination,
    /// Without what says which page is meant.
    base: Url,
    /// The number of the page, or how many items were before it.
    position: u64,
    /// The most items that a page had so far.
    fullest: usize,
    /// Marks or addresses that were asked for.
    seen: HashSet<String>,
    /// The content of the last page.
    last: Bytes,
}

impl Turner {
    /// The pages of what `base` asks for.
    pub(super) fn new(how: Pagination, mut base: Url) -> Self {
        if let Some((name, size)) = how.size() {
            set_param(&mut base, name, &size.to_string());
        }
        let position = if how.kind == PageKind::Page { how.first_page.unwrap_or(1) } else { 0 };
        Self { how, base, position, fullest: 0, seen: HashSet::new(), last: Bytes::new() }
    }

    /// The address of the first page.
    pub(super) fn first(&mut self) -> Url {
        let url = self.numbered();
        self.seen.insert(url.to_string());
        url
    }

    fn numbered(&self) -> Url {
        let mut url = self.base.clone();
        let name = match self.how.kind {
            PageKind::Page => self.how.page_param.as_deref().unwrap_or("page"),
            PageKind::Offset => self.how.offset_param.as_deref().unwrap_or("offset"),
            PageKind::Cursor | PageKind::Link => return url,
        };
        set_param(&mut url, name, &self.position.to_string());
        url
    }

    /// Whether an answer only says that there is no such page: the last one was the one before.
    pub(super) fn is_past_the_end(&self, status: StatusCode) -> bool {
        self.how.kind == PageKind::Page && self.fullest > 0 && status == StatusCode::NOT_FOUND
    }

    /// The items of `data`, which is the content of `answer`.
    ///
    /// # Errors
    /// Kind `Invalid`, code `http.items`, if there is no list.
    pub(super) fn items(&self, answer: &Answer, data: &Value) -> Result<Vec<Value>> {
        let wrong = |message: String| {
            Error::invalid("http.items", message)
                .with_hint("`items_path` says where the items stand in an answer")
                .at(shown(&answer.url))
        };
        let path = self.how.items_path.as_deref().unwrap_or_default();
        let found = dot_path(path)
            .resolve(data)
            .map_err(|segment| wrong(format!("an answer has no `{segment}` of `{path}`")))?;
        match found {
            // Some services have null where there is nothing.
            Value::Null => Ok(Vec::new()),
            Value::Array(array) => Ok((0..array.len()).filter_map(|at| array.numbers().get(at)).collect()),
            other => other
                .into_list()
                .map_err(|other| wrong(format!("the items of an answer are {}", other.kind()))),
        }
    }

    /// The address of the page behind `answer`, which had `count` items; `None` if that was the last one.
    ///
    /// # Errors
    /// Kind `Conflict`, code `http.pages_repeat`, for pages that come again; kind `Invalid`, codes `http.cursor` and
    /// `http.link`.
    pub(super) fn next(&mut self, answer: &Answer, data: &Value, count: usize) -> Result<Option<Url>> {
        let next = match self.how.kind {
            PageKind::Page | PageKind::Offset => self.next_number(answer, count)?,
            PageKind::Cursor => self.next_cursor(answer, data)?,
            PageKind::Link => self.next_link(answer, data)?,
        };
        match &next {
            Some(url) if !self.seen.insert(url.to_string()) => Err(repeated().at(shown(&answer.url))),
            _ => Ok(next),
        }
    }

    fn next_number(&mut self, answer: &Answer, count: usize) -> Result<Option<Url>> {
        // A service that does not know the parameter gives the same page without end.
        if count > 0 && self.last == answer.body {
            return Err(repeated()
                .at(shown(&answer.url))
                .with_hint("does the service know the parameter that says which page is meant?"));
        }
        self.last = answer.body.clone();
        // A service may give fewer items than it was asked for on every page: only a page with fewer than another is
        // the last.
        let full = self.how.page_size.filter(|_| self.how.short_page_ends).map_or(0, |size| size as usize);
        let was_fuller = count < self.fullest.max(full);
        self.fullest = self.fullest.max(count);
        self.position += if self.how.kind == PageKind::Page { 1 } else { count as u64 };
        Ok((count > 0 && !was_fuller).then(|| self.numbered()))
    }

    fn next_cursor(&self, answer: &Answer, data: &Value) -> Result<Option<Url>> {
        let path = self.how.cursor_path.as_deref().unwrap_or_default();
        let Some(cursor) =
            text_at(path, data, "http.cursor").map_err(|error| error.at(shown(&answer.url)))?
        else {
            return Ok(None);
        };
        let mut url = self.base.clone();
        set_param(&mut url, self.how.cursor_param.as_deref().unwrap_or("cursor"), &cursor);
        Ok(Some(url))
    }

    fn next_link(&self, answer: &Answer, data: &Value) -> Result<Option<Url>> {
        let target = match &self.how.next_path {
            Some(path) => text_at(path, data, "http.link").map_err(|error| error.at(shown(&answer.url)))?,
            None => link::next(&answer.headers),
        };
        let Some(target) = target else { return Ok(None) };
        let url = answer.url.join(&target).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.map(Some).ok_or_else(|| {
            Error::invalid("http.link", "the next page is at no address of http or https")
                .at(shown(&answer.url))
        })
    }
}

/// The text at `path`; none if there is nothing, null or an empty text.
fn text_at(path: &str, data: &Value, code: &'static str) -> Result<Option<String>> {
    let Ok(value) = dot_path(path).resolve(data) else { return Ok(None) };
    // `false` is how some services say that there is no next page.
    if value == Value::Bool(false) {
        return Ok(None);
    }
    let text = scalar(&value, || Error::invalid(code, format!("`{path}`")))?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// Gives query parameter `name` this value alone.
pub(super) fn set_param(url: &mut Url, name: &str, value: &str) {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(other, _)| other != name)
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
}
