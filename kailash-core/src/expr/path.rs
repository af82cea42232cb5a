//! Expressions that only look something up: they need no engine, and what they find is not copied.

use crate::{Map, Text, Value};

/// What looks like a name and is none.
const WORDS: [&str; 13] =
    ["and", "else", "false", "False", "if", "in", "is", "none", "None", "not", "or", "true", "True"];

/// The names of `source`, if it is nothing but names with dots between them.
pub(super) fn of(source: &str) -> Option<Box<[Text]>> {
    let names = source.trim().split('.');
    names.map(|name| (is_name(name) && !WORDS.contains(&name)).then(|| name.into())).collect()
}

fn is_name(name: &str) -> bool {
    let mut signs = name.chars();
    signs.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && signs.all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
}

/// What is found under `path`, going from map to map. None says nothing: the engine knows more ways.
pub(super) fn find(variables: &Map, path: &[Text]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(variables.get(first)?, |value, name| value.get(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_path_is_names_with_dots_between_them() {
        let path = |source| of(source).map(|names| names.join("|"));
        assert_eq!(path(" item.price_2 ").unwrap(), "item|price_2");
        for other in
            ["", ".", "a.", "a..b", "a.0", "a[0]", "a b", "1", "true", "a.None", "not", "-a", "a|length", "ä"]
        {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
