//! The OpenAPI document of the API.
//!
//! ```text
//! system nodes workflows execute runs events cluster ──(paths, schemas)──> document ──> GET /openapi.json
//! ```

mod cluster;
mod document;
mod events;
mod execute;
mod nodes;
mod operation;
mod runs;
mod schemas;
mod system;
#[cfg(test)]
mod tests;
mod workflows;

pub(super) use document::answer;
