//! Groups of items with their metrics, in the order in which they were first seen.

use std::collections::HashMap;

use kailash_core::{Error, ErrorKind, Map, Result, Retry, Text, Value};

use super::{
    field::{Field, at_item},
    metric::{Metrics, Tally},
};

/// What is grouped by and computed; shared by runs.
#[derive(Debug)]
pub(super) struct Plan {
    group_by: Vec<Field>,
    metrics: Vec<(Text, Option<Field>, Tally)>,
    max_groups: usize,
}

impl Plan {
    /// The plan of a config.
    pub(super) fn new(group_by: &[String], metrics: &Metrics, max_groups: usize) -> Self {
        let metric = |(name, metric): &(Text, super::metric::Metric)| {
            (name.clone(), metric.field.as_deref().map(Field::new), Tally::new(metric.op))
        };
        Self {
            group_by: group_by.iter().map(|name| Field::new(name)).collect(),
            metrics: metrics.0.iter().map(metric).collect(),
            max_groups,
        }
    }
}

struct Group {
    keys: Vec<Value>,
    tallies: Vec<Tally>,
}

/// The groups of the items so far.
#[derive(Default)]
pub(super) struct Groups {
    by_key: HashMap<String, usize>,
    groups: Vec<Group>,
    items: usize,
}

impl Groups {
    /// Takes the next item.
    pub(super) fn add(&mut self, plan: &Plan, item: &Value) -> Result<()> {
        let index = self.items;
        self.items += 1;
        let group = self.group(plan, item).map_err(|error| at_item(error, index))?;
        for (tally, (_, field, _)) in group.tallies.iter_mut().zip(&plan.metrics) {
            tally.add(field.as_ref(), item).map_err(|error| at_item(error, index))?;
        }
        Ok(())
    }

    fn group(&mut self, plan: &Plan, item: &Value) -> Result<&mut Group> {
        let keys: Vec<Value> = plan.group_by.iter().map(|field| field.of(item).unwrap_or_default()).collect();
        let key = fingerprint(&keys)?;
        let position = match self.by_key.get(&key) {
            Some(position) => *position,
            None if self.groups.len() >= plan.max_groups => {
                let message = format!("there are more than {} groups", plan.max_groups);
                let error = Error::new(ErrorKind::Limit, "aggregate.groups", message);
                return Err(error
                    .with_retry(Retry::Never)
                    .with_hint("group by fewer fields, or raise `max_groups`"));
            }
            None => {
                self.groups.push(Group { keys, tallies: fresh(plan) });
                self.by_key.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        Ok(&mut self.groups[position])
    }

    /// One map for each group; without `group_by` one map, also of no items.
    pub(super) fn finish(mut self, plan: &Plan) -> Vec<Value> {
        if plan.group_by.is_empty() && self.groups.is_empty() {
            self.groups.push(Group { keys: Vec::new(), tallies: fresh(plan) });
        }
        self.groups.into_iter().map(|group| group.finish(plan)).collect()
    }
}

impl Group {
    fn finish(self, plan: &Plan) -> Value {
        let keys = plan.group_by.iter().map(|field| Text::from(field.name())).zip(self.keys);
        let metrics = plan.metrics.iter().zip(self.tallies);
        keys.chain(metrics.map(|((name, ..), tally)| (name.clone(), tally.finish()))).collect::<Map>().into()
    }
}

fn fresh(plan: &Plan) -> Vec<Tally> {
    plan.metrics.iter().map(|(_, _, tally)| tally.clone()).collect()
}

/// A text that two lists of keys share exactly if they are equal; 1 and 1.0 are.
fn fingerprint(keys: &[Value]) -> Result<String> {
    let mut text = String::new();
    for key in keys {
        match key.as_i64() {
            Some(integer) => text.push_str(&integer.to_string()),
            None => text.push_str(&key.to_json()?),
        }
        text.push(',');
    }
    Ok(text)
}
