//! Waits for a time.

use std::time::Duration;

use kailash_core::{
    Error, Kind, Result, Value,
    node::{Body, BuildContext, Input, NodeType, Outcome, Output, Outputs, Setup, Spec, Wake, Woken},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The longest wait: a hundred years.
const MAX_SECONDS: f64 = 100.0 * 366.0 * 86_400.0;

/// Waits for some seconds and then gives on what it was given. Under a host the run costs nothing meanwhile, and the wait
/// goes on through restarts: it ends so many seconds after it began, wherever the time went.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delay {}

impl NodeType for Delay {
    fn spec() -> Spec {
        Spec::new("Delay", "operations", "Waits for some seconds and gives on what it was given.")
            .inputs([
                Input::required("seconds", Kind::Number, "How long, in seconds."),
                Input::optional("data", Kind::Any, "What is given on."),
            ])
            .outputs([Output::new("data", Kind::Any, "What was given; null if nothing was.")])
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        match setup.config.get("seconds").and_then(Value::as_f64) {
            Some(given) => seconds(given).map(drop).map_err(|error| error.at("seconds")),
            None => Ok(()),
        }
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let body = Body::inline(|mut inputs, cx| {
            if inputs.woken() == Some(&Woken::Time) {
                return Ok(Outputs::one(inputs.take(1).unwrap_or_default()).into());
            }
            let wait = seconds(inputs.number(0)?.unwrap_or_default())?;
            Ok(Outcome::Suspend(Wake::At(cx.clock().now().after(wait))))
        });
        Ok(body.suspending())
    }
}

/// A number of seconds that can be waited for.
pub(super) fn seconds(given: f64) -> Result<Duration> {
    if !(0.0..=MAX_SECONDS).contains(&given) {
        let message = format!("{given} is no number of seconds that can be waited for");
        return Err(Error::invalid("wait.seconds", message).with_hint("from 0 to a hundred years"));
    }
    Ok(Duration::from_secs_f64(given))
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    #[tokio::test]
    async fn it_waits_before_it_gives() {
        let node = NodeTest::new::<Delay>(value!({"seconds": 60}), &Services::default()).unwrap();
        let waits = node.outcome(value!({"data": 7}), None).await.unwrap();
        let Outcome::Suspend(Wake::At(_)) = waits else { panic!("it waits for a time: {waits:?}") };
        let given = node.outcome(value!({"data": 7}), Some(Woken::Time)).await.unwrap();
        assert_eq!(given, Outputs::one(7).into());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [-1.0, 1e300, f64::INFINITY] {
            let refused = NodeTest::new::<Delay>(value!({"seconds": wrong}), &Services::default());
            assert!(refused.err().unwrap().to_string().contains("seconds"), "{wrong}");
        }
        assert_eq!(seconds(f64::NAN).unwrap_err().code(), "wait.seconds");
    }
}
