//! Inputs that once broke a law: found by fuzzing, kept so that they never do again.

use std::{fs, path::PathBuf};

use kailash_core::format::{Syntax, document_of, read, to_text, write};

#[test]
fn what_fuzzing_found_stays_repaired() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for syntax in [Syntax::Json, Syntax::Yaml] {
            let Ok(document) = read(&text, syntax) else { continue };
            let dialect = document.dialect;
            let written = write(&document, dialect).unwrap();
            assert_eq!(document_of(&written).unwrap(), document, "{}", path.display());
            for output in [Syntax::Json, Syntax::Yaml] {
                let text = to_text(&document, dialect, output).unwrap();
                assert_eq!(read(&text, output).unwrap(), document, "{}\n{text}", path.display());
            }
        }
    }
}
