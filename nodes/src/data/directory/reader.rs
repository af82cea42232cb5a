//! `DirectoryReader`: the files of a directory, by type and with their sizes.

use kailash_core::{
    Kind, Map, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
    },
    value,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    pattern::{check_configured, pattern},
    scan::{Found, Query},
};
use crate::data::files::WorkDir;

/// Lists the files of a directory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct DirectoryReader {
    /// How many files there may be.
    max_files: usize,
}

impl Default for DirectoryReader {
    fn default() -> Self {
        Self { max_files: 100_000 }
    }
}

const DIRECTORY_PATH: usize = 0;
const RECURSIVE: usize = 1;
const FILE_PATTERNS: usize = 2;
const EXCLUDE_PATTERNS: usize = 3;
const INCLUDE_HIDDEN: usize = 4;
const PATTERN: usize = 5;

impl NodeType for DirectoryReader {
    fn spec() -> Spec {
        let patterns = "Patterns of which a file's name must fit one, such as `*.csv`; `*`, `?`, `[a-z]`, `{a,b}`. \
                        One with `/` is for the path within the directory.";
        Spec::new("DirectoryReader", "data", "Lists the files of a directory.")
            .inputs([
                Input::required("directory_path", Kind::Text, "The directory."),
                Input::with_default("recursive", Kind::Bool, false, "Whether directories in it are listed too."),
                Input::with_default("file_patterns", Kind::List, Value::list(Vec::new()), patterns),
                Input::with_default(
                    "exclude_patterns",
                    Kind::List,
                    Value::list(Vec::new()),
                    "Patterns of which a file must fit none.",
                ),
                Input::with_default(
                    "include_hidden",
                    Kind::Bool,
                    false,
                    "Whether files and directories whose name begins with a dot are listed.",
                ),
                Input::optional("pattern", Kind::Text, "One more of `file_patterns`."),
            ])
            .outputs([
                Output::new(
                    "discovered_files",
                    Kind::List,
                    "The files by path: maps of file_path, file_name, file_type, file_extension, file_size (bytes) \
                     and modified_time (RFC 3339).",
                ),
                Output::new("files_by_type", Kind::Map, "The same maps in lists by `file_type`."),
                Output::new(
                    "directory_stats",
                    Kind::Map,
                    "Total_files, total_size (bytes), file_types, files_by_type_count, directory_path, recursive.",
                ),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        check_configured(setup, &["file_patterns", "pattern", "exclude_patterns"]);
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, max_files) = (WorkDir::of(cx), self.max_files);
        Ok(Body::future(move |mut inputs: Inputs, cx: Context| {
            let dir = dir.clone();
            async move {
                let given = inputs.value(DIRECTORY_PATH)?;
                let recursive = inputs.bool(RECURSIVE)?.unwrap_or(false);
                let mut patterns = patterns(&mut inputs, FILE_PATTERNS)?;
                if let Some(one @ Value::Str(_)) = inputs.get(PATTERN) {
                    patterns.push(pattern(one)?.to_owned());
                }
                let query = Query {
                    directory: dir.checked(given.as_str().unwrap_or_default())?,
                    depth: if recursive { usize::MAX } else { 1 },
                    include_hidden: inputs.bool(INCLUDE_HIDDEN)?.unwrap_or(false),
                    patterns,
                    exclude: self::patterns(&mut inputs, EXCLUDE_PATTERNS)?,
                    max_files,
                };
                let check = cx.clone();
                let found = cx.blocking(move || query.scan(&check)).await?;
                Ok(Outcome::Done(outputs(&found, given, recursive)))
            }
        }))
    }
}

pub(super) fn patterns(inputs: &mut Inputs, index: usize) -> Result<Vec<String>> {
    inputs.list(index)?.iter().map(|given| pattern(given).map(str::to_owned)).collect()
}

fn outputs(found: &[Found], directory: Value, recursive: bool) -> Outputs {
    let mut types: Vec<(&'static str, Vec<Value>)> = Vec::new();
    for file in found {
        match types.iter_mut().find(|(kind, _)| *kind == file.kind) {
            Some((_, files)) => files.push(file.info.clone()),
            None => types.push((file.kind, vec![file.info.clone()])),
        }
    }
    let counts: Map = types.iter().map(|(kind, files)| ((*kind).into(), files.len().into())).collect();
    let names: Value = types.iter().map(|(kind, _)| Value::from(*kind)).collect();
    let stats = value!({
        "total_files": (found.len()),
        "total_size": (found.iter().map(|file| file.size).sum::<u64>()),
        "file_types": names,
        "files_by_type_count": counts,
        "directory_path": directory,
        "recursive": recursive,
    });
    let files: Value = found.iter().map(|file| file.info.clone()).collect();
    let by_type: Map = types.into_iter().map(|(kind, files)| (kind.into(), files.into())).collect();
    [Some(files), Some(by_type.into()), Some(stats)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use kailash_core::{Services, testing::NodeTest};

    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("sub/deep")).unwrap();
        fs::create_dir(dir.path().join(".git")).unwrap();
        for (name, content) in [
            ("b.csv", "12"),
            ("a.JSON", "3"),
            (".hidden", ""),
            ("sub/c.csv", "4"),
            ("sub/deep/d.csv", "5"),
            (".git/x", ""),
        ] {
            fs::write(dir.path().join(name), content).unwrap();
        }
        dir
    }

    async fn list(dir: &tempfile::TempDir, config: Value) -> Result<Map> {
        let services = Services::builder().with(WorkDir(dir.path().into())).unwrap().build();
        NodeTest::new::<DirectoryReader>(config, &services)?.run(value!({"directory_path": "."})).await
    }

    async fn names(dir: &tempfile::TempDir, config: Value) -> Vec<String> {
        let got = list(dir, config).await.unwrap();
        let files = got.get("discovered_files").and_then(Value::as_list).unwrap().iter();
        files.map(|file| file.get("file_name").and_then(Value::as_str).unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn files_are_listed_by_path_with_type_and_size() {
        let dir = tree();
        let got = list(&dir, value!({})).await.unwrap();
        let first = got.get("discovered_files").and_then(Value::as_list).unwrap()[0].clone();
        assert_eq!(first.get("file_name"), Some(&value!("a.JSON")));
        assert_eq!(first.get("file_type"), Some(&value!("json")));
        assert_eq!(first.get("file_extension"), Some(&value!(".json")));
        let modified = first.get("modified_time").and_then(Value::as_str).unwrap();
        assert!(modified.starts_with("20") && modified.ends_with('Z'), "{modified}");
        let stats = value!({
            "total_files": 2, "total_size": 3, "file_types": ["json", "csv"],
            "files_by_type_count": {"json": 1, "csv": 1}, "directory_path": ".", "recursive": false,
        });
        assert_eq!(got.get("directory_stats"), Some(&stats));
        let csv = got.get("files_by_type").and_then(|types| types.get("csv")).and_then(Value::as_list);
        assert_eq!(csv.map(<[Value]>::len), Some(1));
    }

    #[tokio::test]
    async fn patterns_choose_and_hidden_files_need_a_word() {
        let dir = tree();
        assert_eq!(names(&dir, value!({"file_patterns": ["*.csv", "?.txt"]})).await, ["b.csv"]);
        assert_eq!(names(&dir, value!({"pattern": "a.*"})).await, ["a.JSON"]);
        assert_eq!(names(&dir, value!({"exclude_patterns": ["*.csv"]})).await, ["a.JSON"]);
        let csv = value!({"recursive": true, "pattern": "*.csv"});
        assert_eq!(names(&dir, csv).await, ["b.csv", "c.csv", "d.csv"]);
        assert_eq!(names(&dir, value!({"recursive": true, "pattern": "sub/*.csv"})).await, ["c.csv"]);
        let hidden = value!({"recursive": true, "include_hidden": true, "exclude_patterns": ["*.*"]});
        assert_eq!(names(&dir, hidden).await, ["x"]);
        assert_eq!(names(&dir, value!({"include_hidden": true, "pattern": ".h*"})).await, [".hidden"]);
    }

    #[tokio::test]
    async fn a_loop_of_links_ends() {
        let dir = tree();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("sub/loop")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("b.csv"), dir.path().join("link.csv")).unwrap();
        let csv = value!({"recursive": true, "pattern": "*.csv"});
        assert_eq!(names(&dir, csv).await, ["b.csv", "link.csv", "c.csv", "d.csv"]);
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let dir = tree();
        let error = list(&dir, value!({"max_files": 1})).await.unwrap_err();
        assert_eq!(error.code(), "directory.max_files");
        for wrong in [value!({"file_patterns": [1]}), value!({"pattern": "[bad"})] {
            let error = list(&dir, wrong).await.unwrap_err();
            assert!(error.message().contains("[directory.pattern]"), "{error}");
        }
        let node = NodeTest::new::<DirectoryReader>(value!({}), &Services::default()).unwrap();
        let file = dir.path().join("b.csv");
        for (path, code) in
            [("/no/such", "io.not_found"), (file.to_str().unwrap(), "io.not_directory"), ("", "file.path")]
        {
            let error = node.run(value!({"directory_path": path})).await.unwrap_err();
            assert_eq!(error.code(), code);
        }
    }
}
