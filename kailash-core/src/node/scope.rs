//! Workflows inside a workflow: run once, or once for each item of a list.

use crate::{Path, Text, Workflow};

/// An input of an inner node that is fed from outside.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The position of the value among the outer node's inputs.
    pub outer: usize,
    /// The inner node.
    pub node: Text,
    /// Its input.
    pub input: Text,
}

/// An output of an inner node that is handed outside.
#[derive(Clone, Debug)]
pub struct Tap {
    /// The inner node.
    pub node: Text,
    /// The position of its output.
    pub output: usize,
    /// The way into that output.
    pub path: Option<Path>,
}

/// What to do when the inner workflow fails for one item.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OnItemError {
    /// The whole node fails.
    #[default]
    Fail,
    /// The item's result is null.
    Null,
}

/// How the inner workflow is repeated.
#[derive(Clone, Debug)]
pub enum Repeat {
    /// It runs once. The outer outputs are the taps in order; with `results_at`, that port is a map
    /// of every inner node's outputs.
    ///
    /// With `error_at` a failure within is no failure of the node. Whatever the policy of the run, all that does not depend
    /// on what failed still runs to its end; then that port alone has a value, a map of `kind`, `code`, `message` and
    /// `node`, the unit that failed. Of several failures it is that of the unit whose id comes first, so that a replay tells
    /// the same. Without a failure the port is a branch not taken. A run that ends is not held up.
    Once {
        /// The port of the map of all results.
        results_at: Option<usize>,
        /// The port of the error.
        error_at: Option<usize>,
    },
    /// It runs for each item of the list at outer input `items`; the one outer output is the list of the first tap's
    /// values, in the order of the items.
    ForEach {
        /// The position of the list among the outer inputs; feeds from this position get the item.
        items: usize,
        /// How many items may be under way at a time.
        max_concurrency: usize,
        /// What a failed item does.
        on_error: OnItemError,
    },
}

/// A workflow inside a workflow. It is a part of the plan: no runtime is called from within a body.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The inner workflow.
    pub workflow: Workflow,
    /// What goes in.
    pub feeds: Vec<Feed>,
    /// What comes out.
    pub taps: Vec<Tap>,
    /// How often it runs.
    pub repeat: Repeat,
}
