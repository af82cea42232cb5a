//! `FileDiscovery`: files below a folder by name, size, age and kind, as a list or as a stream.

use kailash_core::{
    Error, Kind, Result, Value,
    exec::Timestamp,
    from_value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup,
        Source, Spec,
    },
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    pattern::check_configured,
    reader::patterns,
    scan::Query,
    search::{Discovering, Search, Wanted},
};
use crate::data::{
    files::WorkDir,
    stream::{FileSource, Held, Rows},
};

/// Finds files below a directory. Links to files count as files; links to directories are not followed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct FileDiscovery {
    /// How many levels of directories are looked into; 1 is the directory itself. Without it all of them.
    max_depth: Option<usize>,
    /// Whether files and directories whose name begins with a dot are looked at.
    include_hidden: bool,
    /// The least bytes a file has.
    min_size_bytes: u64,
    /// The most bytes a file has.
    max_size_bytes: Option<u64>,
    /// The kinds of files to find, such as csv, json or image; all, if there are none.
    types: Vec<String>,
    /// Whether a file is opened to see what kind it is by its first bytes; otherwise, and where they don't tell, its name
    /// says it.
    detect_content: bool,
    /// How many files there may be.
    max_files: usize,
}

impl Default for FileDiscovery {
    fn default() -> Self {
        Self {
            max_depth: None,
            include_hidden: false,
            min_size_bytes: 0,
            max_size_bytes: None,
            types: Vec::new(),
            detect_content: false,
            max_files: 100_000,
        }
    }
}

const DIRECTORY_PATH: usize = 0;
const PATTERNS: usize = 1;
const EXCLUDE_PATTERNS: usize = 2;
const MODIFIED_AFTER: usize = 3;
const MODIFIED_BEFORE: usize = 4;

