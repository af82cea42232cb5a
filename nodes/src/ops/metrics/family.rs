//! What a registry of metrics tells: families of series, each with its sample.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a metric counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// What only grows: requests, errors.
    #[default]
    Counter,
    /// What goes up and down: temperature, queue length.
    Gauge,
    /// How often values fell into ranges: latencies, sizes.
    Histogram,
}

impl MetricKind {
    /// The stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric with all its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub kind: MetricKind,
    /// One sentence about it; may be empty.
    pub help: String,
    /// A series for each set of labels, in order of the labels.
    pub series: Vec<Series>,
}

/// The metric with one set of labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels by name, sorted.
    pub labels: Vec<(String, String)>,
    /// What was counted.
    pub sample: Sample,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// The total of a counter or the value of a gauge.
    Number(f64),
    /// The state of a histogram.
    Histogram {
        /// The upper bound of each range, and how many values fell into it and all below. The last bound is infinite.
        buckets: Vec<(f64, u64)>,
        /// The sum of all values.
        sum: f64,
        /// How many values there were.
        count: u64,
    },
}
