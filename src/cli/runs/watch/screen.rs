//! A screen of the terminal's own, drawn anew in place; the one before comes back when it is closed.

use std::io::{self, Stdout, Write};

/// The alternate screen, no cursor, and no line that runs over into the next.
const OPEN: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const CLOSE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// What stands between both is shown at once, where the terminal knows it (mode 2026).
const BEGIN: &str = "\x1b[?2026h\x1b[H";
const END: &str = "\x1b[J\x1b[?2026l";

/// The screen, as long as it lives.
pub(super) struct Screen {
    out: Stdout,
    /// What is shown.
    last: String,
}

impl Screen {
    /// Opens it.
    ///
    /// # Errors
    /// A terminal that is gone.
    pub(super) fn open() -> io::Result<Self> {
        let mut screen = Self { out: io::stdout(), last: String::new() };
        screen.write(OPEN)?;
        Ok(screen)
    }

    /// Its size in columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        let size = terminal_size::terminal_size_of(&self.out);
        size.map_or((100, 30), |(width, height)| (usize::from(width.0), usize::from(height.0)))
    }

    /// Shows `lines` and nothing else. What was shown already is not written again.
    ///
    /// # Errors
    /// A terminal that is gone.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let frame = frame(lines);
        if frame == self.last {
            return Ok(());
        }
        self.write(&frame)?;
        self.last = frame;
        Ok(())
    }

    /// Forgets what is shown, because the terminal may have another size.
    pub(super) fn resized(&mut self) {
        self.last.clear();
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        drop(self.write(CLOSE));
    }
}

/// What is written for `lines`. Each is cleared behind its end and not before it, so that nothing flickers.
fn frame(lines: &[String]) -> String {
    let mut frame = BEGIN.to_owned();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            frame.push_str("\r\n");
        }
        frame.push_str(line);
        frame.push_str("\x1b[K");
    }
    frame.push_str(END);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_drawn_in_place_and_clears_only_what_it_leaves_over() {
        let frame = frame(&["one".into(), "two".into()]);
        assert_eq!(frame, "\x1b[?2026h\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J\x1b[?2026l");
    }
}
