//! Statements at SQLite and at a server of PostgreSQL that the tests start.

mod bench;
mod bulk;
mod cancel;
mod failures;
mod limits;
mod pools;
mod queries;
mod server;
mod spec;
mod types;

use bench::{Bench, both};
