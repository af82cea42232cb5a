//! `kailash serve`: a host with its HTTP API, until a signal.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use kailash::{
    host::{
        Host,
        config::{Config, Layers, LogFormat},
        keys::Keys,
    },
    http::{Listener, Socket},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{
    logs::{self, Telemetry},
    refusal::Refusal,
    term::err,
};

const EXAMPLES: &str = "\
Examples:
  kailash serve                                      on 127.0.0.1:8470, data in ./kailash-data
  kailash serve --config host.toml
  kailash serve --workflows flows --listen 127.0.0.1:9000
  kailash serve --set runs.max_running=8 --set journal.keep_days=7
  kailash serve --check --config host.toml           print the whole config, begin nothing

Logs go to stderr: `telemetry.log` says what, `info` at first; RUST_LOG and -v go before it. `telemetry.log_format=json`
makes each an object.

Settings come from defaults, then the file, then variables like KAILASH_HTTP__LISTEN, then flags.
An address that others can reach needs an API key first: `kailash keys add NAME`.

SIGTERM or Ctrl-C: no more runs are taken, those under way end or are put aside to go on at the next start. A second
signal ends the process at once.
Exit status: 0 stopped by a signal, 1 failed, 2 refused: nothing was begun.";

/// How long answers under way may take when everything else has stopped.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Serve workflows over HTTP
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The config file, TOML
    #[arg(long, value_name = "FILE", env = "KAILASH_CONFIG")]
    config: Option<PathBuf>,
    /// The address: `http.listen`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder of everything that the host keeps: `host.data`
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// A folder of documents that are registered at the start: `workflows.folder`
    #[arg(long, value_name = "FOLDER")]
    workflows: Option<String>,
    /// The folder that relative paths of nodes start from: `host.folder`
    #[arg(long, value_name = "FOLDER")]
    dir: Option<String>,
    /// Any setting
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Print the config that all layers make and begin nothing
    #[arg(long)]
    check: bool,
}

impl Args {
    fn config(&self) -> kailash_core::Result<Config> {
        let flags = [
            ("http.listen", &self.listen),
            ("host.data", &self.data),
            ("workflows.folder", &self.workflows),
            ("host.folder", &self.dir),
        ];
        let flags = flags.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
        let settings: Vec<String> = self.set.iter().cloned().chain(flags).collect();
        let mut layers = Layers::new();
        if let Some(file) = &self.config {
            layers = layers.file(file)?;
        }
        layers.variables(variables())?.settings(settings.iter().map(String::as_str))?.config()
    }
}

/// The variables that are text; others are none of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Runs the command.
pub(super) fn main(args: &Args, verbose: u8) -> Result<ExitCode> {
    let config = args.config().map_err(Refusal::from)?;
    logs::filter(&config.telemetry).map_err(Refusal::from)?;
    if args.check {
        use std::io::Write;
        let text = toml::to_string(&config).context("the config has no text")?;
        super::term::out().write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let telemetry = Telemetry::begin(&config.telemetry, verbose).map_err(Refusal::from)?;
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let executor = executor.context("cannot make an executor")?;
    let served = executor.block_on(serve(config));
    // What was given up does not keep the process.
    executor.shutdown_timeout(Duration::from_secs(1));
    telemetry.end();
    served
}

/// Says what goes on, in the form of the log.
fn say(format: LogFormat, what: &str) -> Result<()> {
    use std::io::Write;
    match format {
        LogFormat::Text => writeln!(err(), "{what}")?,
        LogFormat::Json => tracing::info!("{what}"),
    }
    Ok(())
}

async fn serve(config: Config) -> Result<ExitCode> {
    let format = config.telemetry.log_format;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Runs go on as soon as the host is up: what refuses the start comes first.
    let keys = Keys::open(&config.host.data).map_err(Refusal::from)?;
    let socket = Socket::bind(&config.http, &keys).await.map_err(Refusal::from)?;
    let mut host = Arc::new(Host::start(config).await.map_err(Refusal::from)?);
    let listener = Listener::on(socket, Arc::clone(&host)).map_err(Refusal::from)?;
    say(format, &format!("kailash serves {}", listener.url()))?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listener.serve(stop.clone(), LAST_ANSWERS));
    let failed = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = host.failed() => true,
    };
    // Runs are brought to rest also if nobody reads what is said.
    drop(say(format, "stopping: runs end or are put aside"));
    let resting = async {
        host.rest().await;
        stop.cancel();
        serving.await
    };
    tokio::select! {
        served = resting => served.context("the listener")?,
        _ = terminate.recv() => return Ok(ExitCode::FAILURE),
        _ = interrupt.recv() => return Ok(ExitCode::FAILURE),
    }
    if let Some(host) = Arc::get_mut(&mut host) {
        host.stop().await;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
