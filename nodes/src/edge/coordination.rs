//! `EdgeCoordination`: leaders, proposals and one order of events, agreed on by all hosts of a cluster.

use kailash_core::{
    Error, ErrorKind, Kind, Result, Text, Value,
    exec::Timestamp,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
    },
};
use kailash_edge::coordinate::{
    Carried, Consistency, Coordination, Coordinator,
    state::{Answer, Command, Encoded, GROUP, Hlc},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::events::{Given, clock};
use crate::operation;

/// Coordinates the hosts of a cluster: who leads a group, what a group has accepted, and in which order things happened.
///
/// It speaks for the cluster of the host that runs it; a host that was told of none is a cluster by itself. What no majority
/// of the members confirms is never a success.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeCoordination {}

const OPERATION: usize = 0;
const GROUP_NAME: usize = 1;
const NODE_ID: usize = 2;
const PROPOSAL: usize = 4;
const EVENTS: usize = 5;

/// The names of the operations.
const OPERATIONS: &str = "elect_leader get_leader propose global_order";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    ElectLeader,
    GetLeader,
    Propose,
    GlobalOrder,
}

impl Operation {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "elect_leader" => Self::ElectLeader,
            "get_leader" => Self::GetLeader,
            "propose" => Self::Propose,
            "global_order" => Self::GlobalOrder,
            other => return Err(operation::unknown("coordination.operation", other, OPERATIONS)),
        })
    }
}

impl NodeType for EdgeCoordination {
    fn spec() -> Spec {
        Spec::new("EdgeCoordination", "edge", "Agrees with the other hosts of the cluster on leaders, proposals and order.")
            .inputs([
                Input::required("operation", Kind::Text, "One of elect_leader, get_leader, propose and global_order."),
                Input::with_default(
                    "coordination_group",
                    Kind::Text,
                    "default",
                    "The group: each has a leader, proposals and an order of its own.",
                ),
                Input::optional(
                    "node_id",
                    Kind::Text,
                    "In whose name it stands or proposes; without it in that of the host.",
                ),
                Input::optional(
                    "peers",
                    Kind::List,
                    "Taken for compatibility: who takes part is the host's cluster, whatever is given here.",
                ),
                Input::optional("proposal", Kind::Any, "What is proposed; for propose."),
                Input::optional(
                    "events",
                    Kind::List,
                    "The events to be ordered; for global_order. A map may have `id`, under which it gets one place however \
                     often it is given, and `depends_on`, the ids of events that come before it.",
                ),
            ])
            .open_inputs()
            .outputs([
                Output::new("success", Kind::Bool, "Whether a majority of the members has confirmed it."),
                Output::new("leader", Kind::Text, "Who leads the group, null if nobody does."),
                Output::new("term", Kind::Int, "Counts the leaders of the group; 0 before the first."),
                Output::new("stable", Kind::Bool, "Whether somebody leads; for get_leader."),
                Output::new("accepted", Kind::Bool, "Whether the proposal was accepted; for propose."),
                Output::new("log_index", Kind::Int, "Where the proposal stands in the log of the cluster; for propose."),
                Output::new("error", Kind::Text, "Why it was no success."),
                Output::new(
                    "ordered_events",
                    Kind::List,
                    "The events in order: maps of id, position in the group, duplicate (whether it had that place before) and \
                     event; for global_order.",
                ),
                Output::new(
                    "logical_clock",
                    Kind::Map,
                    "The point in hybrid time, in order across the cluster: millis and logical; for global_order.",
                ),
                Output::new(
                    "causal_dependencies",
                    Kind::Map,
                    "The ids that each event comes after, by its id; for global_order.",
                ),
                Output::new("timestamp", Kind::Text, "When it was (RFC 3339)."),
            ])
            .effect(Effect::Idempotent)
            .requires::<Coordination>("coordination")
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        operation::check_configured(setup, Operation::parse)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let coordination = cx.services.get::<Coordination>().cloned();
        let coordination =
            coordination.ok_or_else(|| Error::missing("coordination.absent", "there is no coordination"))?;
        Ok(Body::future(move |inputs, cx| {
            let coordination = coordination.clone();
            async move { run(&coordination, inputs, &cx).await.map(Outcome::from) }
        }))
    }
}

/// The outputs by name, in the order of the spec.
#[derive(Default)]
struct Told {
    success: bool,
    leader: Option<Value>,
    term: Option<u64>,
    stable: Option<bool>,
    accepted: Option<bool>,
    log_index: Option<u64>,
    error: Option<String>,
    ordered_events: Option<Value>,
    logical_clock: Option<Value>,
    causal_dependencies: Option<Value>,
    at: Option<Hlc>,
}

