//! Listening for the peers of a cluster.

use std::{net::SocketAddr, sync::Arc};

use kailash_core::{Error, ErrorKind, Result, Retry};
use kailash_edge::coordinate::{Coordinator, net::serve_connection};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::AGAIN;

/// How many peers may be connected at a time.
const CONNECTIONS: usize = 256;

pub(super) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let unbound = |error: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "cluster.bind", format!("{address}: {error}"))
            .with_retry(Retry::Never)
            .with_hint("is the port taken? `cluster.listen` says another one")
    };
    let listener = TcpListener::bind(address).await.map_err(unbound)?;
    let bound = listener.local_addr().map_err(unbound)?;
    Ok((listener, bound))
}

pub(super) async fn listen(
    listener: TcpListener,
    coordinator: Coordinator,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let answering = Arc::new(coordinator);
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let wire = match listener.accept().await {
            Ok((wire, _)) => wire,
            Err(error) => {
                tracing::warn!(%error, "a peer could not be taken");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        if let Err(error) = wire.set_nodelay(true) {
            tracing::debug!(%error, "a peer is gone already");
            continue;
        }
        let answering = Arc::clone(&answering);
        let serving = async move {
            serve_connection(wire, answering).await;
            drop(place);
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(serving));
    }
}
