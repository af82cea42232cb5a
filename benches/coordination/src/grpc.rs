//! The little of gRPC that etcd needs: one message there, one back, over HTTP/2.
//!
//! ```text
//! │ compressed (1) │ length (4, big-endian) │ message ... │
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http2::SendRequest};
use prost::Message;

use crate::Done;

/// Calls `path` with one message and gives the answer.
pub(crate) async fn call<T: Message + Default>(
    sender: &mut SendRequest<Full<Bytes>>,
    host: &str,
    path: &str,
    asked: &impl Message,
) -> Done<T> {
    let mut frame = BytesMut::with_capacity(5 + asked.encoded_len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(asked.encoded_len())?);
    asked.encode(&mut frame)?;
    let request = Request::post(format!("http://{host}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(frame.freeze()))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let at_once = response.headers().get("grpc-status").cloned();
    let content = response.into_body().collect().await?;
    let status = at_once.or_else(|| content.trailers()?.get("grpc-status").cloned());
    if status.as_ref().is_none_or(|status| status != "0") {
        let message = content.trailers().and_then(|trailers| trailers.get("grpc-message"));
        return Err(format!("{path}: gRPC status {status:?}, {message:?}").into());
    }
    let mut bytes = content.to_bytes();
    if bytes.len() < 5 || bytes.get_u8() != 0 || bytes.get_u32() as usize != bytes.len() {
        return Err(format!("{path}: not one plain message").into());
    }
    Ok(T::decode(bytes)?)
}
