//! The sections of the config with their defaults. Units stand in the names.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use kailash_core::{Error, ErrorKind, Result};
use kailash_nodes::SecretRef;
use serde::{Deserialize, Serialize};

use super::TelemetrySection;

/// The most of anything at a time, and the longest time in seconds.
const MAX_COUNT: usize = 1 << 24;
const MAX_SECONDS: u64 = 366 * 24 * 60 * 60;

/// Everything that a host is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The process and its data.
    pub host: HostSection,
    /// The HTTP API.
    pub http: HttpSection,
    /// What runs leave behind.
    pub journal: JournalSection,
    /// How runs are run.
    pub runs: RunsSection,
    /// Where workflows come from.
    pub workflows: WorkflowsSection,
    /// Who the host is among others.
    pub identity: IdentitySection,
    /// What other hosts it acts with.
    pub cluster: ClusterSection,
    /// What is logged, and where traces go.
    pub telemetry: TelemetrySection,
}

/// What other hosts it acts with. Without any of it a host is a cluster by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSection {
    /// The address for peers. Any other than a loopback address needs `identity.cluster_token`.
    pub listen: Option<SocketAddr>,
    /// Where peers reach this host, as `host:port`, if that is not what it listens on.
    pub advertise: Option<String>,
    /// Where a member of the cluster can be reached, as `host:port`; of several one that answers is enough.
    pub join: Vec<String>,
    /// Whether the host counts in majorities; one that does not only learns.
    pub voter: bool,
}

impl Default for ClusterSection {
    fn default() -> Self {
        Self { listen: None, advertise: None, join: Vec::new(), voter: true }
    }
}

/// The process and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSection {
    /// The folder of everything that the host keeps: journal, workflows, keys, its id.
    pub data: PathBuf,
    /// The folder that relative paths of nodes start from; the process's own if it is not given.
    pub folder: Option<PathBuf>,
    /// How long runs and requests may take to come to their end when the host stops, in seconds.
    pub drain_s: u64,
}

/// The HTTP API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSection {
    /// The address. Any other than a loopback address needs an API key.
    pub listen: SocketAddr,
    /// Whether requests need an API key on a loopback address too.
    pub require_key: bool,
    /// Names by which clients may call this host beside its addresses and `localhost`; others are refused, so that a
    /// web page elsewhere cannot reach a host on loopback under a name of its own.
    pub names: Vec<String>,
    /// The most bytes of a request's content.
    pub max_body_bytes: usize,
    /// The most connections at a time; further ones wait to be taken.
    pub max_connections: usize,
    /// The most requests under way at a time; further ones are answered with 429.
    pub max_requests: usize,
    /// The longest time for a client to send the head of a request, in seconds.
    pub head_timeout_s: u64,
    /// The longest time for a client to send the content of a request, in seconds.
    pub body_timeout_s: u64,
    /// The most requests a second of one key, or of one address without a key; 0 sets no limit.
    pub rate_per_s: u32,
}

/// What runs leave behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalSection {
    /// Whether runs are journalled, so that they survive the process.
    pub enabled: bool,
    /// How long runs that ended are kept, in days.
    pub keep_days: u32,
    /// How many runs are kept.
    pub keep_runs: usize,
    /// How many bytes the journal may take before runs that ended are forgotten, the oldest first.
    pub max_bytes: u64,
}

/// How runs are run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunsSection {
    /// The runtime.
    pub runtime: RuntimeName,
    /// The most runs under way at a time; further ones wait.
    pub max_running: usize,
    /// The most runs that wait; further ones are refused with 429.
    pub max_waiting: usize,
    /// The most async nodes of one run under way at a time.
    pub max_concurrency: usize,
    /// The longest time for one run, in seconds; 0 sets no limit.
    pub timeout_s: u64,
}

/// The name of a runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeName {
    /// One thread for each run.
    Local,
    /// All cores.
    #[default]
    Parallel,
}

impl RuntimeName {
    /// The name as in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Parallel => "parallel",
        }
    }
}

/// Where workflows come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkflowsSection {
    /// A folder of documents that are registered when the host starts.
    pub folder: Option<PathBuf>,
}

/// Who the host is among others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentitySection {
    /// The host's id; one is made and kept in the data folder if it is not given.
    pub id: Option<String>,
    /// The secret that the hosts of a cluster share.
    pub cluster_token: Option<SecretRef>,
    /// The files by which the host proves who it is; with them the HTTP API speaks TLS.
    pub tls: TlsSection,
}

/// The files by which a host proves who it is, in PEM; both or none. They are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSection {
    /// The host's certificate, then those that lead to its authority.
    pub certificates: Option<PathBuf>,
    /// The private key of the host's certificate.
    pub key: Option<PathBuf>,
}

