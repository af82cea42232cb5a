//! Filters that could make much out of little, with a bound on what they make.

use minijinja::{
    Environment, Error, ErrorKind,
    value::{Kwargs, Value},
};

use super::MAX_TEXT;

/// Bounds what multiplies in `environment`: `replace`, `join` and `indent` make [`MAX_TEXT`] bytes at most, `range` makes
/// 10,000 numbers; `batch`, `format`, `pprint` and `slice`, whose numbers may be anything, are not there.
pub fn confine(environment: &mut Environment<'_>) {
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("indent", indent);
    environment.add_function("range", range);
    for filter in ["batch", "format", "pprint", "slice"] {
        environment.remove_filter(filter);
    }
}

/// How many numbers a range may have.
const MAX_RANGE: usize = 10_000;

fn range(lower: i64, upper: Option<i64>, step: Option<usize>) -> Result<Vec<i64>, Error> {
    let (lower, upper) = upper.map_or((0, lower), |upper| (lower, upper));
    let numbers: Vec<i64> = (lower..upper).step_by(step.unwrap_or(1).max(1)).take(MAX_RANGE + 1).collect();
    if numbers.len() > MAX_RANGE {
        let message = format!("a range has {MAX_RANGE} numbers at most");
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    Ok(numbers)
}

/// How many operators `source` has, outside of its texts.
pub(super) fn operators(source: &str) -> usize {
    let mut quote = None;
    let mut count = 0;
    let mut escaped = false;
    for c in source.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if "-+~*/%|.".contains(c) => count += 1,
            None => {}
        }
    }
    let words = source.split(|c: char| !c.is_alphanumeric() && c != '_');
    count + words.filter(|word| ["not", "and", "or", "in", "is", "if"].contains(word)).count()
}

fn within(length: usize) -> Result<(), Error> {
    if length <= MAX_TEXT {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidOperation, format!("the text would have more than {MAX_TEXT} bytes")))
}

fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let count = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() };
    within(text.len().saturating_add(count.saturating_mul(to.len())))?;
    Ok(text.replace(from, to))
}

#[expect(clippy::needless_pass_by_value, reason = "the engine hands options over by value")]
fn join(items: &Value, joiner: Option<&str>, options: Kwargs) -> Result<String, Error> {
    let joiner = joiner.map_or_else(|| options.get::<Option<&str>>("d"), |joiner| Ok(Some(joiner)))?;
    let attribute: Option<&str> = options.get("attribute")?;
    options.assert_all_used()?;
    let mut joined = String::new();
    for (at, item) in items.try_iter()?.enumerate() {
        if at > 0 {
            joined.push_str(joiner.unwrap_or_default());
        }
        let item = match attribute {
            Some(attribute) => item.get_attr(attribute)?,
            None => item,
        };
        match item.as_str() {
            Some(text) => joined.push_str(text),
            None => joined.push_str(&item.to_string()),
        }
        within(joined.len())?;
    }
    Ok(joined)
}

fn indent(
    text: &str,
    width: Option<usize>,
    first_line: Option<bool>,
    blank_lines: Option<bool>,
) -> Result<String, Error> {
    let width = width.unwrap_or(4);
    within(text.lines().count().saturating_mul(width).saturating_add(text.len()))?;
    let margin = " ".repeat(width);
    let mut indented = String::new();
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            indented.push('\n');
        }
        let wanted =
            if at == 0 { first_line == Some(true) } else { !line.is_empty() || blank_lines == Some(true) };
        if wanted {
            indented.push_str(&margin);
        }
        indented.push_str(line);
    }
    Ok(indented)
}

#[cfg(test)]
mod tests {
    use crate::{Map, expr::Expr};

    fn eval(source: &str) -> Result<String, String> {
        let value = Expr::compile(source).and_then(|expr| expr.eval(Map::new()));
        value.map(|value| value.as_str().unwrap_or_default().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn small_texts_come_out_as_everywhere() {
        assert_eq!(eval("'a-b'|replace('-', '+')").unwrap(), "a+b");
        assert_eq!(eval("[1, 'b', 2.5]|join(', ')").unwrap(), "1, b, 2.5");
        assert_eq!(eval("[{'n': 1}, {'n': 2}]|join('/', attribute='n')").unwrap(), "1/2");
        assert_eq!(eval("'a\\nb\\n\\nc'|indent(2)").unwrap(), "a\n  b\n\n  c");
        assert_eq!(eval("'ab'|replace('', '.')").unwrap(), ".a.b.");
    }

    #[test]
    fn ranges_and_operators_are_bounded() {
        assert_eq!(eval("range(3)|join('')").unwrap(), "012");
        assert_eq!(eval("range(2, 9, 3)|join('')").unwrap(), "258");
        assert!(eval("range(10001)|join('')").unwrap_err().contains("10000 numbers"));
        for chain in ["-".repeat(501) + "1", "1+".repeat(501) + "1", "not ".repeat(501) + "1"] {
            assert!(eval(&chain).unwrap_err().contains("operators"), "{chain}");
        }
        assert_eq!(eval(&format!("'{}'", "-".repeat(600))).unwrap().len(), 600, "text has no operators");
    }

    #[test]
    fn what_would_grow_without_bound_is_refused() {
        for source in [
            "('a' * 90000)|replace('a', 'b' * 90000)",
            "('a' * 90000)|replace('', 'b' * 90000)",
            "range(9000)|join('b' * 90000)",
            "('a\\n' * 40000)|indent(1000000000)",
        ] {
            let refused = eval(source).unwrap_err();
            assert!(refused.contains("more than 16777216 bytes"), "{refused}");
        }
        for filter in ["batch(3)", "format(1)", "pprint", "slice(2)"] {
            assert!(eval(&format!("'%d'|{filter}")).is_err(), "{filter}");
        }
    }
}
