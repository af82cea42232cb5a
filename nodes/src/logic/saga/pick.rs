//! Follows dot paths into values on their way to a step, where a wrong one is a failure of that step.

use kailash_core::{
    Error, Kind, Path, Result, Text,
    node::{Body, BuildContext, Input, NodeType, Output, Outputs, Ports, Setup, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Gives what its inputs hold at dot paths. An input without a value is an output without one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pick {
    /// The inputs by name, each with the way into it.
    picks: Vec<(String, Vec<String>)>,
}

impl NodeType for Pick {
    fn spec() -> Spec {
        Spec::new("saga:pick", "logic", "Follows dot paths into values on their way to a step.")
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        let names = || self.picks.iter().map(|(name, _)| name);
        setup.ports = Ports {
            inputs: names().map(|name| Input::optional(name, Kind::Any, "")).collect(),
            outputs: names().map(|name| Output::new(name, Kind::Any, "")).collect(),
            open_inputs: false,
        };
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let picks = self.picks.iter();
        let picks: Vec<(Text, Path)> = picks
            .map(|(name, path)| (Text::from(name), Path::new(path.iter().map(String::as_str))))
            .collect();
        Ok(Body::inline(move |mut inputs, _| {
            let mut outputs = Outputs::none(picks.len());
            for (at, (name, path)) in picks.iter().enumerate() {
                let Some(value) = inputs.take(at) else { continue };
                let value = path.resolve(&value).map_err(|segment| {
                    let message = format!("the value for `{name}` has no `{segment}` on the way `{path}`");
                    Error::missing("connection.path", message)
                        .with_hint("does the step before give what the dot path names?")
                })?;
                outputs.set(at, value);
            }
            Ok(outputs.into())
        }))
    }
}
