//! A record of the log: one entry, after the version of its form.

use bytes::{BufMut, Bytes, BytesMut};
use kailash_core::{Error, ErrorKind, Result, Retry};

use crate::coordinate::raft::Entry;

/// The version of records.
const FORM: u8 = 1;

/// The record of `entry`.
///
/// # Errors
/// Kind `Internal` for one that cannot be written.
pub(super) fn encode(entry: &Entry) -> Result<Bytes> {
    let mut bytes = BytesMut::with_capacity(64).writer();
    bytes.get_mut().put_u8(FORM);
    rmp_serde::encode::write(&mut bytes, entry)
        .map_err(|error| Error::internal(format!("an entry of the log cannot be written: {error}")))?;
    Ok(bytes.into_inner().freeze())
}

/// The entry of `record`.
///
/// # Errors
/// Code `format.newer` for a record of a later version; kind `Internal`, code `log.damaged`, for what is none.
pub(super) fn decode(record: &[u8]) -> Result<Entry> {
    match record.split_first() {
        Some((&FORM, bytes)) => rmp_serde::from_slice(bytes).map_err(|error| wrong(&error.to_string())),
        Some((&form, _)) if form > FORM => {
            let message = format!("an entry of the log has form {form}, which is newer than {FORM}");
            Err(Error::invalid("format.newer", message).with_hint("use a newer Kailash"))
        }
        _ => Err(wrong("it has no form")),
    }
}

fn wrong(why: &str) -> Error {
    let message = format!("an entry of the log cannot be read: {why}");
    Error::new(ErrorKind::Internal, "log.damaged", message).with_retry(Retry::Never)
}