impl NodeType for FileDiscovery {
    fn spec() -> Spec {
        Spec::new("FileDiscovery", "data", "Finds files below a directory by name, size, age and kind.")
            .inputs([
                Input::required("directory_path", Kind::Text, "The directory."),
                Input::with_default(
                    "patterns",
                    Kind::List,
                    Value::list(Vec::new()),
                    "Patterns of which a file's name must fit one, such as `*.csv`; one with `/` is for the path within the \
                     directory, such as `2026/**/*.csv`.",
                ),
                Input::with_default(
                    "exclude_patterns",
                    Kind::List,
                    Value::list(Vec::new()),
                    "Patterns of which a file must fit none.",
                ),
                Input::optional("modified_after", Kind::Text, "Only files changed at or after this time (RFC 3339)."),
                Input::optional("modified_before", Kind::Text, "Only files changed before this time (RFC 3339)."),
            ])
            .outputs([
                Output::new(
                    "files",
                    Kind::List,
                    "The files in order of their paths: maps of path, name, size (bytes), modified (RFC 3339) and type.",
                )
                .streaming(),
                Output::new("count", Kind::Int, "How many files there are."),
                Output::new("total_size", Kind::Int, "How many bytes they have together."),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if self.max_depth == Some(0) {
            let issue = Issue::error("directory.max_depth", "max_depth is 0").at("config.max_depth");
            setup.issues.push(issue.hint("1 is the directory itself"));
        }
        if self.max_size_bytes.is_some_and(|most| most < self.min_size_bytes) {
            let issue = Issue::error("directory.size", "max_size_bytes is less than min_size_bytes");
            setup.issues.push(issue.at("config.max_size_bytes"));
        }
        check_configured(setup, &["patterns", "exclude_patterns"]);
        for name in ["modified_after", "modified_before"] {
            if let Some(value @ Value::Str(_)) = setup.config.get(name) {
                time(value).map_err(|error| error.at(name))?;
            }
        }
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, this) = (WorkDir::of(cx), self.clone());
        let (stream_dir, streamed) = (dir.clone(), self.clone());
        let whole = move |inputs: Inputs, cx: Context| {
            let search = this.search(inputs, &dir);
            async move {
                let (query, wanted) = search?;
                let check = cx.clone();
                let (files, size) = cx
                    .blocking(move || {
                        let mut search = Search::new(query.walk()?, wanted, check);
                        let mut files = Vec::new();
                        while let Some(file) = search.next_row()? {
                            files.push(file);
                        }
                        Ok((files, search.size()))
                    })
                    .await?;
                let counts = [files.len().into(), size.into()];
                let outputs = [files.into()].into_iter().chain(counts).map(Some);
                Ok(Outcome::Done(outputs.collect::<Outputs>()))
            }
        };
        let source = move |inputs: Inputs, cx: &Context| {
            let (query, wanted) = streamed.search(inputs, &stream_dir)?;
            let cx = cx.clone();
            let rows = Held::closed(move || Ok(Search::new(query.walk()?, wanted, cx)));
            let files = FileSource { rows, port: 0 };
            Ok(Box::new(Discovering::new(files)) as Box<dyn Source>)
        };
        Ok(Body::future(whole).with_source(source))
    }
}

impl FileDiscovery {
    fn search(&self, mut inputs: Inputs, dir: &WorkDir) -> Result<(Query, Wanted)> {
        let given = |index: usize| inputs.get(index).filter(|value| !value.is_null());
        let wanted = Wanted {
            after: given(MODIFIED_AFTER).map(time).transpose()?,
            before: given(MODIFIED_BEFORE).map(time).transpose()?,
            least: self.min_size_bytes,
            most: self.max_size_bytes.unwrap_or(u64::MAX),
            types: self.types.clone(),
            by_content: self.detect_content,
        };
        let query = Query {
            directory: dir.checked(&inputs.text(DIRECTORY_PATH)?)?,
            depth: self.max_depth.unwrap_or(usize::MAX),
            include_hidden: self.include_hidden,
            patterns: patterns(&mut inputs, PATTERNS)?,
            exclude: patterns(&mut inputs, EXCLUDE_PATTERNS)?,
            max_files: self.max_files,
        };
        Ok((query, wanted))
    }
}

fn time(value: &Value) -> Result<Timestamp> {
    from_value(value).map_err(|_| {
        Error::invalid("directory.time", "that is no time").with_hint("write it as 2026-01-31T12:00:00Z")
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::{Duration, SystemTime},
    };

    use kailash_core::{Map, Services, testing::NodeTest, value};

    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("sub/deep")).unwrap();
        for (name, content, day) in [
            ("b.csv", &b"12345"[..], 1),
            ("a.csv", b"\x89PNG\r\n\x1a\n", 2),
            (".hidden", b"", 3),
            ("sub/c.json", b"{}", 4),
            ("sub/deep/d.csv", b"1", 5),
        ] {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400);
            File::open(&path).unwrap().set_modified(at).unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), dir.path().join("sub/loop")).unwrap();
        dir
    }

    fn node(dir: &tempfile::TempDir, config: Value) -> Result<NodeTest> {
        let services = Services::builder().with(WorkDir(dir.path().into())).unwrap().build();
        NodeTest::new::<FileDiscovery>(config, &services)
    }

    async fn find(dir: &tempfile::TempDir, config: Value) -> Result<Map> {
        node(dir, config)?.run(value!({"directory_path": "."})).await
    }

    fn names(files: &[Value]) -> Vec<&str> {
        files.iter().map(|file| file.get("name").and_then(Value::as_str).unwrap()).collect()
    }

    #[tokio::test]
    async fn files_are_found_by_name_depth_size_age_and_kind() {
        let dir = tree();
        for (config, expected) in [
            (value!({}), vec!["a.csv", "b.csv", "c.json", "d.csv"]),
            (value!({"include_hidden": true, "max_depth": 1}), vec![".hidden", "a.csv", "b.csv"]),
            (value!({"max_depth": 2, "patterns": ["*.csv", "*.json"]}), vec!["a.csv", "b.csv", "c.json"]),
            (value!({"patterns": ["sub/**"], "exclude_patterns": ["*.json"]}), vec!["d.csv"]),
            (value!({"min_size_bytes": 2, "max_size_bytes": 5}), vec!["b.csv", "c.json"]),
            (value!({"modified_after": "1970-01-03T00:00:00Z"}), vec!["a.csv", "c.json", "d.csv"]),
            (value!({"modified_before": "1970-01-03T00:00:00Z"}), vec!["b.csv"]),
            (value!({"types": ["CSV"]}), vec!["a.csv", "b.csv", "d.csv"]),
            (value!({"types": ["csv"], "detect_content": true}), vec!["b.csv", "d.csv"]),
            (value!({"types": ["image"], "detect_content": true}), vec!["a.csv"]),
        ] {
            let got = find(&dir, config.clone()).await.unwrap();
            assert_eq!(names(got.get("files").and_then(Value::as_list).unwrap()), expected, "{config:?}");
            assert_eq!(got.get("count"), Some(&value!(expected.len())));
        }
    }

    #[tokio::test]
    async fn a_file_is_told_with_its_path_size_time_and_kind() {
        let dir = tree();
        let got = find(&dir, value!({"patterns": ["b.csv"]})).await.unwrap();
        let expected = value!({
            "path": (dir.path().join("./b.csv").display().to_string()),
            "name": "b.csv", "size": 5, "modified": "1970-01-02T00:00:00Z", "type": "csv",
        });
        assert_eq!(got.get("files").and_then(Value::as_list).unwrap()[0], expected);
        assert_eq!(got.get("total_size"), Some(&value!(5)));
    }

    #[tokio::test]
    async fn a_stream_gives_what_the_whole_form_gives() {
        let dir = tree();
        for number in 0..3000 {
            fs::write(dir.path().join(format!("sub/n{number:04}")), "x").unwrap();
        }
        let whole = find(&dir, value!({})).await.unwrap();
        let given = value!({"directory_path": "."});
        let streamed = node(&dir, value!({})).unwrap().stream(given, vec![]).await.unwrap();
        assert_eq!(whole.get("files"), Some(&Value::list(streamed.items[0].clone())));
        for name in ["count", "total_size"] {
            assert_eq!(streamed.outputs.get(name), whole.get(name));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_searched_is_refused() {
        let dir = tree();
        let error = find(&dir, value!({"max_files": 3})).await.unwrap_err();
        assert_eq!(error.code(), "directory.max_files");
        let error = node(&dir, value!({"max_files": 3})).unwrap();
        let error = error.stream(value!({"directory_path": "."}), vec![]).await.unwrap_err();
        assert_eq!(error.code(), "directory.max_files");
        for (given, code) in [
            (value!({"directory_path": "none"}), "io.not_found"),
            (value!({"directory_path": "b.csv"}), "io.not_directory"),
            (value!({"directory_path": ""}), "file.path"),
            (value!({"directory_path": ".", "patterns": [1]}), "directory.pattern"),
            (value!({"directory_path": ".", "patterns": ["[bad"]}), "directory.pattern"),
            (value!({"directory_path": ".", "modified_after": "today"}), "directory.time"),
        ] {
            let error = node(&dir, value!({})).unwrap().run(given).await.unwrap_err();
            assert_eq!(error.code(), code);
        }
        for (config, code) in [
            (value!({"max_depth": 0}), "directory.max_depth"),
            (value!({"min_size_bytes": 2, "max_size_bytes": 1}), "directory.size"),
            (value!({"modified_before": "x"}), "directory.time"),
            (value!({"patterns": ["*.csv", "[bad"]}), "directory.pattern"),
            (value!({"exclude_patterns": ["{a,b"]}), "directory.pattern"),
        ] {
            let error = node(&dir, config).err().unwrap();
            assert!(error.message().contains(&format!("[{code}]")), "{error}");
        }
    }
}
