//! How a service numbers its pages, as a config says it.

use kailash_core::validate::Issue;
use schemars::JsonSchema;
use serde::Deserialize;

/// How a service says which page is asked for and which one is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PageKind {
    /// Pages have numbers.
    Page,
    /// A page begins behind a number of items.
    Offset,
    /// An answer has a mark that the next request gives back.
    Cursor,
    /// An answer has the address of the next page: in the header `Link` (RFC 8288), or in its content.
    Link,
}

/// How the answers of a service are read page by page.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    /// How the service says which page is asked for and which one is next.
    #[serde(rename = "type")]
    pub kind: PageKind,
    /// Where the items stand in an answer, as a dot path; the answer itself if not given.
    #[serde(default)]
    pub items_path: Option<String>,
    /// The query parameter for the number of a page; `page` if not given.
    #[serde(default)]
    pub page_param: Option<String>,
    /// The number of the first page; 1 if not given.
    #[serde(default)]
    pub first_page: Option<u64>,
    /// The query parameter for the items to leave out; `offset` if not given.
    #[serde(default)]
    pub offset_param: Option<String>,
    /// The query parameter for the mark of a page; `cursor` if not given.
    #[serde(default)]
    pub cursor_param: Option<String>,
    /// Where the mark of the next page stands in an answer, as a dot path. No mark, null or an empty one ends the
    /// pages.
    #[serde(default)]
    pub cursor_path: Option<String>,
    /// Where the address of the next page stands in an answer, as a dot path, in place of the header `Link`.
    #[serde(default)]
    pub next_path: Option<String>,
    /// The query parameter for `page_size`; `per_page` for numbered pages and `limit` for all others if not given.
    #[serde(default)]
    pub limit_param: Option<String>,
    /// How many items a page is asked to have; the service decides if not given.
    #[serde(default)]
    pub page_size: Option<u32>,
    /// Whether a numbered page with fewer items than `page_size` is the last one, so that none behind it is asked for:
    /// right for services that give as many as they are asked for. Otherwise the pages end with an empty page, a
    /// missing one, or one with fewer items than another.
    #[serde(default)]
    pub short_page_ends: bool,
    /// The most pages that are asked for. More of them is no error, but `metadata.truncated` says so.
    #[serde(default = "max_pages")]
    pub max_pages: u32,
    /// The most items that are taken. More of them is no error, but `metadata.truncated` says so.
    #[serde(default = "max_items")]
    pub max_items: u64,
    /// The most bytes that all pages may have together, decompressed, if they become one list; a stream has no such
    /// limit.
    #[serde(default = "max_total_bytes")]
    pub max_total_bytes: u64,
    /// Origins beside that of the base address to which links and redirects may lead, as `https://host`. What proves
    /// who sends a request is not sent there.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
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

impl Pagination {
    /// What cannot work.
    pub(super) fn issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        let mut wrong = |name: &str, message: String| {
            let issue = Issue::error("http.pagination", message);
            issues.push(issue.at(format!("config.pagination.{name}")));
        };
        let given = [
            ("page_param", self.page_param.is_some(), self.kind == PageKind::Page),
            ("first_page", self.first_page.is_some(), self.kind == PageKind::Page),
            ("offset_param", self.offset_param.is_some(), self.kind == PageKind::Offset),
            ("cursor_param", self.cursor_param.is_some(), self.kind == PageKind::Cursor),
            ("cursor_path", self.cursor_path.is_some(), self.kind == PageKind::Cursor),
            ("next_path", self.next_path.is_some(), self.kind == PageKind::Link),
        ];
        for (name, is_given, fits) in given {
            if is_given && !fits {
                wrong(name, format!("{name} has no meaning for pages of this type"));
            }
        }
        if self.kind == PageKind::Cursor && self.cursor_path.is_none() {
            wrong("cursor_path", "pages by cursor need cursor_path".to_owned());
        }
        if self.short_page_ends
            && (self.page_size.is_none() || !matches!(self.kind, PageKind::Page | PageKind::Offset))
        {
            wrong("short_page_ends", "short_page_ends needs numbered pages and page_size".to_owned());
        }
        let counts = [
            ("page_size", self.page_size == Some(0)),
            ("max_pages", self.max_pages == 0),
            ("max_items", self.max_items == 0),
        ];
        for (name, is_zero) in counts {
            if is_zero {
                wrong(name, format!("{name} must be at least 1"));
            }
        }
        issues
    }

    /// The query parameter for the size of a page, with the size that is asked for.
    pub(super) fn size(&self) -> Option<(&str, u32)> {
        let default = if self.kind == PageKind::Page { "per_page" } else { "limit" };
        self.page_size.map(|size| (self.limit_param.as_deref().unwrap_or(default), size))
    }
}
