//! Messages on a stream: each after its length.
//!
//! ```text
//! │ length (4, little-endian) │ message ... │
//! ```

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Body as HttpBody, Frame};
use kailash_core::{Error, ErrorKind, Result};
use serde::{Serialize, de::DeserializeOwned};

use super::{Body, MAX_MESSAGE, unpack};

/// The frame of `message`.
///
/// # Errors
/// Kind `Internal` for one that cannot be written.
pub(super) fn encode<T: Serialize>(message: &T) -> Result<Bytes> {
    let mut frame = vec![0; 4];
    rmp_serde::encode::write(&mut frame, message)
        .map_err(|error| Error::internal(format!("a message to a peer: {error}")))?;
    let length = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX).to_le_bytes();
    frame[..4].copy_from_slice(&length);
    Ok(frame.into())
}

/// A body of the frames of `messages`; it ends at the first that cannot be written.
pub(super) fn body<T, S>(messages: S) -> Body
where
    T: Serialize,
    S: Stream<Item = T> + Send + 'static,
{
    let frames =
        messages.map(|message| encode(&message)).take_while(|frame| std::future::ready(frame.is_ok()));
    let data = frames.filter_map(|frame| std::future::ready(frame.ok().map(|frame| Ok(Frame::data(frame)))));
    StreamBody::new(data).boxed_unsync()
}

/// The messages in a body of frames.
pub(super) fn messages<T, B>(body: B) -> impl Stream<Item = Result<T>> + Send + 'static
where
    T: DeserializeOwned + Send + 'static,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    stream::unfold(Some((BodyStream::new(body), BytesMut::new())), |state| async move {
        let (mut body, mut bytes) = state?;
        loop {
            match take(&mut bytes) {
                Ok(Some(message)) => return Some((unpack(&message), Some((body, bytes)))),
                Ok(None) => {}
                Err(error) => return Some((Err(error), None)),
            }
            match body.next().await {
                Some(Ok(frame)) => frame.into_data().iter().for_each(|data| bytes.extend_from_slice(data)),
                Some(Err(error)) => {
                    let error = Error::new(ErrorKind::Unavailable, "peer.broken", error.to_string());
                    return Some((Err(error), None));
                }
                None => return None,
            }
        }
    })
}

/// Takes a whole message off the front of `bytes`.
fn take(bytes: &mut BytesMut) -> Result<Option<Bytes>> {
    let Some(length) = bytes.first_chunk().map(|four| u32::from_le_bytes(*four) as usize) else {
        return Ok(None);
    };
    if length > MAX_MESSAGE {
        let message = format!("a message of {length} bytes, more than {MAX_MESSAGE}");
        return Err(Error::new(ErrorKind::Limit, "peer.too_large", message));
    }
    if bytes.len() < 4 + length {
        return Ok(None);
    }
    bytes.advance(4);
    Ok(Some(bytes.split_to(length).freeze()))
}
