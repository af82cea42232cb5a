//! Server-sent events out of bytes, as the HTML standard ("9.2 Server-sent events") reads them. Pure.

/// The most bytes of one message: a host's are far below.
const MAX: usize = 1 << 20;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Message {
    /// Its type; `message` if it names none.
    pub(in crate::cli) event: String,
    /// Its lines of data.
    pub(in crate::cli) data: String,
}

/// A message has more bytes than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct TooLong;

/// Takes bytes as they come and gives messages.
#[derive(Default)]
pub(in crate::cli) struct Parser {
    line: Vec<u8>,
    event: String,
    data: String,
    /// Whether a line has been read: a mark of byte order may stand before the first.
    begun: bool,
    /// Whether the last byte was a carriage return, so that a line feed behind it says nothing.
    returned: bool,
}

impl Parser {
    /// The messages that `bytes` complete.
    ///
    /// # Errors
    /// A message that is too long; the parser is of no more use then.
    pub(in crate::cli) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.returned, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => messages.extend(self.end_line()),
                _ if self.line.len() + self.data.len() >= MAX => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(messages)
    }

    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = if self.begun { &*line } else { line.trim_start_matches('\u{feff}') };
        self.begun = true;
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            // Comments keep the connection alive. A host does not send what was missed again, so ids say nothing here.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Message> {
        let (mut event, mut data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        data.pop()?;
        if event.is_empty() {
            "message".clone_into(&mut event);
        }
        Some(Message { event, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: &str, data: &str) -> Message {
        Message { event: event.into(), data: data.into() }
    }

    fn read(text: &str) -> Vec<Message> {
        Parser::default().feed(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_message_has_a_type_and_lines_of_data() {
        let text = "id: 7\nevent: run.started\ndata: {\"a\":1}\n\ndata: one\ndata:two\ndata:  three\n\n";
        assert_eq!(read(text), [message("run.started", "{\"a\":1}"), message("message", "one\ntwo\n three")]);
    }

    #[test]
    fn comments_unknown_fields_and_messages_without_data_say_nothing() {
        assert_eq!(
            read(": alive\n\nretry: 10\nevent: lost\n\nnonsense\ndata: kept\n\n"),
            [message("message", "kept")]
        );
        assert_eq!(read("data\n\n"), [message("message", "")], "a field without a colon has an empty value");
    }

    #[test]
    fn lines_may_end_in_each_of_three_ways_and_a_mark_of_byte_order_is_skipped() {
        assert_eq!(read("\u{feff}data: a\r\ndata: b\rdata: c\n\r\n"), [message("message", "a\nb\nc")]);
    }

    #[test]
    fn it_makes_no_difference_where_the_bytes_are_cut() {
        let text = "event: é\r\ndata: Grüße\r\n\r\ndata: 2\n\n: x\n\n";
        let whole = read(text);
        assert_eq!(whole.len(), 2);
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let parts = text.as_bytes().chunks(size).flat_map(|part| parser.feed(part).unwrap());
            assert_eq!(parts.collect::<Vec<_>>(), whole, "pieces of {size} bytes");
        }
    }

    #[test]
    fn what_is_not_ended_by_an_empty_line_is_no_message_yet() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(b"data: 1\n").unwrap(), []);
        assert_eq!(parser.feed(b"\n").unwrap(), [message("message", "1")]);
    }

    #[test]
    fn a_message_without_end_is_an_error_and_takes_no_more_memory() {
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "x".repeat(1000));
        let refused = (0..2000).find_map(|_| parser.feed(line.as_bytes()).err());
        assert_eq!(refused, Some(TooLong));
        assert!(parser.data.len() <= MAX);
        assert_eq!(Parser::default().feed(&vec![b'x'; MAX + 1]), Err(TooLong));
    }
}
