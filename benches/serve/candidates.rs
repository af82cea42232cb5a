//! The servers that are compared, each a process of its own that prints its address and serves until its stdin closes.

use std::{io::Read, path::Path, sync::Arc, time::Duration};

use axum::{Json, Router, routing::post, serve::ListenerExt};
use kailash::{
    host::{Host, config::Layers},
    http::Listener,
};
use tokio_util::sync::CancellationToken;

use crate::Done;

/// The candidates.
pub(crate) const NAMES: [&str; 3] = ["echo", "host", "host, journalled"];

/// The workflow.
const TRIVIAL: &str = r#"{"format": "1.0", "name": "trivial",
    "nodes": [{"id": "one", "type": "Expression", "config": {"expression": "item"}}]}"#;

/// Where the load goes, and what is sent there.
pub(crate) fn target(name: &str) -> (&'static str, &'static str) {
    match name {
        "echo" => ("/", r#"{"inputs": {"item": 7}}"#),
        _ => ("/workflows/trivial/execute", r#"{"inputs": {"item": 7}}"#),
    }
}

/// Serves as candidate `name`, with its data in `folder`.
pub(crate) fn serve(name: &str, folder: &Path) -> Done {
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    executor.block_on(async {
        match name {
            "echo" => echo().await?,
            _ => host(folder, name == "host, journalled").await?,
        }
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(())
    })
}

async fn echo() -> Done {
    let router = Router::new().route("/", post(|Json(body): Json<serde_json::Value>| async { Json(body) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

/// A host that serves in the background.
pub(crate) async fn host(folder: &Path, journal: bool) -> Done {
    let settings = [
        format!("host.data={}", folder.display()),
        format!("journal.enabled={journal}"),
        "http.listen=127.0.0.1:0".to_owned(),
    ];
    let config = Layers::new().settings(settings.iter().map(String::as_str))?.config()?;
    let host = Arc::new(Host::start(config).await?);
    let document =
        kailash::format::read(TRIVIAL, kailash::format::Syntax::Json).map_err(|e| e.to_string())?;
    host.workflows.register(host.workflows.build(document).map_err(|e| e.to_string())?).await?;
    let listener = Listener::bind(host).await?;
    println!("{}", listener.address());
    tokio::spawn(listener.serve(CancellationToken::new(), Duration::ZERO));
    Ok(())
}
