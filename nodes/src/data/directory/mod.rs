//! Directories listed and searched.

mod content;
mod discovery;
mod pattern;
mod reader;
mod scan;
mod search;

pub(super) use discovery::FileDiscovery;
pub(super) use reader::DirectoryReader;
