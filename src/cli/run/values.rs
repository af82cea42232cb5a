//! Values for people: the first few items, in the width there is.

use kailash_core::Value;

use crate::cli::term::one_line;

/// Items of a list or map that are shown.
const ITEMS: usize = 3;
/// Lines of a text that are shown.
const LINES: usize = 12;
/// Nesting that is shown.
const DEPTH: usize = 3;

/// `value` in lines of at most `width` characters: a text as it is written, anything else in one line.
pub(super) fn lines(value: &Value, width: usize) -> Vec<String> {
    let Value::Str(text) = value else { return vec![shorten(value, width)] };
    let mut shown: Vec<String> = text.lines().take(LINES).map(|line| one_line(line, width)).collect();
    if text.lines().count() > LINES {
        shown.push(format!("… {} more lines", grouped(text.lines().count() - LINES)));
    }
    shown
}

/// `value` in one line of at most `width` characters.
fn shorten(value: &Value, width: usize) -> String {
    let mut text = String::new();
    match value {
        Value::List(items) if items.len() > ITEMS => {
            text.push_str(&format!("{} items: ", grouped(items.len())));
            show(value, 0, width, &mut text);
        }
        Value::Str(long) => text.push_str(long),
        other => show(other, 0, width, &mut text),
    }
    one_line(&text, width)
}

fn show(value: &Value, depth: usize, width: usize, text: &mut String) {
    if text.len() > 4 * width {
        return;
    }
    match value {
        Value::List(items) if depth < DEPTH => {
            text.push('[');
            for (at, item) in items.iter().take(ITEMS).enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                show(item, depth + 1, width, text);
            }
            more(items.len().saturating_sub(ITEMS), text);
            text.push(']');
        }
        Value::Map(map) if depth < DEPTH => {
            // A row is worth seeing whole: the width bounds it, not a count.
            text.push('{');
            for (at, (key, item)) in map.iter().take(8 * ITEMS).enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                text.push_str(key);
                text.push_str(": ");
                show(item, depth + 1, width, text);
            }
            more(map.len().saturating_sub(8 * ITEMS), text);
            text.push('}');
        }
        Value::List(items) => text.push_str(&format!("[{} items]", grouped(items.len()))),
        Value::Map(map) => text.push_str(&format!("{{{} keys}}", grouped(map.len()))),
        Value::Bytes(bytes) => text.push_str(&format!("<{} bytes>", grouped(bytes.len()))),
        Value::Array(array) => {
            let shape: Vec<String> = array.shape().iter().map(ToString::to_string).collect();
            text.push_str(&format!("<{} {}>", shape.join("x"), array.numbers().dtype()));
        }
        Value::Str(long) => {
            let quoted: String = long.chars().take(width).collect();
            text.push_str(&format!("{quoted:?}"));
        }
        Value::Float(number) => text.push_str(&format!("{number:?}")),
        other => text.push_str(&other.to_json().unwrap_or_default()),
    }
}

fn more(count: usize, text: &mut String) {
    if count > 0 {
        text.push_str(&format!(", … {} more", grouped(count)));
    }
}

/// A number with its digits in groups of three.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn long_lists_are_counted_and_begun() {
        let rows: Value = (0..1200).map(|i| value!({"i": (i as i64), "t": "x"})).collect();
        let text = shorten(&rows, 100);
        let want = r#"1,200 items: [{i: 0, t: "x"}, {i: 1, t: "x"}, {i: 2, t: "x"}, … 1,197 more]"#;
        assert_eq!(text, want);
    }

    #[test]
    fn a_text_keeps_its_lines() {
        assert_eq!(lines(&value!("a\n  b"), 80), ["a", "  b"]);
        let long = Value::from("x\n".repeat(20));
        assert_eq!(lines(&long, 80).last().map(String::as_str), Some("… 8 more lines"));
        assert_eq!(lines(&value!(""), 80), [] as [&str; 0]);
    }

    #[test]
    fn everything_fits_its_width() {
        let long = value!({"text": ("é".repeat(500)), "list": [[[[1]]]], "nan": (f64::NAN)});
        assert_eq!(shorten(&long, 30).chars().count(), 30);
        assert_eq!(shorten(&value!([[[[1, 2]]]]), 80), "[[[[2 items]]]]");
        assert_eq!(shorten(&value!("a\nb"), 80), "a b");
    }
}