impl ClusterSection {
    /// Checks that strangers get nothing, and that peers find this host.
    fn validate(&self, has_token: bool) -> Result<()> {
        let is_open = self.listen.is_some_and(|address| !address.ip().is_loopback());
        if is_open && !has_token {
            let error = Error::new(
                ErrorKind::Denied,
                "cluster.open",
                "peers could come from anywhere, and there is no token",
            );
            return Err(error
                .at("cluster.listen")
                .with_hint("give `identity.cluster_token`, or listen on 127.0.0.1"));
        }
        if !self.join.is_empty() && self.listen.is_none() {
            let error = Error::invalid(
                "cluster.listen",
                "a host that joins a cluster must be reached by its members",
            );
            return Err(error.at("cluster.join").with_hint("give `cluster.listen` too"));
        }
        let is_any = self.listen.is_some_and(|address| address.ip().is_unspecified());
        if is_any && self.advertise.is_none() {
            let error = Error::invalid("cluster.advertise", "peers cannot be told an address that means any");
            return Err(error
                .at("cluster.listen")
                .with_hint("give `cluster.advertise`: where peers reach this host"));
        }
        Ok(())
    }
}

impl Default for HostSection {
    fn default() -> Self {
        Self { data: PathBuf::from("kailash-data"), folder: None, drain_s: 30 }
    }
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8470)),
            require_key: false,
            names: Vec::new(),
            max_body_bytes: 4 << 20,
            max_connections: 1024,
            max_requests: 512,
            head_timeout_s: 10,
            body_timeout_s: 30,
            rate_per_s: 0,
        }
    }
}

impl Default for JournalSection {
    fn default() -> Self {
        Self { enabled: true, keep_days: 30, keep_runs: 100_000, max_bytes: 4 << 30 }
    }
}

impl Default for RunsSection {
    fn default() -> Self {
        Self {
            runtime: RuntimeName::default(),
            max_running: 64,
            max_waiting: 16_384,
            max_concurrency: 64,
            timeout_s: 0,
        }
    }
}

impl Config {
    /// Checks the numbers, and that this build can do what is asked for.
    ///
    /// # Errors
    /// Kind `Invalid` with every limit that allows nothing; what this build cannot do.
    pub fn validate(&self) -> Result<()> {
        let zeros = [
            ("http.max_body_bytes", self.http.max_body_bytes),
            ("http.max_connections", self.http.max_connections),
            ("http.max_requests", self.http.max_requests),
            ("http.head_timeout_s", usize::from(self.http.head_timeout_s > 0)),
            ("http.body_timeout_s", usize::from(self.http.body_timeout_s > 0)),
            ("journal.keep_runs", self.journal.keep_runs),
            ("runs.max_running", self.runs.max_running),
            ("runs.max_concurrency", self.runs.max_concurrency),
        ];
        let zeros: Vec<&str> = zeros.iter().filter(|(_, value)| *value == 0).map(|(key, _)| *key).collect();
        if !zeros.is_empty() {
            return Err(
                Error::invalid("config.zero", "a limit of 0 would allow nothing").at(zeros.join(", "))
            );
        }
        self.check_bounds()?;
        let tls = &self.identity.tls;
        if tls.certificates.is_some() != tls.key.is_some() {
            let error = Error::invalid("config.tls", "TLS needs both a certificate and its key");
            return Err(error.at("identity.tls").with_hint("give `certificates` and `key`, or neither"));
        }
        self.cluster.validate(self.identity.cluster_token.is_some())?;
        self.telemetry.validate()
    }

    /// Checks what no host could do.
    fn check_bounds(&self) -> Result<()> {
        let counts = [
            ("http.max_connections", self.http.max_connections),
            ("http.max_requests", self.http.max_requests),
            ("runs.max_running", self.runs.max_running),
            ("runs.max_waiting", self.runs.max_waiting),
            ("runs.max_concurrency", self.runs.max_concurrency),
        ];
        let seconds = [
            ("host.drain_s", self.host.drain_s),
            ("http.head_timeout_s", self.http.head_timeout_s),
            ("http.body_timeout_s", self.http.body_timeout_s),
            ("runs.timeout_s", self.runs.timeout_s),
        ];
        let counts = counts.iter().filter(|(_, count)| *count > MAX_COUNT).map(|(key, _)| *key);
        let seconds = seconds.iter().filter(|(_, seconds)| *seconds > MAX_SECONDS).map(|(key, _)| *key);
        let beyond: Vec<&str> = counts.chain(seconds).collect();
        if beyond.is_empty() {
            return Ok(());
        }
        let message = format!("a number is at most {MAX_COUNT}, a time at most {MAX_SECONDS} s");
        Err(Error::invalid("config.bounds", message).at(beyond.join(", ")))
    }

    /// How long runs and requests may take when the host stops.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.host.drain_s)
    }
}
