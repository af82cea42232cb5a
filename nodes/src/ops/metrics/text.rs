//! Metrics in the text format of Prometheus (version 0.0.4).

use super::{Family, Sample};

/// The text of `families`.
pub(super) fn render(families: &[Family]) -> String {
    let mut out = String::new();
    families.iter().for_each(|family| add_family(&mut out, family));
    out
}

fn add_family(out: &mut String, family: &Family) {
    let name = &family.name;
    if !family.help.is_empty() {
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        out.push_str(&format!("# HELP {name} {help}\n"));
    }
    out.push_str(&format!("# TYPE {name} {}\n", family.kind.as_str()));
    for series in &family.series {
        match &series.sample {
            Sample::Number(value) => add_line(out, name, &series.labels, None, &number(*value)),
            Sample::Histogram { buckets, sum, count } => {
                let bucket = format!("{name}_bucket");
                for (bound, within) in buckets {
                    add_line(out, &bucket, &series.labels, Some(*bound), &within.to_string());
                }
                add_line(out, &format!("{name}_sum"), &series.labels, None, &number(*sum));
                add_line(out, &format!("{name}_count"), &series.labels, None, &count.to_string());
            }
        }
    }
}

fn add_line(out: &mut String, name: &str, labels: &[(String, String)], bound: Option<f64>, value: &str) {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escape(text)));
    let bound = bound.map(|bound| format!("le=\"{}\"", number(bound)));
    let labels: Vec<String> = labels.chain(bound).collect();
    out.push_str(name);
    if !labels.is_empty() {
        out.push_str(&format!("{{{}}}", labels.join(",")));
    }
    out.push_str(&format!(" {value}\n"));
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{MetricKind, Series},
        *,
    };

    #[test]
    fn every_kind_is_written_as_prometheus_reads_it() {
        let labels = |value: &str| vec![("site".to_owned(), value.to_owned())];
        let family = |name: &str, kind, help: &str, labels, sample| Family {
            name: name.into(),
            kind,
            help: help.into(),
            series: vec![Series { labels, sample }],
        };
        let families = [
            family(
                "jobs_total",
                MetricKind::Counter,
                "Jobs\ndone.",
                labels("a\"b\\c\nd"),
                Sample::Number(3.0),
            ),
            family("temp", MetricKind::Gauge, "", vec![], Sample::Number(-1.5)),
            family(
                "took",
                MetricKind::Histogram,
                "Seconds.",
                labels("x"),
                Sample::Histogram { buckets: vec![(0.5, 1), (f64::INFINITY, 2)], sum: 2.25, count: 2 },
            ),
        ];
        insta::assert_snapshot!(render(&families), @r#"
        # HELP jobs_total Jobs\ndone.
        # TYPE jobs_total counter
        jobs_total{site="a\"b\\c\nd"} 3
        # TYPE temp gauge
        temp -1.5
        # HELP took Seconds.
        # TYPE took histogram
        took_bucket{site="x",le="0.5"} 1
        took_bucket{site="x",le="+Inf"} 2
        took_sum{site="x"} 2.25
        took_count{site="x"} 2
        "#);
    }
}
