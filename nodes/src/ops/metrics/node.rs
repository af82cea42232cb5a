//! `MetricsCollector`: counters, gauges and histograms of a host.

use kailash_core::{
    Error, Kind, Map, Result, Value,
    node::{Body, BuildContext, Effect, Input, Inputs, NodeType, Output, Outputs, Setup, Spec},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    MetricKind, NodeMetrics, Sample, names,
    registry::{Change, Report},
};

/// Keeps a metric of the host: counts up, sets a gauge or puts a value into a histogram.
///
/// Metrics live in memory, so that after a crash nothing is counted twice.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsCollector {
    /// What the metric counts. One name is one metric, whichever node keeps it.
    metric_type: MetricKind,
    /// One sentence about the metric.
    help: String,
    /// Whether `value` is added to a gauge instead of replacing what it is.
    add: bool,
    /// The upper bounds of a histogram's ranges, ascending; what is above all of them is counted as well.
    buckets: Option<Vec<f64>>,
}

/// Seconds from 5 ms to 10 s, as clients of Prometheus have them.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The most ranges of a histogram.
const MOST_BUCKETS: usize = 100;

const NAME: usize = 0;
const VALUE: usize = 1;
const LABELS: usize = 2;

impl NodeType for MetricsCollector {
    fn spec() -> Spec {
        Spec::new("MetricsCollector", "operations", "Keeps a counter, gauge or histogram of the host.")
            .inputs([
                Input::required("name", Kind::Text, "The name: letters, digits, `_` and `:`, as Prometheus has it."),
                Input::with_default("value", Kind::Number, 1, "What is counted, set or observed."),
                Input::optional("labels", Kind::Map, "Labels by name: text, numbers or truth values."),
            ])
            .outputs([
                Output::new(
                    "value",
                    Kind::Number,
                    "The new total of the counter, the new value of the gauge, or how many values the histogram has.",
                ),
                Output::new("sum", Kind::Number, "The sum of the values of a histogram; only of one."),
                Output::new("success", Kind::Bool, "True."),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if let Some(buckets) = &self.buckets {
            let ascend = buckets.windows(2).all(|pair| pair[0] < pair[1]);
            let fits = !buckets.is_empty() && buckets.len() <= MOST_BUCKETS;
            let message = if self.metric_type != MetricKind::Histogram {
                Some("`buckets` are for histograms only".to_owned())
            } else if !fits || !ascend || !buckets.iter().all(|bound| bound.is_finite()) {
                Some(format!("buckets are 1 to {MOST_BUCKETS} ascending numbers"))
            } else {
                None
            };
            if let Some(message) = message {
                setup.issues.push(Issue::error("metrics.buckets", message).at("config.buckets"));
            }
        }
        if self.add && self.metric_type != MetricKind::Gauge {
            setup.issues.push(Issue::error("metrics.add", "`add` is for gauges only").at("config.add"));
        }
        match setup.config.get("name").and_then(Value::as_str) {
            Some(name) => names::check_metric(name).map_err(|error| error.at("name")),
            None => Ok(()),
        }
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let metrics = cx.services.get::<NodeMetrics>().cloned().unwrap_or_default();
        let this = self.clone();
        let bounds = match this.metric_type {
            MetricKind::Histogram => this.buckets.clone().unwrap_or_else(|| BUCKETS.to_vec()),
            MetricKind::Counter | MetricKind::Gauge => Vec::new(),
        };
        Ok(Body::inline(move |mut inputs: Inputs, _| {
            let name = inputs.text(NAME)?;
            names::check_metric(&name)?;
            let labels = match inputs.get(LABELS).and_then(Value::as_map) {
                Some(labels) => names::labels(labels)?,
                None => names::labels(&Map::new())?,
            };
            if this.metric_type == MetricKind::Histogram && labels.iter().any(|(name, _)| name == "le") {
                return Err(Error::invalid("metrics.label", "`le` is the label of a histogram's own ranges"));
            }
            let change = this.change(inputs.number(VALUE)?.unwrap_or(1.0))?;
            let report = Report {
                name: &name,
                kind: this.metric_type,
                help: &this.help,
                bounds: &bounds,
                labels,
                change,
            };
            let mut outputs = Outputs::none(3);
            outputs.set(2, true);
            match metrics.take(report)? {
                Sample::Number(value) => outputs.set(0, value),
                Sample::Histogram { sum, count, .. } => {
                    outputs.set(0, count);
                    outputs.set(1, sum);
                }
            }
            Ok(outputs.into())
        }))
    }
}

impl MetricsCollector {
    fn change(&self, value: f64) -> Result<Change> {
        if !value.is_finite() {
            return Err(Error::invalid("metrics.value", "the value of a metric is a finite number"));
        }
        match self.metric_type {
            MetricKind::Counter if value < 0.0 => {
                Err(Error::invalid("metrics.value", "a counter only grows").with_hint("use a gauge"))
            }
            MetricKind::Counter => Ok(Change::Add(value)),
            MetricKind::Gauge if self.add => Ok(Change::Add(value)),
            MetricKind::Gauge => Ok(Change::Set(value)),
            MetricKind::Histogram => Ok(Change::Observe(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    async fn run(metrics: &NodeMetrics, config: Value, given: Value) -> Result<Value> {
        let services = Services::builder().with(metrics.clone()).unwrap().build();
        NodeTest::new::<MetricsCollector>(config, &services)?.run(given).await.map(Value::from)
    }

    #[tokio::test]
    async fn each_kind_gives_its_new_value_and_all_of_them_are_exported() {
        let metrics = NodeMetrics::default();
        let counter = || value!({"metric_type": "counter", "help": "Jobs done."});
        for total in [1, 2] {
            let got = run(&metrics, counter(), value!({"name": "jobs_total", "labels": {"site": "a"}}));
            assert_eq!(got.await.unwrap(), value!({"value": (f64::from(total)), "success": true}));
        }
        let gauge = value!({"metric_type": "gauge"});
        run(&metrics, gauge, value!({"name": "temp", "value": 20})).await.unwrap();
        let moved = value!({"metric_type": "gauge", "add": true});
        let got = run(&metrics, moved, value!({"name": "temp", "value": (-2.5)})).await.unwrap();
        assert_eq!(got.get("value"), Some(&value!(17.5)));
        let histogram = value!({"metric_type": "histogram", "buckets": [1, 2]});
        let got = run(&metrics, histogram, value!({"name": "took", "value": 1.5})).await.unwrap();
        assert_eq!(got, value!({"value": 1, "sum": 1.5, "success": true}));
        let text = metrics.to_prometheus();
        for line in ["jobs_total{site=\"a\"} 2\n", "temp 17.5\n", "took_bucket{le=\"2\"} 1\n"] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[tokio::test]
    async fn what_is_no_metric_is_refused() {
        let metrics = NodeMetrics::default();
        let kind = |kind: &str| value!({"metric_type": kind});
        for (config, given, code) in [
            (kind("counter"), value!({"name": "a b"}), "metrics.name"),
            (kind("counter"), value!({"name": "a", "value": (-1)}), "metrics.value"),
            (kind("gauge"), value!({"name": "a", "value": (f64::NAN)}), "metrics.value"),
            (kind("counter"), value!({"name": "a", "labels": {"b-c": 1}}), "metrics.label"),
            (kind("histogram"), value!({"name": "a", "labels": {"le": 1}}), "metrics.label"),
        ] {
            assert_eq!(run(&metrics, config, given).await.unwrap_err().code(), code);
        }
        assert!(metrics.snapshot().is_empty(), "nothing was counted");
        for (config, code) in [
            (value!({"buckets": [1]}), "metrics.buckets"),
            (value!({"metric_type": "histogram", "buckets": []}), "metrics.buckets"),
            (value!({"metric_type": "histogram", "buckets": [2, 1]}), "metrics.buckets"),
            (value!({"add": true}), "metrics.add"),
            (value!({"name": "a b"}), "metrics.name"),
        ] {
            let error = run(&metrics, config, value!({"name": "a"})).await.unwrap_err();
            assert!(error.message().contains(&format!("[{code}]")), "{error}");
        }
    }
}
