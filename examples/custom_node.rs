//! A node type of one's own, in a workflow with those of the catalog: where does a series peak?
//!
//! `cargo run --example custom_node`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use kailash::{
    Error, Kind, LocalRuntime, Params, Registry, Result, Value, WorkflowBuilder,
    node::{Body, BuildContext, Input, NodeType, Outcome, Output, Outputs, Spec},
    value,
};

/// Finds the item whose field is largest.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Peak {
    /// The field to compare; its values are numbers.
    field: String,
}

impl NodeType for Peak {
    fn spec() -> Spec {
        Spec::new("Peak", "series", "Finds the item whose field is largest.")
            .inputs([Input::required("rows", Kind::List, "Maps that have the field.")])
            .outputs([Output::new("peak", Kind::Map, "The item; of several the first.")])
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let field = self.field.clone();
        Ok(Body::compute(move |mut inputs, cx| {
            let mut peak: Option<(f64, Value)> = None;
            for row in inputs.list(0)? {
                cx.check()?;
                let number = row.get(&field).and_then(Value::as_f64).ok_or_else(|| {
                    Error::invalid("peak.field", format!("an item has no number `{field}`"))
                })?;
                if peak.as_ref().is_none_or(|(highest, _)| number > *highest) {
                    peak = Some((number, row));
                }
            }
            let (_, row) = peak.ok_or_else(|| Error::missing("peak.empty", "there are no items"))?;
            Ok(Outcome::Done(Outputs::one(row)))
        }))
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut registry = Registry::new();
    kailash::register_all(&mut registry)?;
    registry.register::<Peak>()?;

    let mut builder = WorkflowBuilder::new("peak");
    builder
        .add_node(
            "CSVReader",
            "read",
            value!({"file_path": "examples/data/nab/nyc_taxi.csv", "infer_types": true}),
        )
        .add_node("Peak", "peak", value!({"field": "value"}))
        .add_node(
            "Template",
            "say",
            value!({"template": "peak at {{ row.timestamp }}: {{ row.value }} passengers"}),
        )
        .connect("read.data", "peak.rows")
        .connect("peak.peak", "say.row");
    let workflow = builder.build(&registry)?;

    let runtime = LocalRuntime::new(kailash::services_in(".")?);
    let (results, _) = runtime.execute(&workflow, Params::new())?;
    println!("{}", results.get("say", "text").and_then(Value::as_str).unwrap_or_default());
    Ok(())
}
