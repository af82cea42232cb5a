//! The cases of a switch and the names of their outputs.

use kailash_core::Value;

/// The cases with the names of their outputs, in order.
#[derive(Debug)]
pub(super) struct Cases {
    pub(super) cases: Vec<Value>,
    pub(super) names: Vec<String>,
    /// Whether only the first case that matches is taken.
    pub(super) first_only: bool,
}

/// The output of `case`: the prefix, then the case as Python prints it with `_` for blanks and hyphens, and only letters
/// and digits else.
pub(super) fn output_name(prefix: &str, case: &Value) -> String {
    let printed = match case {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Str(text) => text.to_string(),
        Value::Float(x) => format!("{x:?}"),
        other => other.to_json().unwrap_or_default(),
    };
    let clean = printed.chars().filter_map(|c| match c {
        ' ' | '-' => Some('_'),
        c if c.is_alphanumeric() || c == '_' => Some(c),
        _ => None,
    });
    prefix.chars().chain(clean).collect()
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn an_output_is_called_as_python_prints_its_case() {
        let names =
            [value!("a"), value!(1), value!(true), value!(null), value!("New York"), value!(-2), value!(1.5)];
        let names: Vec<String> = names.iter().map(|case| output_name("case_", case)).collect();
        assert_eq!(
            names,
            ["case_a", "case_1", "case_True", "case_None", "case_New_York", "case__2", "case_15"]
        );
    }
}