impl Told {
    fn outputs(self, now: Timestamp) -> Outputs {
        let at = self
            .at
            .map_or(now, |at| Timestamp::from_unix_millis(i64::try_from(at.millis).unwrap_or(i64::MAX)));
        let outputs = [
            Some(self.success.into()),
            self.leader,
            self.term.map(Into::into),
            self.stable.map(Into::into),
            self.accepted.map(Into::into),
            self.log_index.map(Into::into),
            self.error.map(Into::into),
            self.ordered_events,
            self.logical_clock,
            self.causal_dependencies,
            Some(at.to_string().into()),
        ];
        outputs.into_iter().collect()
    }
}

async fn run(coordination: &Coordination, mut inputs: Inputs, cx: &Context) -> Result<Outputs> {
    let operation = Operation::parse(&inputs.text(OPERATION)?)?;
    let group = inputs.text(GROUP_NAME)?;
    if group.is_empty() {
        return Err(Error::invalid("coordination.group", "a group has a name").at("coordination_group"));
    }
    let coordinator = coordination.coordinator().await?;
    let asked = match operation {
        Operation::ElectLeader => elect(coordinator, &group, operation::text(&mut inputs, NODE_ID)).await,
        Operation::GetLeader => leader(coordinator, &group).await,
        Operation::Propose => {
            let proposal = inputs
                .take(PROPOSAL)
                .ok_or_else(|| operation::needs("coordination.input", "propose", "proposal"))?;
            let proposer = operation::text(&mut inputs, NODE_ID).unwrap_or_else(|| coordinator.host());
            propose(coordinator, group, proposer, &proposal, cx).await
        }
        Operation::GlobalOrder => {
            let events = inputs
                .take(EVENTS)
                .ok_or_else(|| operation::needs("coordination.input", "global_order", "events"))?;
            let events = Given::read(events.as_list().unwrap_or_default(), &cx.idempotency_key())?;
            order(coordinator, group, &events).await
        }
    };
    let told = match asked {
        Ok(told) => told,
        // That the cluster cannot agree now is an answer; what could never be done is an error.
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => {
            let accepted = (operation == Operation::Propose).then_some(false);
            let stable = (operation == Operation::GetLeader).then_some(false);
            Told { accepted, stable, error: Some(error.to_string()), ..Told::default() }
        }
        Err(error) => return Err(error),
    };
    Ok(told.outputs(cx.clock().now()))
}

async fn elect(coordinator: &Coordinator, group: &str, candidate: Option<Text>) -> Result<Told> {
    let candidate = candidate.unwrap_or_else(|| coordinator.host());
    let held = coordinator.campaign(group, &candidate).await?;
    Ok(Told { success: true, leader: Some(held.holder.into()), term: Some(held.epoch), ..Told::default() })
}

async fn leader(coordinator: &Coordinator, group: &str) -> Result<Told> {
    let held = coordinator.holder(&format!("{GROUP}{group}"), Consistency::Linearizable).await?.value;
    let (stable, term) = (held.is_some(), held.as_ref().map_or(0, |held| held.epoch));
    let leader = Some(held.map_or(Value::Null, |held| held.holder.into()));
    Ok(Told { success: true, leader, term: Some(term), stable: Some(stable), ..Told::default() })
}

async fn propose(
    coordinator: &Coordinator,
    group: Text,
    proposer: Text,
    proposal: &Value,
    cx: &Context,
) -> Result<Told> {
    let id = Some(cx.idempotency_key().into());
    let command = Command::Propose { group, id, proposer, proposal: Encoded::of(proposal)? };
    let Carried { answer, term, .. } = coordinator.propose(command).await?;
    let Answer::Accepted { index, at, .. } = answer else {
        return Err(Error::internal("a proposal was answered with something else"));
    };
    let (log_index, term) = (Some(index), Some(term));
    Ok(Told { success: true, accepted: Some(true), log_index, term, at: Some(at), ..Told::default() })
}

