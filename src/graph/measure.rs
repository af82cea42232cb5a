//! How wide a text will be, without a font at hand: by the usual widths of a sans-serif.

/// The width of `text` at `size` pixels.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// The part of `text` that is at most `most` pixels wide, with an ellipsis if that is not all.
pub(super) fn cut(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut room = most - advance('…') * size;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            room -= advance(*c) * size;
            room >= 0.0
        })
        .collect();
    kept.push('…');
    kept
}

fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '\'' | '|' | '!' | '.' | ',' | ':' | ';' => 0.29,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | ' ' | '-' | '/' => 0.38,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.9,
        'A'..='Z' | '_' | '<' | '>' | '=' | '+' | '→' => 0.68,
        '\0'..='\u{10ff}' => 0.57,
        _ => 1.05,
    }
}
