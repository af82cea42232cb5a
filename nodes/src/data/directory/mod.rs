//! Directories listed.

mod reader;
mod scan;

pub(super) use reader::DirectoryReader;
