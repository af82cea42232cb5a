//! From a file's name to a document and a workflow.

use std::path::Path;

use kailash_core::{Registry, Result, Workflow, WorkflowBuilder, format::read, workflow::Document};

use super::{refusal::Refusal, source::Source};

/// Every node type of this build.
pub(super) fn registry() -> Result<Registry> {
    let mut registry = Registry::new();
    kailash_nodes::register_all(&mut registry)?;
    Ok(registry)
}

/// Reads the document in the file at `path`, or on stdin for `-`.
pub(super) fn document(path: &Path) -> Result<(Source, Document), Refusal> {
    let source = Source::read(path)?;
    match read(&source.text, source.syntax) {
        Ok(document) => Ok((source, document)),
        Err(issues) => Err(Refusal::in_source(source, issues)),
    }
}

/// Validates the document that `source` held.
pub(super) fn workflow(source: Source, document: Document) -> Result<(Source, Workflow), Refusal> {
    match WorkflowBuilder::from(document).build(&registry()?) {
        Ok(workflow) => Ok((source, workflow)),
        Err(issues) => Err(Refusal::in_source(source, issues)),
    }
}
