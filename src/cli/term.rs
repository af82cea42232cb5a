//! The terminal: handles to write through, its width, and colours where somebody sees them.

use std::{
    borrow::Cow,
    fmt::{Display, Write},
    io::{self, BufWriter, IsTerminal, StderrLock, StdoutLock},
};

/// Stdout, to be flushed when done.
pub(super) fn out() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Stderr.
pub(super) fn err() -> StderrLock<'static> {
    io::stderr().lock()
}

/// The width of the terminal that stdout is, in columns; 100 where it is none.
pub(super) fn width() -> usize {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map_or(100, |(width, _)| usize::from(width.0)).clamp(40, 400)
}

/// Colours, or none: only on a terminal, and not where NO_COLOR is set (no-color.org).
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(bool);

macro_rules! styles {
    ($($(#[$doc:meta])* $name:ident $code:literal;)*) => {$(
        $(#[$doc])*
        pub(super) fn $name(self, text: impl Display) -> String {
            if self.0 { format!(concat!("\x1b[", $code, "m{}\x1b[0m"), text) } else { text.to_string() }
        }
    )*};
}

impl Paint {
    /// For text on stdout.
    pub(super) fn stdout() -> Self {
        Self(io::stdout().is_terminal() && wanted())
    }

    /// For text on stderr.
    pub(super) fn stderr() -> Self {
        Self(io::stderr().is_terminal() && wanted())
    }

    /// No colours.
    #[cfg(test)]
    pub(super) const fn none() -> Self {
        Self(false)
    }

    /// Whether there are colours.
    pub(super) fn is_on(self) -> bool {
        self.0
    }

    styles! {
        /// Bold.
        bold "1";
        /// For what matters less.
        dim "2";
        /// For errors.
        red "1;31";
        /// For what went well.
        green "32";
        /// For warnings.
        yellow "33";
        /// For places and names.
        cyan "36";
    }
}

fn wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// `text` with its control characters made visible, so that no document can steer a terminal. Newlines and tabs stay.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        return text.into();
    }
    let mut cleaned = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if harmless(c) {
            cleaned.push(c);
        } else {
            let written = write!(cleaned, "{}", c.escape_unicode());
            debug_assert!(written.is_ok(), "a string takes everything");
        }
    }
    cleaned.into()
}

/// `text` in one line of at most `width` characters.
pub(super) fn one_line(text: &str, width: usize) -> String {
    let cleaned = clean(text);
    let mut line: String =
        cleaned.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).take(width + 1).collect();
    if line.chars().count() > width {
        line = line.chars().take(width.saturating_sub(1)).collect();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(clean("a\x1b[31mb\tc"), "a\\u{1b}[31mb\tc");
        assert_eq!(one_line("a\nb\u{7}", 80), "a b\\u{7}");
    }

    #[test]
    fn a_long_line_ends_in_an_ellipsis() {
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("abcd", 4), "abcd");
    }
}
