//! `CSVReader`: a CSV file to a list of rows, or to a stream of them.

use std::path::PathBuf;

use kailash_core::{
    Kind, Map, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup,
        Source, Spec,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    dialect::delimiter,
    rows::{CsvRows, Options},
};
use crate::data::{
    early,
    encoding::Encoding,
    files::{self, DEFAULT_MAX_BYTES, WorkDir},
    stream::{FileSource, Held, Rows},
};

/// Reads a CSV file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct CsvReader {
    /// Whether numbers, truth values and empty cells become typed values; otherwise every cell is text.
    infer_types: bool,
    /// The size in bytes above which a file is refused unless its rows leave over a stream connection.
    max_bytes: u64,
}

impl Default for CsvReader {
    fn default() -> Self {
        Self { infer_types: false, max_bytes: DEFAULT_MAX_BYTES }
    }
}

const FILE_PATH: usize = 0;
const HEADERS: usize = 1;
const DELIMITER: usize = 2;
const ENCODING: usize = 3;
const INDEX_COLUMN: usize = 4;

impl NodeType for CsvReader {
    fn spec() -> Spec {
        Spec::new("CSVReader", "data", "Reads the rows of a CSV file.")
            .inputs([
                Input::required("file_path", Kind::Text, "The file to read."),
                Input::with_default(
                    "headers",
                    Kind::Bool,
                    true,
                    "Whether the first line names the columns; then a row is a map, else a list.",
                ),
                Input::with_default("delimiter", Kind::Text, ",", "The character between two fields."),
                Input::with_default(
                    "encoding",
                    Kind::Text,
                    "utf-8",
                    "The text encoding: utf-8, utf-8-sig or latin-1.",
                ),
                Input::optional(
                    "index_column",
                    Kind::Text,
                    "The column whose text is the key of `data_indexed`; needs headers.",
                ),
            ])
            .outputs([
                Output::new(
                    "data",
                    Kind::List,
                    "The rows: maps of column to text, or without headers lists of text.",
                )
                .streaming(),
                Output::new(
                    "data_indexed",
                    Kind::Map,
                    "The rows by the text of `index_column`; only with that and not over stream connections.",
                ),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        early::check(setup, "delimiter", delimiter)?;
        early::check(setup, "encoding", str::parse::<Encoding>)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, infer_types, max_bytes) = (WorkDir::of(cx), self.infer_types, self.max_bytes);
        let stream_dir = dir.clone();
        let whole = move |inputs: Inputs, cx: Context| {
            let request = Request::new(inputs, &dir, infer_types);
            async move {
                let (request, check) = (request?, cx.clone());
                cx.blocking(move || request.read(max_bytes, &check)).await
            }
        };
        let source = move |inputs: Inputs, _: &Context| {
            let Request { path, options, index } = Request::new(inputs, &stream_dir, infer_types)?;
            if index.is_some() {
                return Err(kailash_core::Error::invalid(
                    "csv.index_stream",
                    "`data_indexed` holds all rows and cannot be made while `data` is streamed",
                )
                .with_hint("leave `index_column` out"));
            }
            let rows = Held::closed(move || CsvRows::new(files::open(&path)?, &path, options));
            Ok(Box::new(FileSource { rows, port: 0 }) as Box<dyn Source>)
        };
        Ok(Body::future(whole).with_source(source))
    }
}

/// What one run asks for.
struct Request {
    path: PathBuf,
    options: Options,
    index: Option<String>,
}

impl Request {
    fn new(mut inputs: Inputs, dir: &WorkDir, infer_types: bool) -> Result<Self> {
        let path = dir.checked(&inputs.text(FILE_PATH)?)?;
        let index = match inputs.get(INDEX_COLUMN) {
            None | Some(Value::Null) => None,
            Some(_) => Some(inputs.text(INDEX_COLUMN)?.as_str().to_owned()),
        };
        let options = Options {
            headers: inputs.bool(HEADERS)?.unwrap_or(true),
            delimiter: delimiter(&inputs.text(DELIMITER)?)?,
            encoding: inputs.text(ENCODING)?.parse()?,
            infer_types,
        };
        Ok(Self { path, options, index })
    }

