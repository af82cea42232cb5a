//! CSV (RFC 4180): comma-separated files to rows and back.

mod dialect;
mod reader;
mod rows;
mod table;
mod writer;

pub(super) use reader::CsvReader;
pub(super) use writer::CsvWriter;
