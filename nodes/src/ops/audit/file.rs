//! The file of an audit log: opened once, its last line repaired, appended to and synced. Blocks.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use kailash_core::{Error, ErrorKind, Map, Result, Retry, Text, Value};

use super::chain::Tip;

/// How many of the last records are remembered, to know one that comes again.
pub(super) const REMEMBERED: usize = 10_000;
/// The longest line.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

/// A file that is appended to.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    tip: Tip,
    bytes: u64,
    /// Keys of the last records with their number and hash, oldest first.
    keys: VecDeque<(Text, Tip)>,
    /// Why nothing can be appended any more.
    failed: bool,
}

/// What a check of a whole chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verified {
    /// The end of the chain.
    pub(super) tip: Tip,
    /// Whether the chain goes through the line whose hash was expected, or none was.
    pub(super) has_expected: bool,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) tip: Tip,
    /// Whether it was there already.
    pub(super) repeated: bool,
}

impl LogFile {
    /// Opens or makes the file at `path`, checks its chain and cuts off a last line that was not finished.
    ///
    /// # Errors
    /// Kind `Invalid`, code `audit.broken`; kind `Conflict`, code `audit.locked`, if another process has it; a file that
    /// cannot be read or written.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let fail = |error| Error::io(path, error);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let is_new = !path.exists();
        let mut file = options.open(path).map_err(fail)?;
        if let Err(error) = file.try_lock() {
            return Err(match error {
                std::fs::TryLockError::Error(error) => fail(error),
                std::fs::TryLockError::WouldBlock => {
                    let message = format!("{} is written to by another process", path.display());
                    Error::new(ErrorKind::Conflict, "audit.locked", message)
                        .with_hint("give each process a log of its own")
                }
            });
        }
        if is_new {
            sync_folder(path)?;
        }
        let mut keys = VecDeque::new();
        let read = read(&mut file, path, |tip, record| {
            if let Some(key) = record.get("key").and_then(Value::as_str) {
                remember(&mut keys, key.into(), tip.clone());
            }
        })?;
        if read.torn {
            tracing::warn!(path = %path.display(), "the last line of an audit log was not finished and is cut off");
            file.set_len(read.bytes).map_err(fail)?;
            file.sync_all().map_err(fail)?;
        }
        Ok(Self { path: path.to_owned(), file, tip: read.tip, bytes: read.bytes, keys, failed: false })
    }

    /// Appends `record`, which carries `key`, unless one of the last records carries it; syncs.
    ///
    /// # Errors
    /// Kind `Limit`, code `audit.too_large`; what writing can fail with.
    pub(super) fn append(&mut self, record: &Map, key: &Text) -> Result<Appended> {
        if let Some((_, tip)) = self.keys.iter().rev().find(|(known, _)| known == key) {
            return Ok(Appended { tip: tip.clone(), repeated: true });
        }
        if self.failed {
            let message = format!("{} could not be written to before", self.path.display());
            return Err(Error::new(ErrorKind::Unavailable, "audit.failed", message));
        }
        let mut line = self.tip.line(record)?.into_bytes();
        if line.len() > MAX_LINE_BYTES {
            let message = format!("the record takes {} bytes, more than {MAX_LINE_BYTES}", line.len());
            return Err(Error::new(ErrorKind::Limit, "audit.too_large", message)
                .with_retry(Retry::Never)
                .with_hint("shorten `details`"));
        }
        let tip = self.tip.after(&line);
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line).and_then(|()| self.file.sync_data()) {
            // After a failed sync nobody knows what is on the disk; opening the file again finds out.
            self.failed = true;
            if let Err(error) = self.file.set_len(self.bytes) {
                tracing::warn!(path = %self.path.display(), %error, "an audit log cannot be cut back");
            }
            return Err(Error::io(&self.path, error));
        }
        self.bytes += line.len() as u64;
        self.tip = tip.clone();
        remember(&mut self.keys, key.clone(), tip.clone());
        Ok(Appended { tip, repeated: false })
    }

    /// Whether it can be appended to as it is: nothing failed, and the file at its path is this one, as long as it was
    /// left. Otherwise it must be opened again.
    pub(super) fn is_current(&self) -> bool {
        let there = std::fs::metadata(&self.path);
        !self.failed
            && there.and_then(|there| Ok((there, self.file.metadata()?))).is_ok_and(|(there, this)| {
                (there.dev(), there.ino(), there.len()) == (this.dev(), this.ino(), self.bytes)
            })
    }

    /// Checks the chain of the whole file as it is on the disk, and looks for the line with the hash `expected`.
    ///
    /// # Errors
    /// As [`verify`]; kind `Invalid`, code `audit.broken`, if the file ends elsewhere than what was appended.
    pub(super) fn verify(&self, expected: Option<&Text>) -> Result<Verified> {
        let verified = verify(&self.path, expected)?;
        if verified.tip != self.tip {
            let message = format!("the log ends with line {}, not {}", verified.tip.seq, self.tip.seq);
            return Err(Error::invalid("audit.broken", message).at(self.path.display().to_string()));
        }
        Ok(verified)
    }
}

/// Checks the chain of the file at `path`, and looks for the line with the hash `expected`.
///
/// # Errors
/// Kind `Invalid`, code `audit.broken`; a file that cannot be read.
pub(super) fn verify(path: &Path, expected: Option<&Text>) -> Result<Verified> {
    let mut file = File::open(path).map_err(|error| Error::io(path, error))?;
    let is_expected = |tip: &Tip| expected.is_none_or(|hash| *hash == tip.hash);
    let mut has_expected = is_expected(&Tip::empty());
    let read = read(&mut file, path, |tip, _| has_expected |= is_expected(tip))?;
    if read.torn {
        let message = format!("the last line, {}, was not finished", read.tip.seq + 1);
        return Err(Error::invalid("audit.broken", message).at(path.display().to_string()));
    }
    Ok(Verified { tip: read.tip, has_expected })
}

/// What a file holds.
struct Followed {
    tip: Tip,
    /// The length of its finished lines.
    bytes: u64,
    /// Whether something that is no finished line follows them.
    torn: bool,
}

/// Follows the chain of `file`, telling `each` record.
fn read(file: &mut File, path: &Path, mut each: impl FnMut(&Tip, &Value)) -> Result<Followed> {
    let fail = |error| Error::io(path, error);
    file.seek(SeekFrom::Start(0)).map_err(fail)?;
    let mut reader = BufReader::new(file);
    let (mut tip, mut bytes, mut line) = (Tip::empty(), 0, Vec::new());
    loop {
        line.clear();
        let most = MAX_LINE_BYTES as u64 + 2;
        let count = reader.by_ref().take(most).read_until(b'\n', &mut line).map_err(fail)?;
        if count == 0 {
            return Ok(Followed { tip, bytes, torn: false });
        }
        if line.pop_if(|last| *last == b'\n').is_none() {
            if line.len() > MAX_LINE_BYTES {
                let message = format!("line {} is longer than any record", tip.seq + 1);
                return Err(Error::invalid("audit.broken", message).at(path.display().to_string()));
            }
            return Ok(Followed { tip, bytes, torn: true });
        }
        let (next, record) = tip.follow(&line).map_err(|error| error.at(path.display().to_string()))?;
        each(&next, &record);
        tip = next;
        bytes += count as u64;
    }
}

fn remember(keys: &mut VecDeque<(Text, Tip)>, key: Text, tip: Tip) {
    if keys.len() >= REMEMBERED {
        keys.pop_front();
    }
    keys.push_back((key, tip));
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, error))
}
