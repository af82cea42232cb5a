//! Run parameters on a command line: `--param node.name=value`, `--param name=value` and `--params FILE`.

use std::path::PathBuf;

use kailash_core::{
    Error, Value, Workflow,
    format::Syntax,
    validate::{Issue, Issues},
    workflow::Params,
};

use super::{refusal::Refusal, source::Source};

/// Values for inputs. What comes first in `--param`, `--params`, the document's `parameters` wins.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ParamArgs {
    /// A value for an input: `node.name=value` for one node, `name=value` for every node that has it. The value is
    /// JSON, else text
    #[arg(long, value_name = "[NODE.]NAME=VALUE")]
    param: Vec<String>,
    /// A JSON or YAML file of values: `{node: {name: value}}` or `{name: value}`
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
}

/// Parameters whose files were read.
pub(super) struct Given<'a> {
    param: &'a [String],
    file: Option<Source>,
}

impl ParamArgs {
    /// Reads the parameters for `workflow`.
    ///
    /// # Errors
    /// A file that cannot be read or holds no map, and a `--param` without `=`.
    pub(super) fn read(&self, workflow: &Workflow) -> Result<Params, Refusal> {
        self.files()?.of(workflow)
    }

    /// Reads the files.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn files(&self) -> Result<Given<'_>, Refusal> {
        let file = self.params.as_deref().map(Source::read).transpose()?;
        Ok(Given { param: &self.param, file })
    }
}

impl Given<'_> {
    /// The parameters for `workflow`.
    ///
    /// # Errors
    /// A file that holds no map, and a `--param` without `=`.
    pub(super) fn of(self, workflow: &Workflow) -> Result<Params, Refusal> {
        let mut params = match self.file {
            Some(file) => from_file(file, workflow)?,
            None => Params::new(),
        };
        let mut flags = Params::new();
        for text in self.param {
            let (name, value) = split(text)?;
            let value = Value::from_json(value).unwrap_or_else(|_| Value::from(value));
            match end(name, workflow) {
                Some((node, name)) => flags.set(node, name, value),
                None => flags.set_everywhere(name, value),
            }
        }
        // A name for all nodes also goes before what the file gives to single nodes.
        let single: Vec<_> = params.nodes().map(|(node, inputs)| (node.clone(), inputs.clone())).collect();
        for (node, inputs) in single {
            for name in inputs.keys() {
                if let Some(value) = flags.everywhere().get(name) {
                    params.set(node.clone(), name.clone(), value.clone());
                }
            }
        }
        Ok(params.overlaid(flags))
    }
}

fn split(text: &str) -> Result<(&str, &str), Refusal> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => {
            let issue = Issue::error("param.form", format!("`--param {text}` is not of the form name=value"));
            Err(Refusal::of(
                issue.hint("write node.name=value for one node, name=value for all that have it"),
            ))
        }
    }
}

/// The node and the input that `name` is made of: the longest node id that it begins with. A first part that is no node
/// is taken for one all the same, so that the message names it.
fn end<'n>(name: &'n str, workflow: &Workflow) -> Option<(&'n str, &'n str)> {
    let dots = name.match_indices('.').map(|(at, _)| (&name[..at], &name[at + 1..]));
    let mut known = dots.filter(|(node, input)| !input.is_empty() && workflow.position(node).is_some());
    known.next_back().or_else(|| name.split_once('.'))
}

fn from_file(source: Source, workflow: &Workflow) -> Result<Params, Refusal> {
    let value = match source.syntax {
        Syntax::Json => Value::from_json(&source.text),
        Syntax::Yaml => {
            let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
            serde_saphyr::from_str_with_options(&source.text, options).map_err(|error| {
                let place = error.location().map(|at| format!("line {} column {}", at.line(), at.column()));
                let error = Error::invalid("params.syntax", error.to_string());
                place.into_iter().fold(error, Error::at)
            })
        }
    };
    match value.map(Value::into_map) {
        Ok(Ok(map)) => Ok(Params::from_map(map, |id| workflow.position(id).is_some())),
        Ok(Err(other)) => {
            let message = format!("run parameters are a map, not {}", other.kind());
            let issue =
                Issue::error("params.shape", message).hint("write {node: {name: value}} or {name: value}");
            Err(Refusal::in_source(source, Issues(vec![issue])))
        }
        Err(error) => Err(Refusal::in_source(source, error.into())),
    }
}
