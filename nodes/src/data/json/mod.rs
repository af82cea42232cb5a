//! JSON (RFC 8259) files and JSON Lines files, one value a line.

mod lines_reader;
mod lines_writer;
mod reader;
mod writer;

pub(super) use lines_reader::JsonLinesReader;
pub(super) use lines_writer::JsonLinesWriter;
pub(super) use reader::JsonReader;
pub(super) use writer::JsonWriter;
