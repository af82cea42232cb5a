//! Patterns for names of files: what one must be made of, so that it can fit anything at all.

use kailash_core::{Error, Result, Value, node::Setup, validate::Issue};

/// A pattern as it is given: text in which every group that is opened is closed.
///
/// # Errors
/// Kind `Invalid`, code `directory.pattern`.
pub(super) fn pattern(given: &Value) -> Result<&str> {
    let wrong = |message: String| Error::invalid("directory.pattern", message);
    let Value::Str(text) = given else {
        return Err(wrong(format!("a pattern is text, not {}", given.kind())).with_hint("such as \"*.csv\""));
    };
    match unfinished(text.as_bytes()) {
        None => Ok(text),
        Some((sign, close)) => Err(wrong(format!("`{text}` has a `{sign}` that nothing follows up"))
            .with_hint(format!("write `{close}`, or `\\{sign}` for the sign itself"))),
    }
}

/// Reports the patterns of the config that are none; `inputs` name the inputs that have them, one or a list.
pub(super) fn check_configured(setup: &mut Setup<'_>, inputs: &[&str]) {
    for name in inputs {
        let found: Vec<(String, Error)> = match setup.config.get(name) {
            Some(Value::List(list)) => {
                let wrong = |(at, one)| Some((format!("{name}[{at}]"), pattern(one).err()?));
                list.iter().enumerate().filter_map(wrong).collect()
            }
            Some(one @ Value::Str(_)) => {
                pattern(one).err().map(|error| ((*name).to_owned(), error)).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let issues = found.into_iter().map(|(place, error)| Issue::from_error(&error.at(place)).in_config());
        setup.issues.extend(issues);
    }
}

/// The sign that opens something which is never closed, and what would close it.
fn unfinished(pattern: &[u8]) -> Option<(char, &'static str)> {
    let (mut at, mut groups) = (0, 0_usize);
    while let Some(sign) = pattern.get(at) {
        at += 1;
        match sign {
            b'\\' if at == pattern.len() => return Some(('\\', "\\\\")),
            b'\\' => at += 1,
            b'{' => groups += 1,
            b'}' => groups = groups.saturating_sub(1),
            b'[' => match behind_class(pattern, at) {
                Some(behind) => at = behind,
                None => return Some(('[', "]")),
            },
            _ => {}
        }
    }
    (groups > 0).then_some(('{', "}"))
}

/// Where what follows a class of signs begins, whose own first sign is at `at`. A `]` right there is one of its signs.
fn behind_class(pattern: &[u8], mut at: usize) -> Option<usize> {
    if matches!(pattern.get(at), Some(b'^' | b'!')) {
        at += 1;
    }
    let first = at;
    loop {
        match pattern.get(at)? {
            b']' if at > first => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_is_closed() {
        for good in
            ["*.csv", "[ab]*", "[!a-z]?", "[]a]", "{a,b{c,d}}", "\\[x", "a]b", "a}b", "", "**/[a]/{b}"]
        {
            assert_eq!(unfinished(good.as_bytes()), None, "{good}");
        }
        for (bad, sign) in
            [("[bad", '['), ("a[]", '['), ("[!]", '['), ("{a,b", '{'), ("{a,{b}", '{'), ("a\\", '\\')]
        {
            assert_eq!(unfinished(bad.as_bytes()).map(|(sign, _)| sign), Some(sign), "{bad}");
        }
    }

    #[test]
    fn a_pattern_that_fits_nothing_is_refused_with_what_it_lacks() {
        let error = pattern(&Value::from("[bad")).unwrap_err();
        assert_eq!(error.code(), "directory.pattern");
        assert!(error.message().contains("`[bad`") && error.hint().unwrap().contains("`]`"), "{error:?}");
    }
}
