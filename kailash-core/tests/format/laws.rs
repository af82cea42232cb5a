//! Laws that hold for any document.

use kailash_core::{
    Value,
    format::{Syntax, document_of, locate, read, to_text, write},
    workflow::Dialect,
};
use proptest::prelude::*;

use crate::strategies::{document, text, value};

/// A value that is nearly a document, so that readers get far.
fn nearly() -> impl Strategy<Value = Value> {
    let dialects = prop::sample::select(vec![Dialect::Own, Dialect::Export, Dialect::Builder]);
    let written = dialects.prop_flat_map(|dialect| {
        document(dialect).prop_filter_map("has a form", move |document| write(&document, dialect).ok())
    });
    (written, text(), value(), any::<bool>()).prop_map(|(written, key, extra, change)| {
        let mut map = written.into_map().unwrap();
        if change {
            map.insert(key, extra);
        }
        map.into()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_document_written_in_our_own_form_is_read_back_equal(document in document(Dialect::Own)) {
        let written = write(&document, Dialect::Own).unwrap();
        prop_assert_eq!(document_of(&written).unwrap(), document);
    }

    #[test]
    fn json_and_yaml_carry_the_same_document(document in document(Dialect::Own)) {
        let json = to_text(&document, Dialect::Own, Syntax::Json).unwrap();
        prop_assert_eq!(&read(&json, Syntax::Json).unwrap(), &document);
        let yaml = to_text(&document, Dialect::Own, Syntax::Yaml).unwrap();
        let from_yaml = read(&yaml, Syntax::Yaml);
        prop_assert!(from_yaml.is_ok(), "{yaml}\n{:?}", from_yaml);
        prop_assert_eq!(&from_yaml.unwrap(), &document, "{}", yaml);
    }

    #[test]
    fn whatever_is_read_is_written_as_it_was(value in nearly()) {
        let Ok(document) = document_of(&value) else { return Ok(()) };
        prop_assert_eq!(&write(&document, document.dialect).unwrap(), &value);
        let own = write(&document, Dialect::Own).unwrap();
        let back = document_of(&own).unwrap();
        prop_assert_eq!(&write(&back, document.dialect).unwrap(), &value, "by way of {:?}", own);
    }

    #[test]
    fn every_place_is_found_or_not_without_panicking(text in ".{0,60}", place in "[a-z.\\[\\]0-9]{0,12}") {
        for syntax in [Syntax::Json, Syntax::Yaml] {
            prop_assert!(locate(&text, syntax, &place).is_none_or(|at| at.line > 0 && at.column > 0));
            drop(read(&text, syntax));
        }
    }
}
