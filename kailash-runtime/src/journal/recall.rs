//! What a run gave as far as its journal knows: the schedule is played again, and nothing is run.

use std::sync::Arc;

use kailash_core::{Result, exec::FailurePolicy, validate::Issues};

use super::Past;
use crate::{
    plan::Plan,
    run::Results,
    schedule::{Lineage, Schedule},
};

/// The results of a run whose journal is `past`.
///
/// # Errors
/// Parameters that the plan does not take.
pub(crate) fn recall(plan: Arc<Plan>, past: Past, policy: FailurePolicy) -> Result<Results, Issues> {
    let run = past.run();
    let (params, mut units, _) = past.into_parts();
    let bound = plan.bind(&params)?;
    let lineage: Arc<Lineage> = Arc::default();
    let mut schedule =
        Schedule::new(Arc::clone(&plan), bound, Arc::clone(&lineage), policy, Vec::new(), false);
    let mut failed = Vec::new();
    loop {
        while let Some(ready) = schedule.next() {
            match units.take(&lineage.unit_id(run, &plan, ready.unit).path) {
                Some(Ok(outputs)) => schedule.complete(ready.unit, outputs),
                // A failure may end the run: what others had given by then comes first.
                Some(Err(error)) => failed.push((ready.unit, error)),
                None => {}
            }
        }
        if failed.is_empty() {
            break;
        }
        for (unit, error) in failed.drain(..) {
            schedule.fail(unit, error);
        }
    }
    let (slots, status) = schedule.take_root();
    Ok(Results::new(plan, slots, status))
}
