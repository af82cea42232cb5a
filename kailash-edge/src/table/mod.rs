//! Keys and values in one file, sorted, written once and never changed: what a snapshot of replicated state is.
//!
//! ```text
//! │ header │ block block block ... │ index │ meta │ footer │
//!            └ entries in order of their keys, then a checksum
//! ```
//! The index tells the first key of each block and is all that is kept in memory, so that a table costs about one
//! hundredth of its size. Every byte is under a checksum; a table whose footer is missing was never finished. The layout
//! is that of the sorted string tables of Bigtable (F. Chang et al., OSDI 2006), without its levels.

mod block;
mod cursor;
mod layout;
mod merge;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use cursor::Cursor;
pub use merge::{Changes, merge};
pub use read::Table;
pub use write::TableWriter;
