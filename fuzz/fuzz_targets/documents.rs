//! Documents from arbitrary text: reading and validating against the catalog never panic, and what was read survives
//! every form.

#![no_main]

use std::sync::LazyLock;

use kailash_core::{
    Registry, Value, WorkflowBuilder,
    format::{Syntax, document_of, locate, read, to_text, write},
    workflow::{Dialect, Document},
};
use libfuzzer_sys::fuzz_target;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::new();
    kailash_nodes::register_all(&mut registry).expect("an empty registry takes the catalog");
    registry
});

fn check(text: &str, syntax: Syntax) {
    match read(text, syntax) {
        Ok(document) => survives(text, syntax, document),
        Err(issues) => {
            for place in issues.0.iter().filter_map(|issue| issue.place.as_deref()) {
                std::hint::black_box(locate(text, syntax, place));
            }
        }
    }
}

fn survives(text: &str, syntax: Syntax, document: Document) {
    let dialect = document.dialect;
    let written = write(&document, dialect).expect("what was read can be written as it was");
    if syntax == Syntax::Json {
        assert_eq!(Value::from_json(text).ok().as_ref(), Some(&written), "nothing is lost");
    }
    assert_eq!(document_of(&written).as_ref(), Ok(&document), "the same is read again");
    for output in [Syntax::Json, Syntax::Yaml] {
        let text = match to_text(&document, dialect, output) {
            Ok(text) => text,
            Err(error) if error.code() == "document.limit" => continue,
            Err(error) => panic!("it has a text: {error}"),
        };
        match read(&text, output) {
            Ok(again) => assert_eq!(again, document, "the text says the same:\n{text}"),
            Err(issues) => panic!("the text is read again: {issues}\n{text}"),
        }
    }
    for other in [Dialect::Own, Dialect::Export, Dialect::Builder] {
        let Ok(value) = write(&document, other) else { continue };
        let again = document_of(&value).expect("what was written is read");
        if other == Dialect::Own {
            let back = write(&again, dialect).expect("it can be written as it was");
            assert_eq!(back, written, "our own form loses nothing");
        }
        assert_eq!(again.nodes.len(), document.nodes.len());
        assert_eq!(again.connections.len(), document.connections.len());
    }
    if let Err(issues) = WorkflowBuilder::from(document).build(&REGISTRY) {
        for place in issues.0.iter().filter_map(|issue| issue.place.as_deref()) {
            std::hint::black_box(locate(text, syntax, place));
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    check(text, Syntax::Json);
    check(text, Syntax::Yaml);
});
