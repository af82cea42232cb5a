//! What suspended runs take: memory of a host that holds many of them.

use std::{path::Path, time::Instant};

use kailash::{
    Params, RunStatus,
    host::{Host, config::Layers, runs::Request},
};

use crate::{Done, resident_mb};

/// How many runs wait.
const RUNS: usize = 100_000;

const WAITING: &str = r#"{"format": "1.0", "name": "waiting", "nodes": [
    {"id": "approval", "type": "SignalWait", "config": {"signal_name": "approved"}},
    {"id": "after", "type": "Expression", "config": {"expression": "item"}}],
    "connections": [{"from": "approval.signal_data", "to": "after.item"}]}"#;

/// Measures in a process of its own.
pub(crate) fn apart() -> Done {
    let folder = tempfile::tempdir()?;
    let status =
        std::process::Command::new(std::env::current_exe()?).arg("suspended").arg(folder.path()).status()?;
    if status.success() { Ok(()) } else { Err("the measurement failed".into()) }
}

/// Begins runs that wait for a signal, and prints what they take; then opens the same journal again.
pub(crate) fn measure(folder: &Path) -> Done {
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    executor.block_on(async {
        let data = format!("host.data={}", folder.join("data").display());
        let config = || Layers::new().settings([data.as_str(), "runs.max_waiting=200000"])?.config();
        let mut host = Host::start(config()?).await?;
        let document =
            kailash::format::read(WAITING, kailash::format::Syntax::Json).map_err(|e| e.to_string())?;
        let workflow = host.workflows.build(document).map_err(|e| e.to_string())?;
        let before = resident_mb(std::process::id())?;
        let began = Instant::now();
        let mut ends = Vec::with_capacity(1000);
        for at in 0..RUNS {
            let (workflow, params) = (workflow.clone(), Params::new());
            let request = Request { workflow, version: 0, params, key: None, listened: false, parent: None };
            ends.push(host.runs.submit(request)?);
            if ends.len() == 1000 || at + 1 == RUNS {
                for submitted in ends.drain(..) {
                    submitted.ended().await?;
                }
            }
        }
        let took = began.elapsed().as_secs_f64();
        let suspended = host.runs.count(RunStatus::Suspended);
        let after = resident_mb(std::process::id())?;
        println!("\n{suspended} suspended runs: {after:.0} MB resident in all, {before:.0} MB before them");
        println!("begun and put aside at {:.0} runs/s", suspended as f64 / took);
        host.rest().await;
        host.stop().await;
        drop(host);
        let began = Instant::now();
        let host = Host::start(config()?).await?;
        let took = began.elapsed().as_secs_f64();
        println!("opened again with {} of them in {took:.2} s", host.runs.count(RunStatus::Suspended));
        Ok(())
    })
}
