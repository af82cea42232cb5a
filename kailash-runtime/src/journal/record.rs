//! What a run's journal holds.
//!
//! ```text
//! Begun, (Started of an effectful node | Done | Failed | Suspended | Woken of any node | Signalled | Parked | Resumed)*,
//! Ended
//! ```
//! Records are MessagePack maps. Values over 256 KiB stand in blobs, because a log is no place for them.

use bytes::Bytes;
use kailash_core::{
    Error, ErrorKind, FormatVersion, Map, Result, Retry, RunStatus, Step, Text, Value,
    exec::{BlobRef, BlobStore, Timestamp},
    node::Wake,
};
use serde::{Deserialize, Serialize};

use super::Tally;
use crate::plan::Versions;

/// The version of records.
pub(crate) const FORMAT: FormatVersion = FormatVersion::new(1, 2);

/// The size of a record's values, in bytes, beyond which they go into blobs.
const MAX_INLINE: usize = 256 << 10;

/// The size of most records, in bytes.
const USUAL: usize = 256;

/// The signs of an error's message that are kept.
const MAX_MESSAGE: usize = 16 << 10;

/// The media type of a value in a blob.
const MEDIA: &str = "application/msgpack";

/// The way to a unit, as in [`kailash_core::UnitId`].
pub(crate) type UnitPath = Vec<Step>;

/// One record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// The run began.
    Begun {
        format: FormatVersion,
        /// The release that wrote it.
        kailash: Text,
        at: Timestamp,
        /// The workflow's name.
        name: Text,
        /// The document in Kailash's own form.
        document: Payload,
        /// The run parameters: of single nodes, and of all.
        nodes: Payload,
        everywhere: Payload,
        /// The versions of the node types.
        #[serde(default, skip_serializing_if = "Versions::is_empty")]
        versions: Versions,
        /// What whoever began it wants to find again.
        #[serde(default)]
        labels: Map,
    },
    /// A node that acts on the world is about to begin.
    Started { unit: UnitPath },
    /// A node gave its outputs.
    Done { unit: UnitPath, outputs: Vec<Option<Payload>> },
    /// A node failed, and nothing was left to try.
    Failed { unit: UnitPath, error: KeptError },
    /// A node waits for time or a signal.
    Suspended { unit: UnitPath, wake: Wake },
    /// What it waited for has come: a signal's value, or the time.
    Woken { unit: UnitPath, signal: Option<Payload> },
    /// A signal was sent to the run.
    Signalled { name: Text, value: Payload },
    /// The run was put aside while nothing of it was under way.
    Parked {
        at: Timestamp,
        wait: Wait,
        /// The signals that are kept; older releases did not count them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<Tally>,
        /// The number of the run's next event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        events: Option<u64>,
    },
    /// The run goes on; its next event has this number.
    Resumed { at: Timestamp, events: u64 },
    /// The run ended.
    Ended { at: Timestamp, status: RunStatus, error: Option<KeptError> },
}

/// What a run that was put aside waits for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// When it goes on at the latest.
    pub until: Option<Timestamp>,
    /// The signals that let it go on, each once.
    pub signals: Vec<Text>,
}

/// A value, here or in a blob.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Payload {
    #[serde(rename = "v")]
    Here(Value),
    /// One that was encoded before, because many records have it.
    #[serde(rename = "p")]
    Packed(Bytes),
    #[serde(rename = "b")]
    Blob(BlobRef),
}

/// An error as a journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptError {
    kind: ErrorKind,
    code: Text,
    message: String,
    retry_ms: Option<u64>,
    place: Option<String>,
    hint: Option<String>,
}

impl From<&Error> for KeptError {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            code: error.code().into(),
            message: shortened(error.message()),
            retry_ms: match error.retry() {
                Retry::Never => None,
                Retry::Now => Some(0),
                Retry::After(wait) => Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            },
            place: error.place().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
        }
    }
}

/// The beginning of a message, if it is long: it may quote a value of any size.
fn shortened(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{} ...", &message[..end]),
        None => message.to_owned(),
    }
}

