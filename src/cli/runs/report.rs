//! What a salvage saved and what it did not, for people and for scripts.

use std::{fmt::Write as _, io::Write as _, path::Path};

use anyhow::Result;
use kailash_core::log::Salvage;
use kailash_runtime::{Fate, Salvaged};
use serde_json::json;

use crate::cli::term::{Paint, clean, err, out};

/// A salvage that is done.
pub(super) struct Report<'r> {
    pub(super) from: &'r Path,
    pub(super) to: &'r Path,
    pub(super) found: &'r Salvage,
    pub(super) runs: &'r [Salvaged],
}

impl Report<'_> {
    /// Whether not everything was saved.
    pub(super) fn lost_something(&self) -> bool {
        self.lost() != (0, true) || self.runs.iter().any(|run| run.fate != Fate::Whole)
    }

    /// How many records are lost, and whether there are no others.
    fn lost(&self) -> (u64, bool) {
        let lost = self.found.damages().iter().map(|damage| damage.lost);
        lost.fold((0, true), |(sum, sure), lost| (sum + lost.unwrap_or(0), sure && lost.is_some()))
    }

    fn count(&self, fate: Fate) -> usize {
        self.runs.iter().filter(|run| run.fate == fate).count()
    }

    fn kept(&self) -> u64 {
        self.runs.iter().map(|run| run.kept).sum()
    }

    /// Prints one object.
    pub(super) fn json(&self) -> Result<()> {
        let (lost, sure) = self.lost();
        let damages = self.found.damages().iter().map(|damage| {
            json!({
                "segment": damage.segment, "byte": damage.byte, "record": damage.record, "lost": damage.lost,
                "reason": damage.reason,
            })
        });
        let runs = self.runs.iter().map(|run| {
            json!({
                "run_id": run.run.to_string(), "workflow": run.workflow.as_ref().map(|name| name.as_str()),
                "fate": run.fate.as_str(), "records": run.found, "kept": run.kept, "problems": run.problems,
            })
        });
        let report = json!({
            "journal": self.from.display().to_string(),
            "to": self.to.display().to_string(),
            "segments": self.found.segments(),
            "records": {"read": self.found.records(), "kept": self.kept(), "lost": lost, "more_lost": !sure},
            "fates": {
                "whole": self.count(Fate::Whole), "cut": self.count(Fate::Cut), "lost": self.count(Fate::Lost),
            },
            "damages": damages.collect::<Vec<_>>(),
            "runs": runs.collect::<Vec<_>>(),
        });
        let mut out = out();
        writeln!(out, "{report:#}")?;
        Ok(out.flush()?)
    }

    /// Prints a table on stdout, and on stderr what to do with it.
    pub(super) fn text(&self) -> Result<()> {
        let (lost, sure) = self.lost();
        let more = if sure { "" } else { " and more" };
        let mut table = String::new();
        writeln!(table, "segments  {} read", self.found.segments())?;
        let (read, kept) = (self.found.records(), self.kept());
        writeln!(table, "records   {read} read, {kept} kept, {lost}{more} lost")?;
        let counts = [Fate::Whole, Fate::Cut, Fate::Lost].map(|fate| self.count(fate));
        writeln!(table, "runs      {} whole, {} cut, {} lost", counts[0], counts[1], counts[2])?;
        let paint = Paint::stdout();
        for damage in self.found.damages() {
            let lost = damage.lost.map_or("unknown".to_owned(), |lost| lost.to_string());
            writeln!(table, "{}    {damage} ({lost} lost)", paint.red("damage"))?;
        }
        for run in self.runs.iter().filter(|run| run.fate != Fate::Whole) {
            let name = run.workflow.as_ref().map_or_else(String::new, |name| format!("{name}, "));
            let kept = format!("{} of {} records kept: {}", run.kept, run.found, run.problems.join("; "));
            let fate = paint.yellow(format!("{:<8}", run.fate.as_str()));
            writeln!(table, "{fate}  {}  {}", run.run, clean(&format!("{name}{kept}")))?;
        }
        let mut out = out();
        out.write_all(table.as_bytes())?;
        out.flush()?;
        writeln!(err(), "saved to {0}: `kailash runs --journal {0}`", clean(&self.to.display().to_string()))?;
        Ok(())
    }
}
