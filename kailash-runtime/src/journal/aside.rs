//! Signals for runs that lie aside: one that nobody waits for is added to the journal, and nothing is read or run again.
//!
//! ```text
//! ... Parked(waits for `go`)                        a signal `other` comes
//! ... Parked(waits for `go`), Signalled(other), Parked(waits for `go`)
//! ```
//! The last record says again what the run waits for, because that is where everybody looks.

use kailash_core::{Result, RunId, Text, Value};

use super::{Journal, Payload, Record, records::unknown};

pub(super) async fn keep_signal(journal: &Journal, run: RunId, name: &Text, value: &Value) -> Result<bool> {
    let last = journal.log.last(run).await?.ok_or_else(|| unknown(run))?;
    let Record::Parked { at, wait, kept: Some(kept), events } = Record::decode(&last.body)? else {
        return Ok(false);
    };
    if wait.signals.contains(name) {
        return Ok(false);
    }
    let kept = Some(kept.with(name, value)?);
    let (holder, mut bodies) = (run.to_string(), Vec::with_capacity(2));
    for record in [
        Record::Signalled { name: name.clone(), value: Payload::Here(value.clone()) },
        Record::Parked { at, wait, kept, events },
    ] {
        bodies.push(record.encode(&holder, &*journal.blobs).await?);
    }
    journal.log.append(run, last.seq + 1, bodies).await?;
    Ok(true)
}