impl From<KeptError> for Error {
    fn from(kept: KeptError) -> Self {
        let retry = match kept.retry_ms {
            None => Retry::Never,
            Some(0) => Retry::Now,
            Some(millis) => Retry::After(std::time::Duration::from_millis(millis)),
        };
        let mut error = Self::new(kept.kind, kept.code.to_string(), kept.message).with_retry(retry);
        if let Some(place) = kept.place {
            error = error.at(place);
        }
        match kept.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl Payload {
    /// The value.
    pub(crate) async fn value(self, blobs: &dyn BlobStore) -> Result<Value> {
        match self {
            Self::Here(value) => Ok(value),
            Self::Packed(content) => rmp_serde::from_slice(&content).map_err(|error| unreadable(&error)),
            Self::Blob(blob) => {
                let content = blobs.get(&blob).await?;
                rmp_serde::from_slice(&content).map_err(|error| unreadable(&error))
            }
        }
    }

    /// The encoded form of `value`.
    pub(crate) fn packed(value: &Value) -> Result<Bytes> {
        rmp_serde::to_vec_named(value).map(Bytes::from).map_err(|error| unwritable(&error))
    }

    /// The same value, in a blob that is kept for `holder`.
    async fn in_blob(self, holder: &str, blobs: &dyn BlobStore) -> Result<Self> {
        let content = match self {
            Self::Here(value) => Self::packed(&value)?,
            Self::Packed(content) => content,
            Self::Blob(_) => return Ok(self),
        };
        blobs.put(holder, content, MEDIA).await.map(Self::Blob)
    }
}

impl Record {
    /// The bytes of the record; its values go into blobs of `holder` if they are large.
    pub(crate) async fn encode(&self, holder: &str, blobs: &dyn BlobStore) -> Result<Bytes> {
        let bytes = self.pack()?;
        if bytes.len() <= MAX_INLINE {
            return Ok(bytes.into());
        }
        let apart = match self.clone() {
            Self::Begun { format, kailash, at, name, document, nodes, everywhere, versions, labels } => {
                Self::Begun {
                    format,
                    kailash,
                    at,
                    name,
                    document: document.in_blob(holder, blobs).await?,
                    nodes: nodes.in_blob(holder, blobs).await?,
                    everywhere: everywhere.in_blob(holder, blobs).await?,
                    versions,
                    labels,
                }
            }
            Self::Done { unit, outputs } => {
                let mut apart = Vec::with_capacity(outputs.len());
                for output in outputs {
                    apart.push(match output {
                        Some(output) => Some(output.in_blob(holder, blobs).await?),
                        None => None,
                    });
                }
                Self::Done { unit, outputs: apart }
            }
            Self::Woken { unit, signal: Some(value) } => {
                Self::Woken { unit, signal: Some(value.in_blob(holder, blobs).await?) }
            }
            Self::Signalled { name, value } => {
                Self::Signalled { name, value: value.in_blob(holder, blobs).await? }
            }
            other => other,
        };
        apart.pack().map(Bytes::from)
    }

    fn pack(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(USUAL);
        rmp_serde::encode::write_named(&mut bytes, self).map_err(|error| unwritable(&error))?;
        Ok(bytes)
    }

    /// The record that `bytes` hold.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(|error| unreadable(&error))
    }
}

fn unwritable(error: &rmp_serde::encode::Error) -> Error {
    Error::internal(format!("a journal record: {error}"))
}

fn unreadable(error: &rmp_serde::decode::Error) -> Error {
    let message = format!("a record of the journal cannot be read: {error}");
    Error::new(ErrorKind::Internal, "journal.record", message)
        .with_hint("was it written by a newer release of Kailash?")
}

#[cfg(test)]
mod tests {
    use kailash_core::{Array, Numbers, exec::MemoryBlobStore, value};

    use super::*;

    fn done(output: Value) -> Record {
        let unit = vec![Step { node: "a".into(), iteration: 2, item: 1 }];
        Record::Done { unit, outputs: vec![Some(Payload::Here(output)), None] }
    }

    async fn back(output: Value) -> (usize, Value) {
        let blobs = MemoryBlobStore::default();
        let bytes = done(output).encode("run", &blobs).await.unwrap();
        let Record::Done { unit, mut outputs } = Record::decode(&bytes).unwrap() else {
            panic!("it is the same record")
        };
        assert_eq!((unit[0].iteration, unit[0].item, outputs.len()), (2, 1, 2));
        let output = outputs.swap_remove(0).unwrap();
        (bytes.len(), output.value(&blobs).await.unwrap())
    }

    #[tokio::test]
    async fn values_come_back_as_they_were() {
        let array = Array::new(Numbers::F32(vec![1.5, f32::INFINITY].into()));
        let values = value!({
            "text": "x", "n": (-3), "big": (u64::MAX), "half": 0.5, "none": null, "yes": true,
            "bytes": (Value::bytes(vec![0_u8, 255])), "array": array, "list": [1, [2, {}]],
        });
        assert_eq!(back(values.clone()).await.1, values);
        let nan = back(value!(f64::NAN)).await.1;
        assert!(nan.as_f64().unwrap().is_nan());
    }

    #[tokio::test]
    async fn a_large_value_goes_into_a_blob() {
        let large = Value::bytes(vec![7_u8; 1 << 20]);
        let (size, again) = back(large.clone()).await;
        assert!(size < 1000, "{size} bytes");
        assert_eq!(again, large);
    }

    #[test]
    fn a_message_that_is_very_long_is_cut_between_two_signs() {
        let error = Error::from(KeptError::from(&Error::missing("test.long", "ä".repeat(1 << 20))));
        assert_eq!(error.message().chars().count(), MAX_MESSAGE + 4);
    }

    #[test]
    fn an_error_is_told_again_as_it_was() {
        let error =
            Error::missing("test.gone", "it is gone").at("config.x").with_hint("look").with_retry(Retry::Now);
        let again = Error::from(KeptError::from(&error));
        assert_eq!(format!("{error:?}"), format!("{again:?}"));
    }
}
