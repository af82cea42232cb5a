//! Kailash: how its hosts begin, and put, get and status of its HTTP API.

use std::{path::Path, process::Command};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::{Done, cluster::Place, process::Process, wire};

/// Begins the host at `place`, of those at `all`, with `program`. All but the first join it.
pub(crate) fn start(program: &Path, place: &Place, all: &[Place], log: &Path) -> Done<Process> {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", &place.clients, "--data"]).arg(&place.data);
    command.args(["--set", &format!("identity.id={}", place.name)]);
    command.args(["--set", &format!("cluster.listen={}", place.peers)]);
    if let Some(first) = all.first().filter(|first| first.name != place.name) {
        command.args(["--set", &format!(r#"cluster.join=["{}"]"#, first.peers)]);
    }
    Process::start(&mut command, log)
}

/// A connection of one client to one host.
pub(crate) struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(host: &str) -> Done<Self> {
        let wire = TokioIo::new(wire::connect(host).await?);
        let (sender, connection) = http1::handshake(wire).await?;
        // Whoever uses it is told how it ended.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: host.to_owned() })
    }

    async fn ask(&mut self, method: Method, path: &str, content: String) -> Done<(StatusCode, Bytes)> {
        let request = Request::builder().method(method).uri(path).header("host", &self.host);
        let request =
            request.header("content-type", "application/json").body(Full::new(Bytes::from(content)))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        Ok((response.status(), response.into_body().collect().await?.to_bytes()))
    }

    /// `value` is plain letters and digits.
    pub(crate) async fn put(&mut self, key: &str, value: &str) -> Done {
        let content = format!(r#"{{"value":"{value}"}}"#);
        match self.ask(Method::PUT, &format!("/cluster/map/{key}"), content).await? {
            (StatusCode::OK, _) => Ok(()),
            refused => Err(format!("a put: {refused:?}").into()),
        }
    }

    pub(crate) async fn get(&mut self, key: &str) -> Done<Option<String>> {
        match self.ask(Method::GET, &format!("/cluster/map/{key}"), String::new()).await? {
            (StatusCode::OK, told) => {
                let told: Value = serde_json::from_slice(&told)?;
                Ok(told["value"].as_str().map(str::to_owned))
            }
            (StatusCode::NOT_FOUND, _) => Ok(None),
            refused => Err(format!("a get: {refused:?}").into()),
        }
    }

    /// How the group stands, as the host sees it.
    async fn status(&mut self) -> Done<Value> {
        match self.ask(Method::GET, "/cluster", String::new()).await? {
            (StatusCode::OK, told) => Ok(serde_json::from_slice(&told)?),
            refused => Err(format!("the status: {refused:?}").into()),
        }
    }

    /// Whether the host that this is connected to leads.
    pub(crate) async fn leads(&mut self) -> Done<bool> {
        let status = self.status().await?;
        Ok(status["leader"].is_string() && status["leader"] == status["member"])
    }

    /// How many members vote.
    pub(crate) async fn voters(&mut self) -> Done<usize> {
        let status = self.status().await?;
        let members = status["members"].as_array().ok_or("a status without members")?;
        Ok(members.iter().filter(|member| member["voter"] == true).count())
    }
}