    fn read(self, max_bytes: u64, cx: &Context) -> Result<Outcome> {
        let file = files::open_bounded(&self.path, max_bytes)?;
        let rows = CsvRows::new(file, &self.path, self.options)?;
        let Some(index) = self.index else {
            return Ok(Outputs::one(rows.all(cx)?).into());
        };
        let (data, indexed) = read_indexed(rows, &index, cx)?;
        let mut outputs = Outputs::one(data);
        outputs.set(1, indexed);
        Ok(outputs.into())
    }
}

fn read_indexed(mut rows: CsvRows, index: &str, cx: &Context) -> Result<(Vec<Value>, Map)> {
    let column = rows.column(index)?;
    let (mut data, mut indexed) = (Vec::new(), Map::new());
    while let Some(row) = rows.next_row()? {
        let key = rows.cell(column)?;
        if indexed.insert(&key, row.clone()).is_some() {
            let message = format!("`{key}` stands twice in index column `{index}`");
            return Err(rows.error("csv.index", message));
        }
        data.push(row);
        if data.len() % 1024 == 0 {
            cx.check()?;
        }
    }
    Ok((data, indexed))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use kailash_core::{Error, Services, testing::NodeTest, value};

    use super::*;

    fn file(content: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_ref()).unwrap();
        file
    }

    fn node(config: Value) -> NodeTest {
        NodeTest::new::<CsvReader>(config, &Services::default()).unwrap()
    }

    async fn read(content: impl AsRef<[u8]>, mut given: Value) -> Result<Map> {
        let file = file(content);
        if let Value::Map(map) = &mut given {
            std::sync::Arc::make_mut(map).insert("file_path", file.path().to_str().unwrap());
        }
        node(value!({})).run(given).await
    }

    async fn refused(content: impl AsRef<[u8]>, given: Value) -> Error {
        read(content, given).await.unwrap_err()
    }

    fn line(error: &Error) -> &str {
        error.place().unwrap().rsplit("line ").next().unwrap()
    }

    #[tokio::test]
    async fn rows_are_maps_of_column_to_text() {
        let got = read("id,name,value\n1,a,10\n2,b,20\n3,c,5\n", value!({})).await.unwrap();
        let rows = value!([
            {"id": "1", "name": "a", "value": "10"},
            {"id": "2", "name": "b", "value": "20"},
            {"id": "3", "name": "c", "value": "5"},
        ]);
        assert_eq!(got.get("data"), Some(&rows));
        assert!(!got.contains_key("data_indexed"));
    }

    #[tokio::test]
    async fn without_headers_rows_are_lists_of_text() {
        let given = value!({"headers": false, "delimiter": ";"});
        let got = read("a;\"b;\"\"c\"\n\n1;2\n", given).await.unwrap();
        assert_eq!(got.get("data"), Some(&value!([["a", "b;\"c"], ["1", "2"]])));
        let empty = read("", value!({"headers": false})).await.unwrap();
        assert_eq!(empty.get("data"), Some(&value!([])));
    }

    #[tokio::test]
    async fn an_index_column_gives_the_rows_by_its_text() {
        let given = value!({"index_column": "id"});
        let got = read("id,v\n1,a\n2,b\n", given.clone()).await.unwrap();
        let indexed = value!({"1": {"id": "1", "v": "a"}, "2": {"id": "2", "v": "b"}});
        assert_eq!(got.get("data_indexed"), Some(&indexed));
        let error = refused("id,v\n1,a\n1,b\n", given.clone()).await;
        assert_eq!((error.code(), line(&error)), ("csv.index", "3"));
        let error = refused("ids,v\n1,a\n", given).await;
        assert_eq!((error.code(), error.hint()), ("csv.column", Some("did you mean `ids`?")));
    }

    #[tokio::test]
    async fn types_are_inferred_only_when_asked() {
        let file = file("a,b,c\n1,true,007\n,x,1.5\n");
        let config = value!({"infer_types": true, "file_path": (file.path().to_str().unwrap())});
        let got = node(config).run(value!({})).await.unwrap();
        let rows = value!([{"a": 1, "b": true, "c": "007"}, {"a": null, "b": "x", "c": 1.5}]);
        assert_eq!(got.get("data"), Some(&rows));
    }

