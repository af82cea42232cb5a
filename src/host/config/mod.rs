//! What a host is told: one tree, made of layers. Defaults < file < environment < flags.
//!
//! ```text
//! host.toml     [http] listen = "0.0.0.0:8470"
//! environment   KAILASH_HTTP__LISTEN=0.0.0.0:8470
//! flag          --set http.listen=0.0.0.0:8470
//! ```

mod layers;
mod sections;
mod telemetry;

pub use layers::Layers;
pub use sections::{
    ClusterSection, Config, HostSection, HttpSection, IdentitySection, JournalSection, RunsSection,
    RuntimeName, TlsSection, WorkflowsSection,
};
pub use telemetry::{Endpoint, LogFormat, TelemetrySection};
