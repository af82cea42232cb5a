//! What the three dialects call things.

use crate::workflow::Dialect;

/// How one dialect spells a document.
#[derive(Debug)]
pub(super) struct Form {
    /// The dialect.
    pub(super) dialect: Dialect,
    /// Whether unknown fields are refused: they belong under `extra` then.
    pub(super) strict: bool,
    /// Whether fields with their default are written: `name`, `config`, `connections`.
    pub(super) full: bool,
    /// The field of a node's id.
    pub(super) id: &'static str,
    /// Whether a node in a map by id repeats its id.
    pub(super) id_in_map: bool,
    /// The field of a node's type.
    pub(super) type_name: &'static str,
    /// The fields of a connection's ends: node, output, node, input.
    pub(super) ends: [&'static str; 4],
    /// Every field of a document that is understood.
    pub(super) top: &'static [&'static str],
    /// Every field of a node that is understood.
    pub(super) node: &'static [&'static str],
    /// Every field of a connection that is understood.
    pub(super) connection: &'static [&'static str],
}

impl Form {
    /// The form of `dialect`.
    pub(super) fn of(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::Own => &OWN,
            Dialect::Export => &EXPORT,
            Dialect::Builder => &BUILDER,
        }
    }

    /// Whether `config` may be called `parameters`, and ends `from` and `to`.
    pub(super) fn is_builder(&self) -> bool {
        self.dialect == Dialect::Builder
    }

    /// Whether a node's config carries what its type does not know: its id as `name`, and names with `_`.
    pub(super) fn is_export(&self) -> bool {
        self.dialect == Dialect::Export
    }
}

/// The cycle fields that stand beside a connection's ends, except `cycle` itself.
pub(super) const CYCLE: [&str; 5] =
    ["max_iterations", "convergence_check", "condition", "cycle_id", "parent_cycle"];

static OWN: Form = Form {
    dialect: Dialect::Own,
    strict: true,
    full: false,
    id: "id",
    id_in_map: false,
    type_name: "type",
    ends: ["from", "", "to", ""],
    top: &[
        "format",
        "name",
        "description",
        "version",
        "author",
        "metadata",
        "parameters",
        "on_failure",
        "timeout_ms",
        "nodes",
        "connections",
        "extra",
    ],
    node: &["id", "type", "config", "retry", "breaker", "timeout_ms", "position", "extra"],
    connection: &["from", "to", "cycle", "stream", "extra"],
};

static EXPORT: Form = Form {
    dialect: Dialect::Export,
    strict: false,
    full: true,
    id: "node_id",
    id_in_map: true,
    type_name: "node_type",
    ends: ["source_node", "source_output", "target_node", "target_input"],
    top: &["name", "parameters", "on_failure", "timeout_ms", "nodes", "connections", "format"],
    node: &["node_id", "node_type", "config", "retry", "breaker", "timeout_ms"],
    connection: &[
        "source_node",
        "source_output",
        "target_node",
        "target_input",
        "cycle",
        "max_iterations",
        "convergence_check",
        "condition",
        "cycle_id",
        "parent_cycle",
        "stream",
    ],
};

static BUILDER: Form = Form {
    dialect: Dialect::Builder,
    strict: false,
    full: true,
    id: "id",
    id_in_map: false,
    type_name: "type",
    ends: ["from_node", "from_output", "to_node", "to_input"],
    top: &["name", "parameters", "on_failure", "timeout_ms", "nodes", "connections", "format"],
    node: &["id", "type", "config", "parameters", "retry", "breaker", "timeout_ms"],
    connection: &[
        "from_node",
        "from_output",
        "to_node",
        "to_input",
        "from",
        "to",
        "cycle",
        "max_iterations",
        "convergence_check",
        "condition",
        "cycle_id",
        "parent_cycle",
        "stream",
    ],
};
