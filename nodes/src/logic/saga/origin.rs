//! Where an input of a step gets its value: an input of the saga, or an output of an action.

use kailash_core::{Text, nearest, validate::Issue};

/// The first segment of an input of the saga.
pub(super) const INPUTS: &str = "inputs";
/// The first segment of an output of a compensation's own action.
pub(super) const ACTION: &str = "action";
/// The first segment of what a compensation is told of the failure.
pub(super) const FAILURE: &str = "failure";

/// Where a value comes from, and the way into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) root: Root,
    pub(super) path: Vec<Text>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// An input of the saga.
    Input(Text),
    /// An output of the action of a step; without a name all of them, as a map.
    Output { step: Text, output: Option<Text> },
    /// What is known of the failure.
    Failure,
}

impl Origin {
    /// Reads `inputs.NAME`, `STEP.OUTPUT`, `action.OUTPUT` or `failure`, each with a dot path behind it. `before` are the
    /// steps whose actions have ended; `own` is the step of a compensation.
    pub(super) fn parse(text: &str, before: &[&str], own: Option<&str>) -> Result<Self, Issue> {
        let mut segments = text.split('.').map(Text::from);
        let head = segments.next().unwrap_or_default();
        let mut rest: Vec<Text> = segments.collect();
        if rest.iter().chain([&head]).any(|segment| segment.is_empty()) {
            let issue = Issue::error("saga.origin", format!("`{text}` is not where a value comes from"));
            return Err(issue.hint("`inputs.NAME` or `STEP.OUTPUT`, with a dot path if need be"));
        }
        let root = match (head.as_str(), own) {
            (INPUTS, _) if rest.is_empty() => {
                let issue = Issue::error("saga.origin", "`inputs` names no input of the saga");
                return Err(issue.hint("`inputs.NAME`"));
            }
            (INPUTS, _) => Root::Input(rest.remove(0)),
            (FAILURE, Some(_)) => Root::Failure,
            (ACTION, Some(own)) => output(own.into(), &mut rest),
            (step, _) if before.contains(&step) || own == Some(step) => output(head, &mut rest),
            (other, _) => {
                let message =
                    format!("`{other}` is neither `inputs` nor a step whose action has ended by then");
                let reserved: &[&str] = if own.is_some() { &[INPUTS, ACTION, FAILURE] } else { &[INPUTS] };
                let known = || before.iter().chain(reserved).copied();
                let issue = Issue::error("saga.origin", message);
                return Err(match nearest(other, known()) {
                    Some(near) => issue.hint(format!("did you mean `{near}`?")),
                    None => issue.hint(format!("there are: {}", known().collect::<Vec<_>>().join(", "))),
                });
            }
        };
        Ok(Self { root, path: rest })
    }
}

fn output(step: Text, rest: &mut Vec<Text>) -> Root {
    Root::Output { step, output: (!rest.is_empty()).then(|| rest.remove(0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Origin, Issue> {
        Origin::parse(text, &["car", "hotel"], Some("flight"))
    }

    #[test]
    fn an_origin_is_an_input_an_output_or_the_failure() {
        let root = |text| parse(text).unwrap().root;
        assert_eq!(root("inputs.order.id"), Root::Input("order".into()));
        let car = Root::Output { step: "car".into(), output: Some("response".into()) };
        assert_eq!(root("car.response.id"), car);
        assert_eq!(parse("car.response.id").unwrap().path, ["id"]);
        assert_eq!(root("action"), Root::Output { step: "flight".into(), output: None });
        assert_eq!(root("flight"), root("action"));
        assert_eq!(parse("failure.error.code").unwrap().path, ["error", "code"]);
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_nearest_that_is() {
        for text in ["", "car.", ".x", "inputs", "a..b"] {
            assert_eq!(parse(text).unwrap_err().code, "saga.origin", "{text}");
        }
        assert_eq!(parse("hotl.response").unwrap_err().hint.as_deref(), Some("did you mean `hotel`?"));
        let action = Origin::parse("failure.error", &["car"], None).unwrap_err();
        assert_eq!(action.hint.as_deref(), Some("there are: car, inputs"));
    }
}
