//! The `Link` header (RFC 8288, 3): where the next page is.

use reqwest::header::{HeaderMap, LINK};

/// The target of the first link with relation `next`, as it is written.
pub(super) fn next(headers: &HeaderMap) -> Option<String> {
    let texts = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    texts.into_iter().find_map(next_in)
}

fn next_in(mut text: &str) -> Option<String> {
    loop {
        text = text.trim_start_matches(|sign: char| sign == ',' || sign.is_ascii_whitespace());
        let (target, rest) = text.strip_prefix('<')?.split_once('>')?;
        let (relation, has_anchor, rest) = parameters(rest);
        // A link with an anchor is about something else than this answer.
        let is_next = relation.is_some_and(|relation| {
            relation.split_ascii_whitespace().any(|name| name.eq_ignore_ascii_case("next"))
        });
        if is_next && !has_anchor {
            return Some(target.to_owned());
        }
        text = rest;
    }
}

/// The relation of a link, whether it has an anchor, and what comes behind its parameters.
fn parameters(mut text: &str) -> (Option<String>, bool, &str) {
    let (mut relation, mut has_anchor) = (None, false);
    while let Some(rest) = text.trim_start().strip_prefix(';') {
        let rest = rest.trim_start();
        let end = rest.find(['=', ';', ',']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let (value, rest) = match rest.strip_prefix('=') {
            Some(rest) => value(rest.trim_start()),
            None => (String::new(), rest),
        };
        match name.trim().to_ascii_lowercase().as_str() {
            // The first one counts.
            "rel" => relation = relation.or(Some(value)),
            "anchor" => has_anchor = true,
            _ => {}
        }
        text = rest;
    }
    (relation, has_anchor, text)
}

/// A token or a quoted text, and what comes behind it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (token.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut signs = quoted.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(signs.next().map(|(_, sign)| sign)),
            _ => value.push(sign),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn next_of(texts: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(LINK, HeaderValue::try_from(*text).unwrap());
        }
        next(&headers)
    }

    #[test]
    fn the_next_page_is_found_among_other_links() {
        for text in [
            r#"<https://a.test/?page=2>; rel="next""#,
            r#"<https://a.test/?page=1>; rel="prev", <https://a.test/?page=2>; rel="next", <x>; rel=last"#,
            r#"<https://a.test/?page=2>;rel=next"#,
            r#"<https://a.test/?page=2>; title="a, \"b\"; rel=prev"; REL="last NEXT""#,
            r#"<y>; rel="prev"; rel="next" , <https://a.test/?page=2> ; rel = "next""#,
            r#"<z>; rel="next"; anchor="/other", <https://a.test/?page=2>; rel="next""#,
        ] {
            assert_eq!(next_of(&[text]).as_deref(), Some("https://a.test/?page=2"), "{text}");
        }
        assert_eq!(next_of(&[r#"<a>; rel="prev""#, r#"<b,c;d>; rel="next""#]).as_deref(), Some("b,c;d"));
    }

    #[test]
    fn without_a_next_page_there_is_none() {
        for text in [
            "",
            "x",
            "<a>",
            "<a",
            r#"<a>; rel="nextish""#,
            r#"<a>; rel="next; title="#,
            r#"<a>; title="rel=next""#,
        ] {
            assert_eq!(next_of(&[text]), None, "{text}");
        }
        assert_eq!(next_of(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_hang_or_panic(text in "[<>;,=\" \\\\a-z]{0,40}") {
            next_in(&text);
        }
    }
}
