//! `AuditLog`: who did what, appended to a file in which tampering shows.

use std::path::PathBuf;

use kailash_core::{
    Error, Kind, Map, Result, Text, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{AuditLogs, file::Verified, redact::redact};
use crate::data::WorkDir;
use crate::operation;

/// Appends a record of who did what to a file, one line of JSON each, and answers when it is on the disk.
///
/// Each line carries the hash of the one before and its own (BLAKE3), so that a change shows; operation `verify` looks.
/// That lines at the end were cut off, or written anew with their hashes, shows only to who kept the `hash` of one of them
/// elsewhere and gives it as `expected_hash`. A node that runs again after a crash does not write its record twice: it is
/// known by its key among the last 10,000 records. One process writes to a file at a time.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditLog {
    /// The names of fields of `details`, at any depth and in any case, whose values are not written.
    redact: Vec<String>,
}

const FILE_PATH: usize = 0;
const OPERATION: usize = 1;
const ACTION: usize = 2;
const ACTOR: usize = 3;
const RESOURCE: usize = 4;
const OUTCOME: usize = 5;
const DETAILS: usize = 6;
const EXPECTED: usize = 7;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Append,
    Verify,
}

impl Operation {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "append" | "log" => Ok(Self::Append),
            "verify" => Ok(Self::Verify),
            other => Err(Error::invalid("audit.operation", format!("unknown operation `{other}`"))
                .with_hint("append or verify")),
        }
    }
}

impl NodeType for AuditLog {
    fn spec() -> Spec {
        let spec = Spec::new(
            "AuditLog",
            "operations",
            "Appends who did what to a log in which tampering shows.",
        )
        .inputs([
            Input::with_default(
                "file_path",
                Kind::Text,
                "audit.jsonl",
                "The file of the log; its folder has to be there.",
            ),
            Input::with_default(
                "operation",
                Kind::Text,
                "append",
                "Append, or verify: check the chain of the whole file.",
            ),
            Input::optional("action", Kind::Text, "What was done; needed to append."),
            Input::optional("actor", Kind::Text, "Who did it."),
            Input::optional("resource", Kind::Text, "What it was done to."),
            Input::with_default("outcome", Kind::Text, "success", "How it ended."),
            Input::optional("details", Kind::Any, "More about it."),
            Input::optional(
                "expected_hash",
                Kind::Text,
                "The hash of a line as it was given before: on verify, a log without that line was cut off or rewritten.",
            ),
        ])
        .outputs([
            Output::new("seq", Kind::Int, "The number of the record, from 1; of the last one for verify."),
            Output::new(
                "hash",
                Kind::Text,
                "The hash of its line, which the line carries as well: keep it elsewhere to prove what stood in the log.",
            ),
            Output::new(
                "repeated",
                Kind::Bool,
                "Whether this unit's record was there already; only for append.",
            ),
            Output::new("valid", Kind::Bool, "Whether the chain holds; only for verify."),
            Output::new(
                "problem",
                Kind::Text,
                "What is wrong with the chain; only for verify and if it does not hold.",
            ),
            Output::new("success", Kind::Bool, "True."),
        ])
        .effect(Effect::Effectful);
        Spec { honours_key: true, ..spec }
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        operation::check_configured(setup, Operation::parse)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let logs = cx.services.get::<AuditLogs>().cloned().unwrap_or_default();
        let (dir, names) = (WorkDir::of(cx), self.redact.clone());
        Ok(Body::future(move |inputs: Inputs, cx: Context| {
            let job = Job::new(inputs, &dir, &names, &cx);
            let logs = logs.clone();
            async move {
                let job = job?;
                cx.blocking(move || job.run(&logs)).await.map(Outcome::Done)
            }
        }))
    }
}

/// What one run asks for.
enum Job {
    Append(PathBuf, Map, Text),
    Verify(PathBuf, Option<Text>),
}

impl Job {
    fn new(mut inputs: Inputs, dir: &WorkDir, names: &[String], cx: &Context) -> Result<Self> {
        let path = dir.checked(&inputs.text(FILE_PATH)?)?;
        let operation = Operation::parse(&inputs.text(OPERATION)?)?;
        let given = |value: &Value| !value.is_null();
        if operation == Operation::Verify {
            let expected = inputs.take(EXPECTED).filter(given);
            return Ok(Self::Verify(path, expected.and_then(|hash| hash.as_str().map(Text::from))));
        }
        let (unit, key) = (cx.unit(), Text::from(cx.idempotency_key()));
        let action = inputs.take(ACTION).filter(given);
        let action = action.ok_or_else(|| Error::missing("audit.action", "a record needs `action`"))?;
        let mut record = Map::with_capacity(10);
        record.insert("at", cx.clock().now().to_string());
        record.insert("action", action);
        for (name, index) in [("actor", ACTOR), ("resource", RESOURCE), ("outcome", OUTCOME)] {
            if let Some(value) = inputs.take(index).filter(given) {
                record.insert(name, value);
            }
        }
        if let Some(details) = inputs.take(DETAILS).filter(given) {
            record.insert("details", redact(details, names));
        }
        record.insert("run", unit.run.to_string());
        record.insert("unit", unit.to_string());
        record.insert("key", key.clone());
        Ok(Self::Append(path, record, key))
    }

    fn run(self, logs: &AuditLogs) -> Result<Outputs> {
        let mut outputs = Outputs::none(6);
        outputs.set(5, true);
        match self {
            Self::Append(path, record, key) => {
                let appended = logs.append(&path, &record, &key)?;
                outputs.set(0, appended.tip.seq);
                outputs.set(1, appended.tip.hash);
                outputs.set(2, appended.repeated);
            }
            Self::Verify(path, expected) => match logs.verify(&path, expected.as_ref()) {
                Ok(Verified { tip, has_expected }) => {
                    if !has_expected {
                        outputs.set(4, format!("none of {} lines has the expected hash", tip.seq));
                    }
                    outputs.set(3, has_expected);
                    outputs.set(0, tip.seq);
                    outputs.set(1, tip.hash);
                }
                Err(error) if error.code() == "audit.broken" => {
                    outputs.set(3, false);
                    outputs.set(4, error.message());
                }
                Err(error) => return Err(error),
            },
        }
        Ok(outputs)
    }
}
