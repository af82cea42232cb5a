//! Nodes joined by stream connections, run concurrently over bounded links.
//!
//! ```text
//! source ──> [batch batch batch] ──> stage ──> [batch ...] ──> stage
//!               a full link makes its producer wait
//! ```

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use kailash_core::{
    Error, ErrorKind, Result, Retry, Text, Value,
    exec::Monotonic,
    node::{
        Context, Emit, Inputs, Lift, Outcome, Outputs, Progress, Run as NodeRun, Streaming, UnitKey, Whole,
    },
};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinSet,
};

use super::{Run, body, engine::Compute};
use crate::{
    plan::{Form, PipelineMember, PipelinePlan},
    schedule::too_many,
};

/// Items on their way to an input.
type Batch = (usize, Vec<Value>);

/// Why a producer stops when its consumer is gone; the consumer knows the real reason.
const LINK_CLOSED: &str = "link.closed";

/// Runs every node of a pipeline to its end and gives the outputs of all of them, in the order of their slots.
pub(crate) async fn run(
    run: &Arc<Run>,
    plan: Arc<PipelinePlan>,
    mut inputs: Inputs,
    cx: &Context,
    deadline: Option<Monotonic>,
) -> Result<Outcome> {
    let member = |(member, key): (&PipelineMember, UnitKey)| {
        let mut own: Inputs = member.inputs.clone().map(|input| inputs.take(input)).collect();
        let extra = member.open.and_then(|node| run.with_schedule(|schedule| schedule.extra(node)));
        if let Some(extra) = &extra {
            own.set_extra(Arc::clone(extra));
        }
        let mut cx = cx.clone();
        let attempt = cx.attempt();
        cx.turn_to(key, attempt, deadline);
        Given { inputs: own, extra, cx }
    };
    let given = plan.members.iter().zip(run.shared.members(cx.key())).map(member).collect();
    let tasks = connect(run, &plan, given);
    let results = match run.engine.compute {
        Compute::Here => together(tasks).await,
        Compute::Pool { .. } => apart(tasks).await,
    };
    let results = results.map_err(|(member, error)| {
        let node: &Text = &plan.members[member].id;
        run.blame(cx.key(), node);
        error
    })?;
    let mut outputs = Vec::new();
    for (member, given) in plan.members.iter().zip(results) {
        let declared = member.outputs as usize;
        if given.len() > declared {
            run.blame(cx.key(), &member.id);
            return Err(too_many(given.len(), declared));
        }
        outputs.extend(given.into_iter().chain(std::iter::repeat(None)).take(declared));
    }
    Ok(Outcome::Done(outputs.into_iter().collect()))
}

/// What one node of a pipeline gets besides its stream.
struct Given {
    inputs: Inputs,
    /// Run parameters beyond its inputs, to be given anew with each item of a lifted body.
    extra: Option<Arc<[(Text, Value)]>>,
    cx: Context,
}

type Task = BoxFuture<'static, (usize, Result<Outputs>)>;

/// One task for each node, joined by links.
fn connect(run: &Arc<Run>, plan: &Arc<PipelinePlan>, given: Vec<Given>) -> Vec<Task> {
    let capacity = run.engine.settings.link_capacity;
    let (senders, receivers): (Vec<Sender<Batch>>, Vec<Receiver<Batch>>) =
        plan.members.iter().map(|_| mpsc::channel(capacity)).unzip();
    let tasks = receivers.into_iter().zip(given).enumerate().map(|(at, (receiver, given))| {
        let links = plan.links.iter().filter(|link| link.from == at);
        let out = Links(links.map(|link| (link.output, link.input, senders[link.to].clone())).collect());
        let (run, plan) = (Arc::clone(run), Arc::clone(plan));
        let work = async move { member_run(&run, &plan.members[at], given, receiver, out).await };
        AssertUnwindSafe(work)
            .catch_unwind()
            .map(move |result| {
                (at, result.unwrap_or_else(|panic| body::guarded(|| std::panic::resume_unwind(panic))))
            })
            .boxed()
    });
    // The senders kept here end with this function, so that a stage sees the end when its producers are through.
    tasks.collect()
}

async fn member_run(
    run: &Run,
    member: &PipelineMember,
    given: Given,
    mut receiver: Receiver<Batch>,
    mut out: Links,
) -> Result<Outputs> {
    let Given { inputs, extra, cx } = given;
    let cx = &cx;
    match &member.form {
        Form::Own(Streaming::Source(factory)) => {
            let mut source = factory.open(inputs, cx)?;
            while source.pull(cx, &mut out).await? == Progress::More {
                cx.check()?;
            }
            source.finish(cx).await
        }
        Form::Own(Streaming::Stage(factory)) => {
            let mut stage = factory.open(inputs, cx)?;
            while let Some((port, items)) = receiver.recv().await {
                cx.check()?;
                stage.process(port, items, cx, &mut out).await?;
            }
            stage.finish(cx, &mut out).await
        }
        Form::Lifted { body, lift, port } => {
            while let Some((_, items)) = receiver.recv().await {
                cx.check()?;
                let with = |value| with_input(&inputs, extra.as_ref(), *port, value);
                let calls: Vec<Inputs> = match lift {
                    Lift::PerBatch => vec![with(Value::list(items))],
                    Lift::PerItem => items.into_iter().map(with).collect(),
                };
                let given = call_all(run, body, calls, cx).await?;
                let lifted = match lift {
                    Lift::PerItem => given,
                    Lift::PerBatch => {
                        let lists = given.into_iter().map(Value::into_list).collect::<Result<Vec<_>, _>>();
                        lists.map_err(|_| not_a_list())?.into_iter().flatten().collect()
                    }
                };
                out.emit(0, lifted).await?;
            }
            Ok(Outputs::default())
        }
    }
}

