//! A run's journal for people: what happened, in the order in which it became known.

use kailash_core::{Error, Result, RunId, RunStatus, Text, UnitId, exec::Timestamp};
use serde::Serialize;

use super::{
    Journal, Record,
    records::{Records, unknown},
};

/// One record of a journal, without values.
#[derive(Clone, Debug, Serialize)]
pub struct Happened {
    /// The position in the journal, from 0.
    pub seq: u64,
    /// `begun`, `started`, `done`, `failed`, `suspended`, `woken`, `signalled`, `parked`, `resumed` or `ended`.
    #[serde(rename = "type")]
    pub what: &'static str,
    /// The unit, as [`UnitId`] prints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Text>,
    /// When; only of the run itself, and until when a unit waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The signal that was sent or that a unit waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Text>,
    /// How the run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// The stable code of what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Text>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

pub(super) async fn read(journal: &Journal, run: RunId) -> Result<Vec<Happened>> {
    let (mut records, mut history) = (Records::of(journal, run), Vec::new());
    while let Some(page) = records.page().await? {
        history.extend(page.into_iter().map(|(seq, record)| happened(run, seq, record)));
    }
    Ok(history)
}

pub(super) async fn page(journal: &Journal, run: RunId, from: u64, limit: usize) -> Result<Vec<Happened>> {
    let entries = journal.log.read(run, from, limit).await?;
    if entries.is_empty() && journal.log.last(run).await?.is_none() {
        return Err(unknown(run));
    }
    entries.iter().map(|entry| Ok(happened(run, entry.seq, Record::decode(&entry.body)?))).collect()
}

fn happened(run: RunId, seq: u64, record: Record) -> Happened {
    let nothing = Happened {
        seq,
        what: "begun",
        unit: None,
        at: None,
        signal: None,
        status: None,
        code: None,
        message: None,
    };
    let unit = |path| Some(UnitId { run, path }.to_string().into());
    let told = |error| {
        let error = Error::from(error);
        (Some(error.code().into()), Some(error.to_string()))
    };
    match record {
        Record::Begun { at, .. } => Happened { at: Some(at), ..nothing },
        Record::Started { unit: path } => Happened { what: "started", unit: unit(path), ..nothing },
        Record::Done { unit: path, .. } => Happened { what: "done", unit: unit(path), ..nothing },
        Record::Failed { unit: path, error } => {
            let (code, message) = told(error);
            Happened { what: "failed", unit: unit(path), code, message, ..nothing }
        }
        Record::Suspended { unit: path, wake } => Happened {
            what: "suspended",
            unit: unit(path),
            at: wake.at(),
            signal: wake.signal().cloned(),
            ..nothing
        },
        Record::Woken { unit: path, .. } => Happened { what: "woken", unit: unit(path), ..nothing },
        Record::Signalled { name, .. } => Happened { what: "signalled", signal: Some(name), ..nothing },
        Record::Parked { at, .. } => Happened { what: "parked", at: Some(at), ..nothing },
        Record::Resumed { at, .. } => Happened { what: "resumed", at: Some(at), ..nothing },
        Record::Ended { at, status, error } => {
            let (code, message) = error.map(told).unwrap_or_default();
            Happened { what: "ended", at: Some(at), status: Some(status), code, message, ..nothing }
        }
    }
}
