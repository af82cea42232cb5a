//! A text that was read, with the name that messages call it by.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use kailash_core::{
    Error,
    format::{MAX_TEXT, Position, Syntax, locate},
    nearest,
    validate::Issue,
};

use super::refusal::Refusal;

/// A text and where it came from.
#[derive(Debug)]
pub(super) struct Source {
    /// The file's path as it was given, or `<stdin>`.
    pub(super) name: String,
    /// The text.
    pub(super) text: String,
    /// How it is written.
    pub(super) syntax: Syntax,
}

impl Source {
    /// Reads a file, or stdin for `-`.
    ///
    /// # Errors
    /// A file that cannot be read, is no UTF-8 or is longer than a document may be.
    pub(super) fn read(path: &Path) -> Result<Self, Refusal> {
        let stdin = path.as_os_str() == "-";
        let name = if stdin { "<stdin>".to_owned() } else { path.display().to_string() };
        let read = if stdin { bounded(io::stdin().lock()) } else { File::open(path).and_then(bounded) };
        let bytes = read.map_err(|error| Refusal::named(&name, unreadable(path, error)))?;
        if bytes.len() > MAX_TEXT {
            let message = format!("the file is longer than {} MiB", MAX_TEXT >> 20);
            return Err(Refusal::named(&name, Issue::error("document.limit", message)));
        }
        let text = String::from_utf8(bytes).map_err(|error| Refusal::named(&name, not_utf8(&error)))?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let syntax = match stdin || path.extension().is_none() {
            true if !text.trim_start().starts_with(['{', '[']) => Syntax::Yaml,
            true => Syntax::Json,
            false => Syntax::of_path(path),
        };
        Ok(Self { name, text, syntax })
    }

    /// Where `place` stands in the text.
    pub(super) fn position(&self, place: &str) -> Option<Position> {
        locate(&self.text, self.syntax, place)
    }

    /// Line `number`, from 1.
    pub(super) fn line(&self, number: usize) -> Option<&str> {
        self.text.lines().nth(number.checked_sub(1)?)
    }
}

fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_TEXT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: io::Error) -> Issue {
    let told = error.to_string();
    let reason = told.split(" (os error").next().unwrap_or(&told).to_lowercase();
    let missing = error.kind() == io::ErrorKind::NotFound;
    let failed = Error::io(path, error);
    let issue = Issue::error(failed.code(), format!("cannot read `{}`: {reason}", path.display()));
    match missing.then(|| beside(path)).flatten() {
        Some(near) => issue.hint(format!("did you mean `{near}`?")),
        None if missing => issue.hint("`kailash new NAME` makes a first workflow; `-` reads from stdin"),
        None => issue,
    }
}

/// The name beside `path` that is most like its own.
fn beside(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wanted = path.file_name()?.to_str()?;
    let entries =
        folder.read_dir().ok()?.take(1000).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = entries.collect();
    let near = nearest(wanted, names.iter().map(String::as_str))?;
    Some(path.with_file_name(near).display().to_string())
}

fn not_utf8(error: &std::string::FromUtf8Error) -> Issue {
    let at = error.utf8_error().valid_up_to();
    let before = String::from_utf8_lossy(&error.as_bytes()[..at]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Issue::error("document.encoding", format!("the text is not UTF-8: byte {at} begins no character"))
        .at(format!("line {line} column {column}"))
        .hint("save the file as UTF-8")
}