async fn order(coordinator: &Coordinator, group: Text, events: &Given) -> Result<Told> {
    let command = Command::Order { group, events: events.proposed()? };
    let Answer::Ordered { events: ordered, at } = coordinator.propose(command).await?.answer else {
        return Err(Error::internal("events were answered with something else"));
    };
    Ok(Told {
        success: true,
        ordered_events: Some(events.in_order(&ordered)),
        logical_clock: Some(clock(at)),
        causal_dependencies: Some(events.dependencies()),
        at: Some(at),
        ..Told::default()
    })
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    async fn ask(services: &Services, given: Value) -> Result<Value> {
        NodeTest::new::<EdgeCoordination>(value!({}), services)?.run(given).await.map(Value::from)
    }

    fn services() -> Services {
        Services::builder().with(Coordination::temporary()).unwrap().build()
    }

    fn field<'v>(told: &'v Value, name: &str) -> &'v Value {
        told.get(name).unwrap_or_else(|| panic!("no {name} in {told:?}"))
    }

    #[tokio::test]
    async fn a_leader_is_elected_once_and_everybody_learns_who_it_is() {
        let services = services();
        let elect = |id: &str| value!({"operation": "elect_leader", "coordination_group": "edge_cluster", "node_id": (id)});
        let first = ask(&services, elect("edge-1")).await.unwrap();
        assert_eq!((field(&first, "success"), field(&first, "leader")), (&value!(true), &value!("edge-1")));
        let second = ask(&services, elect("edge-2")).await.unwrap();
        assert_eq!((field(&second, "leader"), field(&second, "term")), (&value!("edge-1"), &value!(1)));
        let get = value!({"operation": "get_leader", "coordination_group": "edge_cluster"});
        let told = ask(&services, get).await.unwrap();
        assert_eq!((field(&told, "leader"), field(&told, "stable")), (&value!("edge-1"), &value!(true)));
        let other = ask(&services, value!({"operation": "get_leader"})).await.unwrap();
        assert_eq!((field(&other, "leader"), field(&other, "stable")), (&Value::Null, &value!(false)));
    }

    #[tokio::test]
    async fn what_was_elected_proposes() {
        let services = services();
        ask(&services, value!({"operation": "elect_leader", "peers": ["a", "b"]})).await.unwrap();
        let propose = value!({"operation": "propose", "proposal": {"action": "scale", "to": 3}});
        let told = ask(&services, propose.clone()).await.unwrap();
        assert_eq!((field(&told, "success"), field(&told, "accepted")), (&value!(true), &value!(true)));
        let index = field(&told, "log_index").clone();
        let again = ask(&services, propose).await.unwrap();
        assert_eq!(field(&again, "log_index"), &index, "the same unit of the same run proposes once");
    }

    #[tokio::test]
    async fn events_are_ordered_by_what_they_depend_on_and_counted_once() {
        let services = services();
        let events = value!([
            {"id": "b", "depends_on": ["a"], "what": 2},
            {"id": "a", "what": 1},
            "no map"
        ]);
        let order = value!({"operation": "global_order", "events": (events)});
        let told = ask(&services, order.clone()).await.unwrap();
        let ids = |told: &Value| {
            let events = field(told, "ordered_events").as_list().unwrap();
            events.iter().map(|event| event.get("event").unwrap().clone()).collect::<Vec<_>>()
        };
        let expected = [
            value!({"id": "a", "what": 1}),
            value!("no map"),
            value!({"id": "b", "depends_on": ["a"], "what": 2}),
        ];
        assert_eq!(ids(&told), expected);
        assert_eq!(field(&told, "causal_dependencies"), &value!({"b": ["a"]}));
        let again = ask(&services, order).await.unwrap();
        let duplicates = field(&again, "ordered_events").as_list().unwrap().iter();
        assert!(duplicates.clone().all(|event| event.get("duplicate") == Some(&value!(true))));
        let clock =
            |told: &Value| field(told, "logical_clock").get("millis").and_then(Value::as_u64).unwrap();
        assert!(clock(&again) >= clock(&told));
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let services = services();
        for (given, code) in [
            (value!({"operation": "steal"}), "coordination.operation"),
            (value!({"operation": "propose"}), "coordination.input"),
            (value!({"operation": "global_order"}), "coordination.input"),
            (value!({"operation": "global_order", "events": [{"id": true}]}), "coordination.event"),
            (value!({"operation": "global_order", "events": [{"depends_on": "a"}]}), "coordination.event"),
            (
                value!({"operation": "global_order", "events": [{"depends_on": ["never"]}]}),
                "order.dependency",
            ),
            (value!({"operation": "get_leader", "coordination_group": "\n"}), "coordinate.name"),
            (value!({"operation": "elect_leader", "coordination_group": "\u{1}"}), "coordinate.name"),
            (value!({"operation": "elect_leader", "coordination_group": ""}), "coordination.group"),
            (value!({"operation": "propose", "proposal": ("x".repeat(2 << 20))}), "coordinate.too_large"),
        ] {
            let told = ask(&services, given.clone()).await;
            match told {
                Err(error) => assert_eq!(error.code(), code, "{given:?}"),
                Ok(told) => panic!("{told:?}"),
            }
        }
        let config = value!({"operation": "steal"});
        let error = NodeTest::new::<EdgeCoordination>(config, &services).err().unwrap();
        assert!(error.message().contains("[coordination.operation]"), "{error}");
    }
}
