//! Looks whether one target is well.

use std::path::Path;

use kailash_core::{Error, ErrorKind, Map, Result, node::Context};
use rustix::{fs::statvfs, process::test_kill_process};
use tokio::net::TcpStream;

use super::target::{Check, Pid};

/// What is needed to look.
#[derive(Clone)]
pub(super) struct Prober {
    #[cfg(feature = "http")]
    pub(super) http: crate::http::HttpClient,
}

impl Prober {
    /// What was found of a target that is well.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) async fn look(&self, check: Check, cx: &Context) -> Result<Map> {
        match check {
            Check::Http { url, expected } => self.http(&url, &expected, cx).await,
            Check::Tcp { address } => tcp(&address).await,
            Check::Disk { path, min_free_bytes, min_free_percent } => {
                cx.blocking(move || disk(&path, min_free_bytes, min_free_percent)).await
            }
            Check::Process(pid) => cx.blocking(move || process(&pid)).await,
        }
    }

    #[cfg(feature = "http")]
    async fn http(&self, url: &str, expected: &[u16], cx: &Context) -> Result<Map> {
        let status = crate::http::probe(&self.http, url, cx).await?;
        let is_well =
            if expected.is_empty() { (200..300).contains(&status) } else { expected.contains(&status) };
        if is_well {
            return Ok(Map::from_iter([("status_code".into(), status.into())]));
        }
        Err(unwell("health.status", format!("the server answered {status}")))
    }

    #[cfg(not(feature = "http"))]
    async fn http(&self, _: &str, _: &[u16], _: &Context) -> Result<Map> {
        Err(Error::new(ErrorKind::Unavailable, "health.http", "this build has no HTTP"))
    }
}

async fn tcp(address: &str) -> Result<Map> {
    match TcpStream::connect(address).await {
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(unwell("health.connect", format!("cannot connect: {error}"))),
    }
}

/// Blocks.
fn disk(path: &Path, min_free_bytes: u64, min_free_percent: f64) -> Result<Map> {
    let stat = statvfs(path).map_err(|error| Error::io(path, error.into()))?;
    let (free, total) = (stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize);
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs no more digits")]
    let percent = if total == 0 { 0.0 } else { free as f64 * 100.0 / total as f64 };
    if free < min_free_bytes || percent < min_free_percent {
        return Err(unwell("health.disk", format!("only {free} bytes ({percent:.1} %) are free")));
    }
    Ok(Map::from_iter([
        ("free_bytes".into(), free.into()),
        ("total_bytes".into(), total.into()),
        ("free_percent".into(), percent.into()),
    ]))
}

/// Blocks.
fn process(pid: &Pid) -> Result<Map> {
    let number = match pid {
        Pid::Number(number) => *number,
        Pid::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
            let number = text.trim().parse::<i32>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| unwell("health.pid", format!("{} holds no process id", path.display())))?
        }
    };
    let id = rustix::process::Pid::from_raw(number).ok_or_else(|| Error::internal("a process id of 0"))?;
    match test_kill_process(id) {
        // It is there, but somebody else's.
        Ok(()) | Err(rustix::io::Errno::PERM) => Ok(Map::from_iter([("pid".into(), number.into())])),
        Err(_) => Err(unwell("health.process", format!("process {number} does not run"))),
    }
}

fn unwell(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Unavailable, code, message)
}
