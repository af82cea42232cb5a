//! Nodes that read, change and write data: files in and out, lists filtered, mapped, sorted, aggregated.

mod atomic;
pub mod compare;
mod csv;
mod directory;
mod early;
mod encoding;
mod files;
mod json;
mod lines;
mod list;
mod stream;
mod text;

pub use atomic::AtomicFile;
pub use files::WorkDir;
use kailash_core::{Registry, Result};

/// Registers every type of the family.
///
/// # Errors
/// Kind `Conflict` if a name is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<csv::CsvReader>()?;
    registry.register::<csv::CsvWriter>()?;
    registry.register::<json::JsonReader>()?;
    registry.register::<json::JsonWriter>()?;
    registry.register::<json::JsonLinesReader>()?;
    registry.register::<json::JsonLinesWriter>()?;
    registry.register::<text::TextReader>()?;
    registry.register::<text::TextWriter>()?;
    registry.register::<text::FileReader>()?;
    registry.register::<text::FileWriter>()?;
    registry.register::<directory::DirectoryReader>()?;
    registry.register::<directory::FileDiscovery>()?;
    registry.register::<list::Filter>()?;
    registry.register::<list::MapItems>()?;
    registry.register::<list::Sort>()?;
    registry.register::<list::Aggregate>()?;
    registry.register::<list::Window>()
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, Value, testing::NodeTest, value};

    use super::*;

    #[test]
    fn every_type_is_found_by_its_names_and_documents_all_its_parameters() {
        let mut registry = Registry::new();
        register(&mut registry).unwrap();
        for name in
            ["CSVReaderNode", "JSONWriter", "TextWriterNode", "DirectoryReaderNode", "FilterNode", "Sort"]
        {
            assert!(registry.get(name).is_ok(), "{name}");
        }
        for this in registry.types() {
            assert_eq!(this.spec().category, "data");
            for (name, property) in this.schema()["properties"].as_object().unwrap() {
                let doc = property["description"].as_str().unwrap_or_default();
                assert!(!doc.is_empty(), "{}.{name} has no description", this.spec().name);
            }
        }
    }

    #[tokio::test]
    async fn a_csv_file_is_filtered_into_a_json_file_as_kailash_users_know_it() {
        let mut registry = Registry::new();
        register(&mut registry).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("in.csv"), "id,name,value\n1,a,10\n2,b,20\n3,c,5\n").unwrap();
        let services = Services::builder().with(WorkDir(dir.path().into())).unwrap().build();
        let node = |name: &str, config: Value| {
            NodeTest::from_registry(&registry, name, config, &services, &[]).unwrap()
        };
        let reader = value!({"file_path": "in.csv", "headers": true, "delimiter": ","});
        let read = node("CSVReaderNode", reader).run(value!({})).await.unwrap();
        let filter = node("FilterNode", value!({"field": "value", "operator": ">=", "value": 10}));
        let kept = filter.run(value!({"data": (read.get("data").cloned())})).await.unwrap();
        let writer = node("JSONWriterNode", value!({"file_path": "out.json", "indent": 2}));
        let kept = kept.get("filtered_data").cloned();
        let written = writer.run(value!({"data": (kept.clone())})).await.unwrap();
        assert_eq!(Value::from(written), value!({"file_path": "out.json"}));
        let expected =
            value!([{"id": "1", "name": "a", "value": "10"}, {"id": "2", "name": "b", "value": "20"}]);
        assert_eq!(kept, Some(expected.clone()));
        let back = node("JSONReaderNode", value!({"file_path": "out.json"})).run(value!({})).await.unwrap();
        let sort = node("Sort", value!({"field": "value", "reverse": false}));
        let sorted = sort.run(value!({"data": (back.get("data").cloned())})).await.unwrap();
        assert_eq!(sorted.get("sorted_data"), Some(&expected));
    }
}
