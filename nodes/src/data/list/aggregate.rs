//! `Aggregate`: metrics over the groups of a list or a stream, in memory that only the number of groups bounds.

use std::sync::Arc;

use async_trait::async_trait;
use kailash_core::{
    Error, Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Emit, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
        Stage,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    field::CHECK_EVERY,
    group::{Groups, Plan},
    metric::{Metrics, Op},
};

/// Computes metrics over groups of items.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::data) struct Aggregate {
    /// The fields whose values make a group, also dot paths; without them all items are one group.
    #[serde(default)]
    group_by: Vec<String>,
    /// The metrics by the name of their result: `{"total": {"op": "sum", "field": "price"}}`.
    metrics: Metrics,
    /// How many groups there may be.
    #[serde(default = "default_max_groups")]
    max_groups: usize,
}

fn default_max_groups() -> usize {
    1_000_000
}

impl NodeType for Aggregate {
    fn spec() -> Spec {
        Spec::new("Aggregate", "data", "Computes counts, sums, means and extremes over groups of items.")
            .inputs([Input::required("data", Kind::List, "The items.").streaming()])
            .outputs([Output::new(
                "result",
                Kind::List,
                "One map for each group, in the order first seen: its fields, then its metrics.",
            )])
    }

    fn configure(&mut self, _: &mut Setup<'_>) -> Result<()> {
        let wrong = |message: String| Err(Error::invalid("aggregate.metrics", message).at("metrics"));
        if self.metrics.0.is_empty() {
            return wrong("there is no metric".to_owned());
        }
        for (i, (name, metric)) in self.metrics.0.iter().enumerate() {
            if metric.field.is_none() && metric.op != Op::Count {
                return wrong(format!("`{name}` needs a `field`"));
            }
            let taken = self.group_by.iter().any(|field| *name == **field);
            if taken || self.metrics.0[..i].iter().any(|(other, _)| other == name) {
                return wrong(format!("`{name}` names two results"));
            }
        }
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let plan = Arc::new(Plan::new(&self.group_by, &self.metrics, self.max_groups));
        let stage_plan = plan.clone();
        let whole = move |mut inputs: Inputs, cx: &Context| {
            let mut groups = Groups::default();
            add(&mut groups, &plan, &inputs.value(0)?, cx)?;
            Ok(Outcome::Done(Outputs::one(groups.finish(&plan))))
        };
        let stage = move |_: Inputs, _: &Context| {
            let stage = AggregateStage { plan: stage_plan.clone(), groups: Groups::default() };
            Ok(Box::new(stage) as Box<dyn Stage>)
        };
        Ok(Body::compute(whole).with_stage(stage))
    }
}

fn add(groups: &mut Groups, plan: &Plan, data: &Value, cx: &Context) -> Result<()> {
    let items = data.as_list().ok_or_else(|| {
        Error::invalid("input.kind", format!("`data` wants a list of maps, not {}", data.kind()))
    })?;
    for chunk in items.chunks(CHECK_EVERY) {
        cx.check()?;
        chunk.iter().try_for_each(|item| groups.add(plan, item))?;
    }
    Ok(())
}

struct AggregateStage {
    plan: Arc<Plan>,
    groups: Groups,
}

#[async_trait]
impl Stage for AggregateStage {
    async fn process(&mut self, _: usize, items: Vec<Value>, _: &Context, _: &mut dyn Emit) -> Result<()> {
        items.iter().try_for_each(|item| self.groups.add(&self.plan, item))
    }

    async fn finish(&mut self, _: &Context, _: &mut dyn Emit) -> Result<Outputs> {
        Ok(Outputs::one(std::mem::take(&mut self.groups).finish(&self.plan)))
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Error, Services, testing::NodeTest, value};
    use proptest::prelude::*;

    use super::*;

    fn node(config: Value) -> Result<NodeTest> {
        NodeTest::new::<Aggregate>(config, &Services::default())
    }

    async fn aggregate(config: Value, data: Value) -> Result<Value> {
        let got = node(config)?.run(value!({"data": data})).await?;
        Ok(got.get("result").cloned().unwrap_or_default())
    }

    fn problem(config: Value) -> Error {
        node(config).err().unwrap()
    }

    #[tokio::test]
    async fn groups_come_in_the_order_first_seen_and_metrics_in_that_of_the_config() {
        let config = value!({"group_by": ["city"], "metrics": {
            "total": {"op": "sum", "field": "n"}, "avg": {"op": "mean", "field": "n"}, "count": {"op": "count"},
        }});
        let data = value!([{"city": "b", "n": "1"}, {"city": "a", "n": 5}, {"city": "b", "n": 2}, {"n": 0}]);
        let result = aggregate(config, data).await.unwrap();
        let expected = r#"[{"city":"b","total":3,"avg":1.5,"count":2},{"city":"a","total":5,"avg":5.0,"count":1},{"city":null,"total":0,"avg":0.0,"count":1}]"#;
        assert_eq!(result.to_json().unwrap(), expected);
    }

    #[tokio::test]
    async fn all_items_are_one_group_without_group_by() {
        let config = value!({"metrics": {"n": {"op": "count"}, "max": {"op": "max", "field": "v"}}});
        assert_eq!(
            aggregate(config.clone(), value!([{"v": 1}, {"v": 3}])).await.unwrap(),
            value!([{"n": 2, "max": 3}])
        );
        assert_eq!(aggregate(config, value!([])).await.unwrap(), value!([{"n": 0, "max": null}]));
    }

    #[tokio::test]
    async fn bad_input_is_refused_with_its_place() {
        let config = value!({"metrics": {"s": {"op": "sum", "field": "v"}}});
        let error = aggregate(config, value!([{"v": 1}, {"v": "x"}])).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("aggregate.number", Some("item 1")));
        assert_eq!(error.message(), "field `v` is `x`, not a number");
        let config = value!({"group_by": ["g"], "max_groups": 1, "metrics": {"n": {"op": "count"}}});
        let error = aggregate(config, value!([{"g": 1}, {"g": 1.0}, {"g": "1"}])).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("aggregate.groups", Some("item 2")));
        assert!(problem(value!({"metrics": {}})).message().contains("no metric"));
        assert!(problem(value!({"metrics": {"s": {"op": "sum"}}})).message().contains("needs a `field`"));
        let twice = value!({"group_by": ["n"], "metrics": {"n": {"op": "count"}}});
        assert!(problem(twice).message().contains("two results"));
    }

    proptest! {
        #[test]
        fn a_stream_gives_what_the_whole_gives(
            rows in prop::collection::vec((0_u8..4, -1e6_f64..1e6), 0..80),
            size in 1_usize..20,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let config = value!({"group_by": ["g"], "metrics": {
                    "n": {"op": "count"}, "sum": {"op": "sum", "field": "v"}, "std": {"op": "std", "field": "v"},
                    "min": {"op": "min", "field": "v"}, "last": {"op": "last", "field": "v"},
                }});
                let items: Vec<Value> = rows.into_iter().map(|(g, v)| value!({"g": g, "v": v})).collect();
                let whole = aggregate(config.clone(), Value::list(items.clone())).await.unwrap();
                let batches = items.chunks(size).map(<[Value]>::to_vec).collect();
                let streamed = node(config).unwrap().stream(value!({}), batches).await.unwrap();
                assert_eq!(streamed.outputs.get("result"), Some(&whole));
            });
        }
    }
}
