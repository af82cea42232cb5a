//! Waits for a signal.

use std::time::Duration;

use kailash_core::{
    Error, ErrorKind, Kind, Result, Retry, Text,
    node::{Body, BuildContext, Input, NodeType, Outcome, Output, Outputs, Setup, Spec, Wake, Woken},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delay::seconds;

const DATA: usize = 0;
const RECEIVED: usize = 1;
const TIMED_OUT: usize = 2;

/// Waits until a signal by its name is sent to the run: `POST /runs/{run}/signal {"name", "value"}`, or
/// `RunControl::signal`. A signal that comes before the node waits is kept for it. Under a host the run costs nothing
/// meanwhile and survives restarts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalWait {
    /// The signal's name, 1 to 255 bytes.
    signal_name: String,
    /// How many seconds it is waited for; without it, as long as it takes.
    #[serde(default, alias = "timeout")]
    timeout_s: Option<f64>,
    /// What happens when the time is over.
    #[serde(default)]
    on_timeout: OnTimeout,
}

/// What happens when the time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnTimeout {
    /// The node fails with code `signal.timeout`.
    #[default]
    Fail,
    /// The branch `timed_out` is taken, and no other.
    Branch,
}

impl NodeType for SignalWait {
    fn spec() -> Spec {
        Spec::new("SignalWait", "operations", "Waits for a signal that is sent to the run.")
            .inputs([Input::optional("data", Kind::Any, "Given on by `timed_out`; what it waits behind.")])
            .outputs([
                Output::new("signal_data", Kind::Any, "The value that the signal brought."),
                Output::new("received", Kind::Bool, "True when the signal came."),
                Output::new(
                    "timed_out",
                    Kind::Any,
                    "A branch: `data`, or null, when the time was over before.",
                ),
            ])
    }

    fn configure(&mut self, _: &mut Setup<'_>) -> Result<()> {
        if self.signal_name.is_empty() || self.signal_name.len() > 255 {
            return Err(
                Error::invalid("signal.name", "a signal has a name of 1 to 255 bytes").at("signal_name")
            );
        }
        self.timeout_s.map(seconds).transpose().map(drop).map_err(|error| error.at("timeout_s"))
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let (name, on_timeout) = (Text::from(self.signal_name.as_str()), self.on_timeout);
        let timeout = self.timeout_s.map(seconds).transpose()?;
        let body = Body::inline(move |mut inputs, cx| match inputs.woken() {
            None => {
                let signal = name.clone();
                Ok(Outcome::Suspend(match timeout {
                    Some(timeout) => Wake::Either { signal, at: cx.clock().now().after(timeout) },
                    None => Wake::Signal(signal),
                }))
            }
            Some(Woken::Signal(value)) => {
                let mut outputs = Outputs::none(3);
                outputs.set(DATA, value.clone());
                outputs.set(RECEIVED, true);
                Ok(outputs.into())
            }
            Some(Woken::Time) if on_timeout == OnTimeout::Branch => {
                let mut outputs = Outputs::none(3);
                outputs.set(TIMED_OUT, inputs.take(0).unwrap_or_default());
                Ok(outputs.into())
            }
            Some(Woken::Time) => Err(too_late(&name, timeout.unwrap_or_default())),
        });
        Ok(body.suspending())
    }
}

fn too_late(name: &str, timeout: Duration) -> Error {
    let message = format!("the signal `{name}` did not come within {} s", timeout.as_secs_f64());
    Error::new(ErrorKind::Timeout, "signal.timeout", message).with_retry(Retry::Never)
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, Value, testing::NodeTest, value};

    use super::*;

    async fn outcome(config: Value, woken: Option<Woken>) -> Result<Outcome> {
        NodeTest::new::<SignalWait>(config, &Services::default())?.outcome(value!({"data": 1}), woken).await
    }

    #[tokio::test]
    async fn it_waits_for_its_signal_and_gives_what_that_brought() {
        let config = value!({"signal_name": "approved"});
        let waits = outcome(config.clone(), None).await.unwrap();
        assert_eq!(waits, Outcome::Suspend(Wake::Signal("approved".into())));
        let given = outcome(config, Some(Woken::Signal(7.into()))).await.unwrap();
        let Outcome::Done(mut given) = given else { panic!("it is done: {given:?}") };
        assert_eq!((given.take(0), given.take(1), given.take(2)), (Some(7.into()), Some(true.into()), None));
    }

    #[tokio::test]
    async fn when_the_time_is_over_it_fails_or_takes_a_branch() {
        let late = |more: Value| {
            let mut config = value!({"signal_name": "x", "timeout_s": 0.5}).into_map().unwrap();
            config.extend(more.into_map().unwrap());
            outcome(config.into(), Some(Woken::Time))
        };
        let error = late(value!({})).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code(), error.retry()),
            (ErrorKind::Timeout, "signal.timeout", Retry::Never)
        );
        let Outcome::Done(mut given) = late(value!({"on_timeout": "branch"})).await.unwrap() else {
            panic!()
        };
        assert_eq!((given.take(0), given.take(1), given.take(2)), (None, None, Some(1.into())));
        let waits = outcome(value!({"signal_name": "x", "timeout": 5}), None).await.unwrap();
        assert!(matches!(waits, Outcome::Suspend(Wake::Either { .. })), "{waits:?}");
    }

    #[tokio::test]
    async fn names_and_times_that_cannot_be_are_refused() {
        for (config, told) in [
            (value!({"signal_name": ""}), "1 to 255 bytes"),
            (value!({"signal_name": "x", "timeout_s": (-1)}), "no number of seconds"),
        ] {
            let error = outcome(config, None).await.unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
