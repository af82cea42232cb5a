//! Workflows inside a service of one's own: a task answers requests, many at a time, with one runtime and one workflow.
//!
//! `cargo run --example embedded`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use kailash::{ParallelRuntime, Params, Registry, RunError, Value, WorkflowBuilder, value};
use tokio::sync::{mpsc, oneshot};

struct Request {
    reading: f64,
    answer: oneshot::Sender<Result<Value, RunError>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = Registry::new();
    kailash::register_all(&mut registry)?;
    let mut builder = WorkflowBuilder::new("judge a reading");
    builder
        .add_node("Switch", "route", value!({"operator": ">", "value": 80}))
        .add_node("Template", "alarm", value!({"template": "alarm: {{ reading }} degrees"}))
        .add_node("Template", "fine", value!({"template": "fine: {{ reading }} degrees"}))
        .add_node("Merge", "say", value!({"merge_type": "concat"}))
        .connect("route.true_output", "alarm.reading")
        .connect("route.false_output", "fine.reading")
        .connect("alarm.text", "say.data1")
        .connect("fine.text", "say.data2");
    let workflow = builder.build(&registry)?;
    let runtime = ParallelRuntime::new(kailash::services_in(".")?);

    let (requests, mut inbox) = mpsc::channel::<Request>(16);
    let service = tokio::spawn(async move {
        while let Some(Request { reading, answer }) = inbox.recv().await {
            let (workflow, runtime) = (workflow.clone(), runtime.clone());
            tokio::spawn(async move {
                let params = Params::new().with("route", "input_data", reading);
                let outcome = runtime.execute_async(&workflow, params).await;
                let said = outcome
                    .map(|(results, _)| results.get("say", "merged_data").cloned().unwrap_or_default());
                // Whoever asked may have gone; then nobody wants the answer.
                drop(answer.send(said));
            });
        }
    });

    let mut waiting = Vec::new();
    for reading in [21.5, 99.0, 80.0] {
        let (answer, answered) = oneshot::channel();
        requests.send(Request { reading, answer }).await?;
        waiting.push(answered);
    }
    drop(requests);
    for answered in waiting {
        println!("answered {:?}", answered.await??);
    }
    service.await?;
    Ok(())
}
