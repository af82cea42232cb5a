//! Copies what is left of a damaged journal into a new one, so that nothing there can be gone on with by mistake.
//!
//! ```text
//! records 0 1 2 3 4         whole: copied as it is
//!         0 1 2 ~ 4         0 1 2 Ended(failed, journal.salvaged)
//!         ~ 1 2             lost
//! ```
//! A prefix lacks the `Started` of a node that acts on the world, or its `Done`: going on from it would act a second time.
//! So what is not certainly whole ends there. The same holds for a run whose last records may be lost, and for one that
//! lacks a blob.

use bytes::Bytes;
use kailash_core::{
    Error, ErrorKind, Result, Retry, RunId, RunStatus, Text,
    exec::{BlobRef, BlobStore, Timestamp},
    log::{FoundRun, Salvage},
};

use super::{Journal, Payload, Record};

/// How many bytes of records are appended at a time.
const BATCH: usize = 1 << 20;

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Everything of it was copied.
    Whole,
    /// What is certain of it was copied, and it is marked as failed with the code `journal.salvaged`.
    Cut,
    /// Its beginning is lost: nothing was copied.
    Lost,
}

impl Fate {
    /// The stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Cut => "cut",
            Self::Lost => "lost",
        }
    }
}

/// A run of a damaged journal.
#[derive(Clone, Debug)]
pub struct Salvaged {
    /// The run.
    pub run: RunId,
    /// The workflow's name, if the beginning is there.
    pub workflow: Option<Text>,
    /// What became of it.
    pub fate: Fate,
    /// How many of its records were there.
    pub found: u64,
    /// How many were copied; the mark does not count.
    pub kept: u64,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

impl Journal {
    /// Copies every run that `found` has, with its blobs from `blobs`, into this journal, which has none of them. A run
    /// that is not certainly whole is marked as failed at `now`: it is not resumed.
    ///
    /// Until this returns, the journal may hold runs without their mark.
    ///
    /// # Errors
    /// Failing storage of this journal.
    pub async fn salvage(
        &self,
        found: &Salvage,
        blobs: &dyn BlobStore,
        now: Timestamp,
    ) -> Result<Vec<Salvaged>> {
        let mut salvaged = Vec::new();
        for run in found.runs() {
            let mut copy = Copy::of(self, blobs, run);
            copy.records(found).await?;
            salvaged.push(copy.end(found, now).await?);
        }
        Ok(salvaged)
    }
}

/// A run on its way.
struct Copy<'c> {
    into: &'c Journal,
    blobs: &'c dyn BlobStore,
    from: FoundRun,
    batch: Vec<Bytes>,
    bytes: usize,
    /// How many records are in the new journal.
    written: u64,
    ended: bool,
    whole: bool,
    told: Salvaged,
}

impl<'c> Copy<'c> {
    fn of(into: &'c Journal, blobs: &'c dyn BlobStore, from: FoundRun) -> Self {
        let FoundRun { run, records, .. } = from;
        let told =
            Salvaged { run, workflow: None, fate: Fate::Lost, found: records, kept: 0, problems: Vec::new() };
        Self { into, blobs, from, batch: Vec::new(), bytes: 0, written: 0, ended: false, whole: true, told }
    }

    /// Notes what is wrong: the run is not whole.
    fn problem(&mut self, what: impl Into<String>) {
        self.whole = false;
        self.told.problems.push(what.into());
    }

    /// Copies the records up to the first that is lost.
    async fn records(&mut self, found: &Salvage) -> Result<()> {
        for seq in 0..self.from.prefix {
            let Some(body) = found.record(self.from.run, seq) else {
                self.problem(format!("record {seq} cannot be read again"));
                break;
            };
            let record = match Record::decode(&body) {
                Ok(record) => record,
                Err(error) => {
                    self.problem(format!("record {seq}: {}", error.message()));
                    break;
                }
            };
            match &record {
                Record::Begun { name, .. } => self.told.workflow = Some(name.clone()),
                Record::Ended { .. } => self.ended = true,
                _ => {}
            }
            if self.told.workflow.is_none() {
                self.problem("its first record is not its beginning");
                break;
            }
            for blob in blobs_of(&record) {
                self.blob(seq, blob).await?;
            }
            self.bytes += body.len();
            self.batch.push(body);
            if self.bytes >= BATCH {
                self.append().await?;
            }
        }
        self.append().await
    }

    /// Copies a blob; one that is not there or not itself is a problem of the run.
    async fn blob(&mut self, seq: u64, blob: &BlobRef) -> Result<()> {
        match self.blobs.get(blob).await {
            Ok(content) => {
                let holder = self.from.run.to_string();
                self.into.blobs.put(&holder, content, &blob.media).await.map(drop)
            }
            Err(error) => {
                self.problem(format!("a value of record {seq}: {}", error.message()));
                Ok(())
            }
        }
    }

    async fn append(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let count = batch.len() as u64;
        self.into.log.append(self.from.run, self.written, batch).await?;
        self.written += count;
        self.bytes = 0;
        Ok(())
    }

    /// Marks the run if it is not certainly whole.
    async fn end(mut self, found: &Salvage, now: Timestamp) -> Result<Salvaged> {
        self.told.kept = self.written;
        let FoundRun { run, prefix, records, last, doubt } = self.from;
        if prefix < records {
            self.problem(match prefix {
                0 => "its beginning is lost".to_owned(),
                _ => format!("{} of its records are lost, the first of them {prefix}", last + 1 - records),
            });
        }
        if let Some(doubt) = doubt.filter(|_| !self.ended) {
            self.problem(doubt.reason());
        }
        if self.written == 0 {
            return Ok(self.told);
        }
        self.told.fate = if self.whole { Fate::Whole } else { Fate::Cut };
        if self.told.fate == Fate::Cut {
            let end = found.record(run, last).and_then(|body| Record::decode(&body).ok());
            let end = match end {
                Some(Record::Ended { at, status, .. }) => {
                    format!("; it had ended at {at}: {}", status.as_str())
                }
                _ => String::new(),
            };
            let message = format!("the journal was damaged: {}{end}", self.told.problems.join("; "));
            let error = Error::new(ErrorKind::Internal, "journal.salvaged", message)
                .with_retry(Retry::Never)
                .with_hint("look at what its nodes act on before you run the workflow anew");
            let mark = Record::Ended { at: now, status: RunStatus::Failed, error: Some((&error).into()) };
            let mark = mark.encode(&run.to_string(), &*self.into.blobs).await?;
            self.into.log.append(run, self.written, vec![mark]).await?;
        }
        Ok(self.told)
    }
}

/// The blobs that a record refers to.
fn blobs_of(record: &Record) -> Vec<&BlobRef> {
    let payloads: Vec<&Payload> = match record {
        Record::Begun { document, nodes, everywhere, .. } => vec![document, nodes, everywhere],
        Record::Done { outputs, .. } => outputs.iter().flatten().collect(),
        Record::Woken { signal, .. } => signal.iter().collect(),
        Record::Signalled { value, .. } => vec![value],
        Record::Started { .. }
        | Record::Failed { .. }
        | Record::Suspended { .. }
        | Record::Parked { .. }
        | Record::Resumed { .. }
        | Record::Ended { .. } => Vec::new(),
    };
    let mut blobs = Vec::new();
    for payload in payloads {
        if let Payload::Blob(blob) = payload {
            blobs.push(blob);
        }
    }
    blobs
}
