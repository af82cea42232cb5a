//! Logs on stderr: only where they are asked for, but always those of a host, which sends its spans away too.

use std::io;

use kailash::host::config::{LogFormat, TelemetrySection};
use kailash_core::{Error, Result};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::format::{FmtSpan, JsonFields},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::term::Paint;

/// What `-v` and `-vv` log.
const INFO: &str = "info,openraft=error";
const DETAILS: &str = "info,openraft=error,kailash=debug,kailash_core=debug,kailash_runtime=debug,kailash_nodes=debug,kailash_edge=debug";

/// Logs what `-v` or RUST_LOG ask for.
pub(super) fn begin(verbose: u8) {
    let Some(filter) = asked(verbose) else { return };
    let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::builder().parse_lossy(filter));
    logs.with_writer(io::stderr).with_ansi(Paint::stderr().is_on()).init();
}

/// The filter that RUST_LOG or `-v` ask for.
fn asked(verbose: u8) -> Option<String> {
    match (std::env::var("RUST_LOG"), verbose) {
        (Ok(filter), _) if !filter.is_empty() => Some(filter),
        (_, 0) => None,
        (_, 1) => Some(INFO.to_owned()),
        (_, 2) => Some(DETAILS.to_owned()),
        _ => Some("trace".to_owned()),
    }
}

/// The filter that the config asks for.
///
/// # Errors
/// Kind `Invalid`, code `config.log`, for what is no filter.
pub(super) fn filter(section: &TelemetrySection) -> Result<EnvFilter> {
    EnvFilter::builder().parse(&section.log).map_err(|error| {
        Error::invalid("config.log", format!("`{}` is no filter: {error}", section.log))
            .at("telemetry.log")
            .with_hint("`info`, `warn`, or levels for parts: `warn,kailash=debug`")
    })
}

/// Logs of a host, and where its spans go; ended when everything else has.
#[must_use = "spans that are not flushed are lost"]
pub(super) struct Telemetry {
    #[cfg(feature = "otlp")]
    exporter: Option<kailash::host::trace::Exporter>,
}

impl Telemetry {
    /// Logs what RUST_LOG or `-v` ask for, else what the config does.
    ///
    /// # Errors
    /// As [`filter`]; what keeps spans from being sent.
    pub(super) fn begin(section: &TelemetrySection, verbose: u8) -> Result<Self> {
        let filter = match asked(verbose) {
            Some(filter) => EnvFilter::builder().parse_lossy(filter),
            None => filter(section)?,
        };
        // Spans are lines too, when they end, if the filter lets them through.
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_span_events(FmtSpan::CLOSE);
        let lines: Box<dyn Layer<Registry> + Send + Sync> = match section.log_format {
            LogFormat::Text => lines.with_ansi(Paint::stderr().is_on()).with_filter(filter).boxed(),
            LogFormat::Json => {
                let lines = lines.json().flatten_event(true).with_span_list(false);
                lines.fmt_fields(JsonFields::new()).with_filter(filter).boxed()
            }
        };
        let logs = Registry::default().with(lines);
        #[cfg(feature = "otlp")]
        {
            let exported = section.otlp_endpoint.as_ref();
            let exported =
                exported.map(|endpoint| kailash::host::trace::export(endpoint, section)).transpose()?;
            let (layer, exporter) = exported.unzip();
            logs.with(layer).init();
            Ok(Self { exporter })
        }
        #[cfg(not(feature = "otlp"))]
        {
            logs.init();
            Ok(Self {})
        }
    }

    /// Sends the last spans.
    pub(super) fn end(self) {
        #[cfg(feature = "otlp")]
        if let Some(exporter) = self.exporter
            && let Err(error) = exporter.shut_down()
        {
            tracing::warn!(%error, "the last spans are lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_the_config_is_refused_if_it_is_none() {
        let section = |log: &str| TelemetrySection { log: log.into(), ..TelemetrySection::default() };
        assert!(filter(&section("warn,kailash_runtime=debug")).is_ok());
        let error = filter(&section("kailash=loud")).unwrap_err();
        assert_eq!((error.code(), error.place()), ("config.log", Some("telemetry.log")));
    }
}
