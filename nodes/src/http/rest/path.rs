//! Paths of resources below a base address, which no value can leave.

use kailash_core::{Error, Map, Result, Value};
use reqwest::Url;

use crate::http::parts::{percent_encoded, scalar, url};

/// Reads the base address.
///
/// # Errors
/// Kind `Invalid`, code `http.url`.
pub(super) fn base(text: &str) -> Result<Url> {
    let url = url(text)?;
    let wrong = |what: &str, hint: &str| {
        Err(Error::invalid("http.url", format!("a base address has no {what}")).with_hint(hint.to_owned()))
    };
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("query and no fragment", "give `query_params`");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("user", "use `auth`, with secrets as `env:NAME` or `file:PATH`");
    }
    Ok(url)
}

/// The address of `resource` below `base`, with a value in place of each `{name}`.
///
/// Values are percent-encoded, so that none of them is more than a part of one segment. Segments that would lead up or
/// nowhere are refused, also if they come from a value.
///
/// # Errors
/// Kind `Invalid`, code `http.path`; kind `Missing` for a name without a value.
pub(super) fn join(base: &Url, resource: &str, values: &Map) -> Result<Url> {
    let wrong = |message: String| Error::invalid("http.path", message).at("resource");
    if let Some(sign) = resource.chars().find(|sign| matches!(sign, '?' | '#' | '\\') || sign.is_control()) {
        let error = wrong(format!("a resource is a path and has no {sign:?}"));
        return Err(error.with_hint("queries are given as `query_params`, other signs as `path_params`"));
    }
    let template = resource.strip_prefix('/').unwrap_or(resource);
    let mut path = base.path().trim_end_matches('/').to_owned();
    let mut segments = template.split('/').peekable();
    while let Some(segment) = segments.next() {
        // An empty segment at the end is a closing slash; an empty resource is the base itself.
        let is_last = segments.peek().is_none();
        if segment.is_empty() && is_last && template.is_empty() {
            break;
        }
        let filled = fill(segment, values)?;
        if filled.is_empty() && !is_last {
            return Err(wrong("a resource has no empty segment".to_owned()));
        }
        if is_dots(&filled) {
            return Err(wrong("a resource has no segment `.` or `..`".to_owned()));
        }
        path.push('/');
        path.push_str(&filled);
    }
    let mut url = base.clone();
    if !template.is_empty() {
        url.set_path(&path);
    }
    let root = base.path().trim_end_matches('/');
    let below = url.path().strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !below || url.origin() != base.origin() {
        return Err(wrong("the resource leads out of the base address".to_owned()));
    }
    Ok(url)
}

/// `segment` with a value in place of each `{name}`.
fn fill(segment: &str, values: &Map) -> Result<String> {
    let mut filled = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(|| {
            Error::invalid("http.path", format!("`{{` is never closed in segment `{segment}`")).at("resource")
        })?;
        filled.push_str(before);
        filled.push_str(&value(name, values)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(name: &str, values: &Map) -> Result<String> {
    let place = || format!("path_params.{name}");
    let given = values.get(name).unwrap_or(&Value::Null);
    let text = scalar(given, || Error::invalid("http.path", format!("path parameter `{name}`")))
        .map_err(|error| error.at(place()))?;
    match text {
        None => Err(Error::missing("http.path", format!("no value for `{{{name}}}`")).at(place())),
        Some(text) if text.is_empty() => {
            Err(Error::invalid("http.path", format!("the value of `{{{name}}}` is empty")).at(place()))
        }
        Some(text) => Ok(percent_encoded(&text)),
    }
}

/// Whether a segment is `.` or `..`, also with dots written as `%2e` (WHATWG URL, 4.1).
fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use kailash_core::value;
    use proptest::prelude::*;

    use super::*;

    fn joined(base: &str, resource: &str, values: Value) -> Result<String> {
        let values = values.into_map().unwrap();
        join(&super::base(base)?, resource, &values).map(|url| url.to_string())
    }

    #[test]
    fn values_fill_their_places() {
        let join = |resource, values| joined("https://api.test/v1/", resource, values).unwrap();
        assert_eq!(join("users/{id}/posts", value!({"id": 7})), "https://api.test/v1/users/7/posts");
        assert_eq!(
            join("/files/{name}.{kind}", value!({"name": "a b", "kind": "txt"})),
            "https://api.test/v1/files/a%20b.txt"
        );
        assert_eq!(join("", value!({})), "https://api.test/v1/");
        assert_eq!(join("users/", value!({})), "https://api.test/v1/users/");
        assert_eq!(joined("https://api.test", "a", value!({})).unwrap(), "https://api.test/a");
    }

    #[test]
    fn values_cannot_leave_their_segment() {
        for (value, encoded) in [
            ("../admin", "..%2Fadmin"),
            ("a?x=1#f", "a%3Fx%3D1%23f"),
            ("//evil.test", "%2F%2Fevil.test"),
            ("a\\..\\b", "a%5C..%5Cb"),
            ("%2e%2e/", "%252e%252e%2F"),
            ("é\r\n", "%C3%A9%0D%0A"),
        ] {
            let url = joined("https://api.test/v1", "u/{id}", value!({"id": value})).unwrap();
            assert_eq!(url, format!("https://api.test/v1/u/{encoded}"));
        }
    }

    #[test]
    fn resources_that_lead_elsewhere_are_refused() {
        for resource in [
            "../admin",
            "a/../../b",
            "a/./b",
            "%2e%2e/x",
            ".%2E/x",
            "//evil.test/x",
            "a//b",
            "a?b=c",
            "a#b",
            "a\\b",
            "https://evil.test/x",
            "{id",
            "a\u{0}b",
            "a\tb",
        ] {
            let error = joined("https://api.test/v1", resource, value!({"id": 1})).unwrap_err();
            assert_eq!(error.code(), "http.path", "{resource}");
        }
        for id in ["..", ".", ""] {
            let error = joined("https://api.test/v1", "u/{id}/x", value!({"id": id})).unwrap_err();
            assert_eq!(error.code(), "http.path", "{id}");
        }
        assert_eq!(
            joined("https://api.test", "u/{d}{d}", value!({"d": "."})).unwrap_err().code(),
            "http.path"
        );
    }

    #[test]
    fn a_place_without_a_value_is_named() {
        let error = joined("https://api.test", "u/{id}", value!({})).unwrap_err();
        assert_eq!((error.kind(), error.place()), (kailash_core::ErrorKind::Missing, Some("path_params.id")));
        let error = joined("https://api.test", "u/{id}", value!({"id": [1]})).unwrap_err();
        assert_eq!((error.code(), error.place()), ("http.path", Some("path_params.id")));
    }

    #[test]
    fn a_base_with_a_user_or_a_query_is_refused_without_showing_it() {
        for base in
            ["https://me:hunter2@api.test", "https://api.test/?token=hunter2", "https://api.test/#hunter2"]
        {
            let error = joined(base, "a", value!({})).unwrap_err();
            assert_eq!(error.code(), "http.url");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn no_resource_and_no_value_leave_the_base(
            resource in "[a./?#%2e\\\\:@{}\\PC]{0,12}",
            value in "\\PC{0,8}",
        ) {
            let values = value!({"a": (value.as_str())}).into_map().unwrap();
            let root = base("https://api.test/v1").unwrap();
            if let Ok(url) = join(&root, &resource, &values) {
                prop_assert_eq!(url.origin(), root.origin());
                prop_assert!(url.path() == "/v1" || url.path().starts_with("/v1/"), "{}", url);
                prop_assert!(url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
