//! Nodes joined by stream connections, as one unit.

use kailash_core::{
    Error, Result, Workflow,
    node::{Body, Streaming, Whole},
    workflow::{Edge, Node},
};

use super::{Link, PipelineMember, PipelinePlan, compile::position, model::Form, scope::place};

/// Plans `nodes`, taking their bodies.
pub(super) fn plan(
    workflow: &Workflow,
    bodies: &mut [Option<Body>],
    nodes: &[usize],
    edges: &[&Edge],
    outermost: bool,
) -> Result<PipelinePlan> {
    let within = |node: usize| nodes.iter().position(|n| *n == node);
    let mut links = Vec::new();
    for edge in edges {
        let (Some(from), Some(to)) = (within(edge.from), within(edge.to)) else { continue };
        if !edge.stream {
            return Err(refused(
                &workflow.nodes()[edge.to],
                "it waits for the end of a node that it is joined to by streams",
            ));
        }
        links.push(Link { from, output: edge.output, to, input: edge.input });
    }
    let mut first_input = 0;
    let mut members = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        let described = &workflow.nodes()[*node];
        let refuse = |message: &str| Err(refused(described, message));
        let Some(body) = bodies[*node].take() else { return refuse("its body is already used") };
        let fed = links.iter().find(|link| link.to == at).map(|link| link.input);
        let form = match (body.streaming, fed, body.lift, body.whole) {
            (Some(source @ Streaming::Source(_)), None, ..) => Form::Own(source),
            (Some(stage @ Streaming::Stage(_)), Some(_), ..) => Form::Own(stage),
            (_, Some(_), Some(_), Some(Whole::Scope(_))) => return refuse("a workflow cannot be a stage"),
            (_, Some(port), Some(lift), Some(body)) => {
                if links.iter().any(|link| link.to == at && link.input != port) {
                    return refuse("it can take a stream at one input only");
                }
                if links.iter().any(|link| link.from == at && link.output != 0) {
                    return refuse("it streams from its first output only");
                }
                Form::Lifted { body, lift, port }
            }
            (_, Some(_), ..) => return refuse("it cannot take a stream"),
            (_, None, ..) => return refuse("it cannot start a stream"),
        };
        let open = (outermost && described.config.ports.open_inputs).then(|| position(*node));
        let inputs = first_input..first_input + described.inputs.len();
        first_input = inputs.end;
        let outputs = u32::try_from(described.config.ports.outputs.len()).unwrap_or(u32::MAX);
        members.push(PipelineMember { id: described.id.clone(), open, form, inputs, outputs });
    }
    Ok(PipelinePlan { members, links })
}

fn refused(node: &Node, message: &str) -> Error {
    Error::invalid("connection.stream", message.to_owned()).at(place(node))
}
