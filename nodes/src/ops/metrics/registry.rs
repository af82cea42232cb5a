//! The metrics that the nodes of a host keep, bounded in number.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kailash_core::{Error, ErrorKind, Result, Retry};

use super::{Family, MetricKind, Sample, Series, text};

/// How many metrics a registry keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsLimits {
    /// The most metrics.
    pub max_metrics: usize,
    /// The most series of one metric: sets of labels.
    pub max_series: usize,
}

impl Default for MetricsLimits {
    fn default() -> Self {
        Self { max_metrics: 500, max_series: 1000 }
    }
}

/// A handle to the metrics that the nodes of a host keep: in memory, gone with the process.
#[derive(Clone, Debug, Default)]
pub struct NodeMetrics(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    limits: MetricsLimits,
    metrics: Mutex<BTreeMap<String, Metric>>,
}

#[derive(Debug)]
struct Metric {
    kind: MetricKind,
    help: String,
    /// The finite upper bounds of a histogram's ranges.
    bounds: Vec<f64>,
    series: BTreeMap<Vec<(String, String)>, State>,
}

#[derive(Debug)]
enum State {
    Number(f64),
    /// How many values fell into each range, the last one without bound; and their sum.
    Histogram(Vec<u64>, f64),
}

/// What is told of a metric.
#[derive(Clone, Debug)]
pub(super) struct Report<'r> {
    pub(super) name: &'r str,
    pub(super) kind: MetricKind,
    pub(super) help: &'r str,
    /// The finite upper bounds of a histogram's ranges, ascending.
    pub(super) bounds: &'r [f64],
    pub(super) labels: Vec<(String, String)>,
    pub(super) change: Change,
}

/// What a report changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// A counter or gauge moves by this.
    Add(f64),
    /// A gauge becomes this.
    Set(f64),
    /// A histogram has one value more.
    Observe(f64),
}

impl NodeMetrics {
    /// A registry with other limits.
    #[must_use]
    pub fn new(limits: MetricsLimits) -> Self {
        Self(Arc::new(Shared { limits, metrics: Mutex::default() }))
    }

    /// Takes a report and gives the new state.
    pub(super) fn take(&self, report: Report<'_>) -> Result<Sample> {
        let limits = self.0.limits;
        let mut metrics = self.lock();
        if !metrics.contains_key(report.name) {
            if metrics.len() >= limits.max_metrics {
                return Err(too_many(format!("there are {} metrics already", limits.max_metrics)));
            }
            let metric = Metric {
                kind: report.kind,
                help: report.help.to_owned(),
                bounds: report.bounds.to_vec(),
                series: BTreeMap::new(),
            };
            metrics.insert(report.name.to_owned(), metric);
        }
        let metric = metrics.get_mut(report.name);
        let metric = metric.ok_or_else(|| Error::internal("a metric is gone"))?;
        metric.check(&report)?;
        if !metric.series.contains_key(&report.labels) && metric.series.len() >= limits.max_series {
            let message = format!("`{}` has {} series already", report.name, limits.max_series);
            return Err(too_many(message).with_hint("a label with many values makes many series"));
        }
        let bounds = &metric.bounds;
        let state = metric.series.entry(report.labels).or_insert_with(|| match report.kind {
            MetricKind::Counter | MetricKind::Gauge => State::Number(0.0),
            MetricKind::Histogram => State::Histogram(vec![0; bounds.len() + 1], 0.0),
        });
        match (&mut *state, report.change) {
            (State::Number(number), Change::Add(by)) => *number += by,
            (State::Number(number), Change::Set(to)) => *number = to,
            (State::Histogram(counts, sum), Change::Observe(value)) => {
                counts[bounds.partition_point(|bound| *bound < value)] += 1;
                *sum += value;
            }
            _ => return Err(Error::internal("a change does not fit its metric")),
        }
        Ok(sample(bounds, state))
    }

