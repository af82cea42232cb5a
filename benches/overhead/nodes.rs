//! Trivial node types, so that what is measured is everything else.

use std::{sync::OnceLock, time::Instant};

use kailash::{
    Kind, Registry, Result, Value,
    node::{Body, BuildContext, Input, NodeType, Outcome, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

fn total(inputs: &kailash::node::Inputs) -> i64 {
    (0..inputs.len()).filter_map(|at| inputs.get(at).and_then(Value::as_i64)).sum()
}

fn done(value: impl Into<Value>) -> Result<Outcome> {
    Ok(Outcome::Done(Outputs::one(value)))
}

macro_rules! node {
    ($type:ident, [$($input:literal),*], $open:expr, $body:expr) => {
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $type {
            #[serde(default)]
            #[expect(dead_code, reason = "gives documents something to say")]
            step: i64,
        }

        impl NodeType for $type {
            fn spec() -> Spec {
                let spec = Spec::new(stringify!($type), "bench", "a bench node")
                    .inputs([$(Input::optional($input, Kind::Any, "a number")),*])
                    .outputs([Output::new("out", Kind::Any, "a number")]);
                if $open { spec.open_inputs() } else { spec }
            }

            fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
                Ok($body)
            }
        }
    };
}

node!(Add, ["a"], false, Body::inline(|inputs, _| done(total(&inputs) + 1)));
node!(Add3, ["a", "b", "c"], false, Body::inline(|inputs, _| done(total(&inputs) + 1)));
node!(Sum, [], true, Body::inline(|inputs, _| done(total(&inputs))));
node!(AddAsync, ["a"], false, Body::future(|inputs, _| async move { done(total(&inputs) + 1) }));
node!(Pass, ["a"], false, Body::inline(|mut inputs, _| done(inputs.value(0)?)));
node!(Spin, ["a"], false, Body::compute(|inputs, _| done(spin(total(&inputs) as u64, calibrate(101.0)))));
node!(
    Spin3,
    ["a", "b", "c"],
    false,
    Body::compute(|inputs, _| done(spin(total(&inputs) as u64, calibrate(101.0))))
);

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    let register = |registry: &mut Registry| {
        registry.register::<Add>()?;
        registry.register::<Add3>()?;
        registry.register::<Sum>()?;
        registry.register::<AddAsync>()?;
        registry.register::<Pass>()?;
        registry.register::<Spin>()?;
        registry.register::<Spin3>()
    };
    register(&mut registry).expect("names are distinct");
    registry
}

/// Arithmetic that no compiler shortens.
pub(crate) fn spin(seed: u64, rounds: u64) -> i64 {
    let mut x = seed | 1;
    for _ in 0..rounds {
        x = std::hint::black_box(
            x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407),
        );
    }
    (x >> 40) as i64
}

/// How many rounds take `micros` microseconds here; found once, as the best of several tries.
pub(crate) fn calibrate(micros: f64) -> u64 {
    static ROUNDS: OnceLock<u64> = OnceLock::new();
    *ROUNDS.get_or_init(|| {
        let probe = 1_000_000;
        let best = (0..20).map(|_| {
            let start = Instant::now();
            std::hint::black_box(spin(7, probe));
            start.elapsed().as_secs_f64() * 1e6
        });
        let best = best.fold(f64::INFINITY, f64::min);
        (probe as f64 * micros / best) as u64
    })
}
