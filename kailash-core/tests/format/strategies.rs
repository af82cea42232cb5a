//! Generated documents.

use kailash_core::{
    Map, Text, Value,
    exec::{BreakerPolicy, FailurePolicy, NodeOptions, RetryPolicy},
    workflow::{ConnectionDraft, CycleDraft, Dialect, Document, NodeDraft},
};
use proptest::{collection::vec, option, prelude::*};

/// Text that is hard on readers and writers.
pub(crate) fn text() -> impl Strategy<Value = Text> {
    let hard = prop::sample::select(vec![
        "",
        "a",
        "b",
        "a.b",
        "true",
        "null",
        "~",
        "1",
        "1.0",
        "-",
        "no",
        "on",
        "<<",
        "#",
        "{",
        "x: y",
        " a ",
        "\n",
        "0x1f",
        ".inf",
        "1e3",
        "---",
        "...",
        "é",
        "a\nb\n",
        "  a\n b",
        "\u{85}",
        "\u{feff}",
        "\t",
        "\"",
        "'",
        "\\",
        "type",
        "config",
        "extra",
        "from",
        "to",
        "cycle",
        "node",
        "nodes",
        "id",
        "retry",
        "stream",
        "position",
        "description",
        "name",
        "format",
        "parameters",
        "connections",
        "metadata",
        "timeout_ms",
        "=",
        "!x",
        "&a",
        "*a",
        "?",
        "012",
        "1_000",
        "2020-01-01",
        "12:30:45",
        "y",
        "N",
        "0o7",
        "\u{7f}",
        "\u{2028}",
        "a: #b",
        "%a",
        "@a",
        "`a",
        "[a]",
        "|",
        ">",
        "| a",
        ">-",
        "- a",
        "a:",
        "+1",
        "-0",
        "1.",
        ".5",
        "0b1",
        "NaN",
        "\r\n",
        "\u{1}",
    ]);
    prop_oneof![3 => hard.prop_map(Text::from), 1 => "([^$\\PC]\\PC{0,12})?".prop_map(Text::from)]
}

/// Any value that JSON holds.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::from),
        (-1000_i32..1000).prop_map(|n| Value::from(f64::from(n) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::list),
            vec((text(), inner), 0..4).prop_map(|entries| Map::from_iter(entries).into()),
        ]
    })
}

fn map() -> impl Strategy<Value = Map> {
    vec((text(), value()), 0..4).prop_map(Map::from_iter)
}

fn options() -> impl Strategy<Value = NodeOptions> {
    let retry = (1_u32..9, any::<u64>()).prop_map(|(max_attempts, delay_ms)| RetryPolicy {
        max_attempts,
        delay_ms,
        ..RetryPolicy::default()
    });
    let breaker = (1_u32..9)
        .prop_map(|failure_threshold| BreakerPolicy { failure_threshold, ..BreakerPolicy::default() });
    (option::of(retry), option::of(breaker), option::of(any::<u64>()))
        .prop_map(|(retry, breaker, timeout_ms)| NodeOptions { retry, breaker, timeout_ms })
}

fn node() -> impl Strategy<Value = NodeDraft> {
    (text(), text(), map(), options(), map()).prop_map(|(id, type_name, config, options, extra)| NodeDraft {
        id,
        type_name,
        config,
        options,
        extra,
    })
}

fn cycle() -> impl Strategy<Value = CycleDraft> {
    let text = || option::of(text());
    (any::<u32>(), text(), text(), text(), text()).prop_map(
        |(max_iterations, convergence, condition, id, parent)| CycleDraft {
            max_iterations,
            convergence,
            condition,
            id,
            parent,
        },
    )
}

fn connection() -> impl Strategy<Value = ConnectionDraft> {
    (text(), text(), text(), text(), option::of(cycle()), any::<bool>(), map()).prop_map(
        |(from, output, to, input, cycle, stream, extra)| ConnectionDraft {
            from,
            output,
            to,
            input,
            cycle,
            stream,
            extra,
        },
    )
}

/// Any document of `dialect`.
pub(crate) fn document(dialect: Dialect) -> impl Strategy<Value = Document> {
    let policies = [FailurePolicy::FailFast, FailurePolicy::SkipDependents, FailurePolicy::Continue];
    let policy = option::of(prop::sample::select(policies.to_vec()));
    let parts = (text(), map(), policy, option::of(any::<u64>()), vec(node(), 0..5), any::<bool>());
    (parts, vec(connection(), 0..5), map()).prop_map(
        move |((name, parameters, on_failure, timeout_ms, mut nodes, nodes_as_list), connections, extra)| {
            let mut seen = std::collections::HashSet::new();
            nodes.retain(|node| seen.insert(node.id.clone()));
            Document {
                dialect,
                nodes_as_list,
                name,
                parameters,
                on_failure,
                timeout_ms,
                nodes,
                connections,
                extra,
            }
        },
    )
}