    /// All metrics at this moment, by name.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Family> {
        let metrics = self.lock();
        let family = |(name, metric): (&String, &Metric)| Family {
            name: name.clone(),
            kind: metric.kind,
            help: metric.help.clone(),
            series: metric.series(),
        };
        metrics.iter().map(family).collect()
    }

    /// All metrics in the text format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        text::render(&self.snapshot())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Metric>> {
        self.0.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metric {
    /// Whether `report` is of the same metric.
    fn check(&self, report: &Report<'_>) -> Result<()> {
        let message = if self.kind != report.kind {
            format!("`{}` is a {}, not a {}", report.name, self.kind.as_str(), report.kind.as_str())
        } else if self.bounds != report.bounds {
            format!("`{}` has other buckets", report.name)
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Conflict, "metrics.kind", message)
            .with_hint("one name is one metric, whichever node keeps it"))
    }

    fn series(&self) -> Vec<Series> {
        let series = self.series.iter();
        series
            .map(|(labels, state)| Series { labels: labels.clone(), sample: sample(&self.bounds, state) })
            .collect()
    }
}

fn sample(bounds: &[f64], state: &State) -> Sample {
    match state {
        State::Number(number) => Sample::Number(*number),
        State::Histogram(counts, sum) => {
            let bounds = bounds.iter().copied().chain([f64::INFINITY]);
            let mut count = 0;
            let buckets = bounds.zip(counts).map(|(bound, within)| {
                count += within;
                (bound, count)
            });
            let buckets: Vec<_> = buckets.collect();
            Sample::Histogram { buckets, sum: *sum, count }
        }
    }
}

fn too_many(message: String) -> Error {
    Error::new(ErrorKind::Limit, "metrics.cardinality", message).with_retry(Retry::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report<'r>(name: &'r str, label: &str, change: Change) -> Report<'r> {
        let kind = match change {
            Change::Add(_) => MetricKind::Counter,
            Change::Set(_) => MetricKind::Gauge,
            Change::Observe(_) => MetricKind::Histogram,
        };
        let labels = vec![("l".to_owned(), label.to_owned())];
        let bounds: &[f64] = if kind == MetricKind::Histogram { &[1.0, 5.0] } else { &[] };
        Report { name, kind, help: "", bounds, labels, change }
    }

    #[test]
    fn a_value_falls_into_the_range_whose_bound_it_does_not_pass() {
        let metrics = NodeMetrics::default();
        for value in [0.5, 1.0, 1.1, 5.0, 6.0] {
            metrics.take(report("h", "a", Change::Observe(value))).unwrap();
        }
        let expected =
            Sample::Histogram { buckets: vec![(1.0, 2), (5.0, 4), (f64::INFINITY, 5)], sum: 13.6, count: 5 };
        assert_eq!(metrics.snapshot()[0].series[0].sample, expected);
    }

    #[test]
    fn series_and_metrics_are_bounded_and_those_that_are_there_go_on() {
        let metrics = NodeMetrics::new(MetricsLimits { max_metrics: 1, max_series: 2 });
        for label in ["a", "b"] {
            metrics.take(report("c", label, Change::Add(1.0))).unwrap();
        }
        for (name, label) in [("c", "d"), ("other", "a")] {
            let error = metrics.take(report(name, label, Change::Add(1.0))).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "metrics.cardinality"));
        }
        assert_eq!(metrics.take(report("c", "a", Change::Add(2.0))).unwrap(), Sample::Number(3.0));
    }

    #[test]
    fn one_name_is_one_metric() {
        let metrics = NodeMetrics::default();
        metrics.take(report("m", "a", Change::Add(1.0))).unwrap();
        let error = metrics.take(report("m", "a", Change::Set(1.0))).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "metrics.kind"));
        metrics.take(report("h", "a", Change::Observe(1.0))).unwrap();
        let other = Report { bounds: &[2.0], ..report("h", "a", Change::Observe(1.0)) };
        assert_eq!(metrics.take(other).unwrap_err().code(), "metrics.kind");
    }

    #[test]
    fn many_threads_lose_nothing() {
        let metrics = NodeMetrics::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        metrics.take(report("c", "a", Change::Add(1.0))).unwrap();
                    }
                });
            }
        });
        assert_eq!(metrics.snapshot()[0].series[0].sample, Sample::Number(4000.0));
    }
}
