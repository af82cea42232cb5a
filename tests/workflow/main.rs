//! Workflows end to end through the public API: real documents, real data.

mod big_file;
mod samples;
