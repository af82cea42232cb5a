//! The files of each template.

/// What a new workflow does.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Template {
    /// Read a CSV file, filter it, aggregate it, write JSON
    Pipeline,
    /// Two ways for two kinds of values, and together again
    Branch,
    /// Repeat until the result has converged
    Cycle,
}

const SENSORS: (&str, &str) = ("sensors.csv", include_str!("pipeline/sensors.csv"));
const README: (&str, &str) = ("README.md", include_str!("README.md"));

impl Template {
    /// The files with their texts, in which `{{name}}` and `{{folder}}` stand for the folder.
    pub(super) fn files(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Pipeline => {
                vec![("workflow.yaml", include_str!("pipeline/workflow.yaml")), SENSORS, README]
            }
            Self::Branch => vec![("workflow.yaml", include_str!("branch/workflow.yaml")), SENSORS, README],
            Self::Cycle => vec![("workflow.yaml", include_str!("cycle/workflow.yaml")), README],
        }
    }
}