    #[tokio::test]
    async fn a_byte_order_mark_is_skipped_and_latin_1_is_read() {
        let got = read(b"\xef\xbb\xbfid\n1\n", value!({})).await.unwrap();
        assert_eq!(got.get("data"), Some(&value!([{"id": "1"}])));
        let got = read(b"id\ncaf\xe9\n", value!({"encoding": "latin-1"})).await.unwrap();
        assert_eq!(got.get("data"), Some(&value!([{"id": "café"}])));
    }

    #[tokio::test]
    async fn a_bad_row_is_named_by_its_line() {
        let error = refused("a,b\n1,2\n3\n", value!({})).await;
        assert_eq!((error.code(), line(&error)), ("csv.row", "3"));
        assert_eq!(error.message(), "the row has 1 fields, the header 2");
        let error = refused(b"a,b\n1,2\n3,\xff\n", value!({})).await;
        assert_eq!((error.code(), line(&error)), ("csv.utf8", "3"));
        assert_eq!(error.message(), "column `b` is not UTF-8");
        let error = refused("a,a\n1,2\n", value!({})).await;
        assert_eq!((error.code(), line(&error)), ("csv.header", "1"));
    }

    #[tokio::test]
    async fn an_empty_a_missing_and_an_oversized_file_are_refused() {
        assert_eq!(refused("", value!({})).await.code(), "csv.empty");
        let missing = node(value!({})).run(value!({"file_path": "/no/such.csv"})).await.unwrap_err();
        assert_eq!(missing.code(), "io.not_found");
        let directory = node(value!({})).run(value!({"file_path": "/"})).await.unwrap_err();
        assert_eq!(directory.code(), "io.is_directory");
        let file = file("a\n1\n");
        let config = value!({"max_bytes": 3, "file_path": (file.path().to_str().unwrap())});
        assert_eq!(node(config).run(value!({})).await.unwrap_err().code(), "file.too_large");
        assert_eq!(refused("a\n", value!({"delimiter": ""})).await.code(), "csv.delimiter");
        assert_eq!(refused("a\n", value!({"encoding": "utf-7"})).await.code(), "text.encoding");
    }

    #[tokio::test]
    async fn a_quote_never_closed_does_not_take_all_memory() {
        let mut content = b"a\n1\n\"".to_vec();
        content.resize(20 << 20, b'x');
        let error = refused(&content, value!({})).await;
        assert_eq!((error.code(), line(&error)), ("csv.row_size", "3"));
    }

    #[tokio::test]
    async fn a_stream_gives_the_same_rows_whose_keys_are_shared() {
        let body: String = (0..5000).map(|i| format!("{i},x{i}\n")).collect();
        let file = file(format!("id,a name that is too long to be stored in place\n{body}"));
        let given = value!({"file_path": (file.path().to_str().unwrap())});
        let whole = node(value!({})).run(given.clone()).await.unwrap();
        let streamed = node(value!({})).stream(given, vec![]).await.unwrap();
        assert_eq!(whole.get("data"), Some(&Value::list(streamed.items[0].clone())));
        let key = |i: usize| streamed.items[0][i].as_map().unwrap().keys().nth(1).unwrap().as_ptr();
        assert_eq!(key(0), key(4999));
    }

    #[tokio::test]
    async fn a_stream_cannot_index() {
        let given = value!({"file_path": "x.csv", "index_column": "id"});
        let error = node(value!({})).stream(given, vec![]).await.unwrap_err();
        assert_eq!(error.code(), "csv.index_stream");
    }

    #[tokio::test]
    async fn relative_paths_start_from_the_hosts_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("in.csv"), "a\n1\n").unwrap();
        let services = Services::builder().with(WorkDir(dir.path().into())).unwrap().build();
        let node = NodeTest::new::<CsvReader>(value!({"file_path": "in.csv"}), &services).unwrap();
        let got = node.run(value!({})).await.unwrap();
        assert_eq!(got.get("data"), Some(&value!([{"a": "1"}])));
    }
}
