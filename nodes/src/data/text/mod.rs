//! Text files, and files as they are: raw bytes.

mod file_reader;
mod file_writer;
mod reader;
mod writer;

pub(super) use file_reader::FileReader;
pub(super) use file_writer::FileWriter;
pub(super) use reader::TextReader;
pub(super) use writer::TextWriter;
