//! WebSocket servers, each connection treated by a function.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        handshake::server::{Request, Response},
        http::HeaderMap,
    },
};

use super::raw::serve;

/// A connection of a server.
pub(super) type Served = WebSocketStream<TcpStream>;

/// A server that treats each connection with `talk`; gives its address, and the headers of the handshakes.
pub(super) async fn talking<F, Fut>(talk: F) -> (String, Arc<Mutex<Vec<HeaderMap>>>)
where
    F: Fn(Served) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let (talk, noted) = (Arc::new(talk), Arc::clone(&seen));
    let address = serve(move |stream| {
        let (talk, noted) = (Arc::clone(&talk), Arc::clone(&noted));
        async move {
            #[expect(clippy::result_large_err, reason = "the library's callback")]
            let note = |request: &Request, mut response: Response| {
                let name = "sec-websocket-protocol";
                if let Some(offered) = request.headers().get(name).and_then(|offered| offered.to_str().ok()) {
                    let last = offered.rsplit(", ").next().unwrap();
                    response.headers_mut().insert(name, last.parse().unwrap());
                }
                noted.lock().unwrap().push(request.headers().clone());
                Ok(response)
            };
            let socket = accept_hdr_async(stream, note).await.unwrap();
            talk(socket).await;
        }
    });
    (format!("ws://{}/socket", address.await), seen)
}