fn not_a_list() -> Error {
    Error::internal("a body that works on batches must give a list")
}

fn with_input(inputs: &Inputs, extra: Option<&Arc<[(Text, Value)]>>, port: usize, value: Value) -> Inputs {
    let mut value = Some(value);
    let at = |at| if at == port { value.take() } else { inputs.get(at).cloned() };
    let mut given: Inputs = (0..inputs.len()).map(at).collect();
    if let Some(extra) = extra {
        given.set_extra(Arc::clone(extra));
    }
    given
}

/// Calls a whole-value body with each of `calls` and gives the first outputs that have a value.
async fn call_all(run: &Run, body: &Whole, calls: Vec<Inputs>, cx: &Context) -> Result<Vec<Value>> {
    let one_by_one = |body: &dyn NodeRun, calls: Vec<Inputs>, cx: &Context| {
        let mut given = Vec::with_capacity(calls.len());
        for inputs in calls {
            cx.check()?;
            given.extend(first_output(body.run(inputs, cx)?)?);
        }
        Ok(given)
    };
    match body {
        Whole::Inline(body) => one_by_one(&**body, calls, cx),
        Whole::Compute(body) => {
            // On a thread that can be left behind, so that the run answers in time.
            let (body, cx) = (Arc::clone(body), cx.clone());
            let seat = run.engine.lane.seat().await?;
            run.engine.lane.job(seat, move || one_by_one(&*body, calls, &cx)).await
        }
        Whole::Future(body) => {
            let mut given = Vec::with_capacity(calls.len());
            for inputs in calls {
                given.extend(first_output(body.run(inputs, cx.clone()).await?)?);
            }
            Ok(given)
        }
        Whole::Scope(_) => Err(Error::internal("a workflow cannot be a stage")),
    }
}

fn first_output(outcome: Outcome) -> Result<Option<Value>> {
    match outcome {
        Outcome::Done(mut outputs) => Ok(outputs.take(0)),
        Outcome::Suspend(_) => Err(body::no_suspension()),
    }
}

/// All on the task that drives the run.
async fn together(tasks: Vec<Task>) -> Result<Vec<Outputs>, (usize, Error)> {
    let mut results: Vec<Outputs> = tasks.iter().map(|_| Outputs::default()).collect();
    let mut running: FuturesUnordered<Task> = tasks.into_iter().collect();
    let mut echo = None;
    while let Some((at, result)) = running.next().await {
        note(at, result, &mut results, &mut echo)?;
    }
    echo.map_or(Ok(results), Err)
}

/// Each on a task of its own; they end with this future.
async fn apart(tasks: Vec<Task>) -> Result<Vec<Outputs>, (usize, Error)> {
    let mut results: Vec<Outputs> = tasks.iter().map(|_| Outputs::default()).collect();
    let mut running: JoinSet<(usize, Result<Outputs>)> = tasks.into_iter().collect();
    let mut echo = None;
    while let Some(joined) = running.join_next().await {
        let (at, result) =
            joined.map_err(|error| (0, Error::internal(format!("a stage's task: {error}"))))?;
        note(at, result, &mut results, &mut echo)?;
    }
    echo.map_or(Ok(results), Err)
}

/// Takes a node's result. That a link was closed is only the echo of a failure that is still to be heard of.
fn note(
    at: usize,
    result: Result<Outputs>,
    results: &mut [Outputs],
    echo: &mut Option<(usize, Error)>,
) -> Result<(), (usize, Error)> {
    match result {
        Ok(outputs) => results[at] = outputs,
        Err(error) if error.code() == LINK_CLOSED => *echo = Some((at, error)),
        Err(error) => return Err((at, error)),
    }
    Ok(())
}

/// The links that leave one node: (output, input there, link).
struct Links(Vec<(usize, usize, Sender<Batch>)>);

#[async_trait]
impl Emit for Links {
    async fn emit(&mut self, port: usize, items: Vec<Value>) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let last = self.0.iter().rposition(|(output, ..)| *output == port);
        let mut items = Some(items);
        for at in 0..self.0.len() {
            let (output, input, link) = &self.0[at];
            if *output != port {
                continue;
            }
            let batch = if Some(at) == last { items.take() } else { items.clone() };
            link.send((*input, batch.unwrap_or_default())).await.map_err(|_| {
                Error::new(ErrorKind::Cancelled, LINK_CLOSED, "the node behind the link has stopped")
                    .with_retry(Retry::Never)
            })?;
        }
        Ok(())
    }
}
