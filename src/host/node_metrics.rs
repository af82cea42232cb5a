//! The metrics that nodes keep, among those of the host.

use kailash_nodes::ops::{Family, MetricKind, NodeMetrics, Sample};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

/// Tells what `MetricsCollector` nodes counted, under the names that their documents give.
#[derive(Debug)]
pub(super) struct NodeFamilies(pub(super) NodeMetrics);

impl Collector for NodeFamilies {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let families = self.0.snapshot();
        for family in &families {
            let kind = match family.kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
                MetricKind::Histogram => MetricType::Histogram,
            };
            let help = if family.help.is_empty() { "Kept by nodes" } else { &family.help };
            let mut metric = encoder.encode_descriptor(name_of(family, &families), help, None, kind)?;
            for series in &family.series {
                match series.labels.as_slice() {
                    [] => encode(&mut metric, family.kind, &series.sample)?,
                    labels => encode(&mut metric.encode_family(&labels)?, family.kind, &series.sample)?,
                }
            }
        }
        Ok(())
    }
}

/// The name of the family: that of a counter is without the `_total` that its samples have, unless another has it.
fn name_of<'f>(family: &'f Family, all: &[Family]) -> &'f str {
    match family.name.strip_suffix("_total") {
        Some(name) if family.kind == MetricKind::Counter && all.iter().all(|other| other.name != name) => {
            name
        }
        _ => &family.name,
    }
}

fn encode(metric: &mut MetricEncoder<'_>, kind: MetricKind, sample: &Sample) -> std::fmt::Result {
    match sample {
        Sample::Number(number) if kind == MetricKind::Counter => {
            metric.encode_counter::<NoLabelSet, f64, f64>(number, None)
        }
        Sample::Number(number) => metric.encode_gauge(number),
        Sample::Histogram { buckets, sum, count } => {
            let mut below = 0;
            let each = buckets
                .iter()
                .map(|(bound, within)| (*bound, within - std::mem::replace(&mut below, *within)));
            metric.encode_histogram::<NoLabelSet>(*sum, *count, &each.collect::<Vec<_>>(), None)
        }
    }
}
