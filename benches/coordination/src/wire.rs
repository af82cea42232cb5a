//! Connections of both clients: TCP, nothing held back.

use tokio::net::TcpStream;

use crate::Done;

pub(crate) async fn connect(host: &str) -> Done<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
