//! A run goes on with node types of the versions it began with, or not at all.

use kailash_core::{
    Registry, Result, Value, Workflow, WorkflowBuilder,
    node::{Body, BuildContext, NodeType, Output, Outputs, Spec},
    testing::SimulatedDisk,
    workflow::Params,
};
use kailash_runtime::RunError;
use schemars::JsonSchema;
use serde::Deserialize;

use super::world::{World, journal, registry, runtimes};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Aging<const VERSION: u32> {}

impl<const VERSION: u32> NodeType for Aging<VERSION> {
    fn spec() -> Spec {
        Spec::new("Aging", "test", "Gives its version.")
            .outputs([Output::new("out", kailash_core::Kind::Int, "")])
            .version(VERSION)
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::inline(|_, _| Ok(Outputs::one(i64::from(VERSION)).into())))
    }
}

fn registry_with<const VERSION: u32>() -> Registry {
    let mut registry = registry();
    registry.register::<Aging<VERSION>>().expect("the name is free");
    registry
}

/// A workflow with a node that waits for the signal `go` beside one of the type `Aging`.
fn waits(registry: &Registry) -> Workflow {
    let mut builder = WorkflowBuilder::new("waits");
    builder.add_node("Pause", "pause", Value::Null).add_node("Aging", "aging", Value::Null);
    builder.build(registry).expect("sound")
}

#[tokio::test]
async fn a_run_is_refused_when_a_type_has_another_version_and_goes_on_with_the_one_it_began_with() {
    let (first, second) = (registry_with::<1>(), registry_with::<2>());
    for (which, began, other) in [(0, &first, &second), (1, &second, &first)] {
        let (world, disk) = (World::default(), SimulatedDisk::default());
        let kept = journal(&disk);
        let runtime = &runtimes(&world, &kept, true)[which];
        let handle = runtime.start(&waits(began), Params::new()).expect("it begins");
        let run = handle.id();
        assert!(matches!(handle.await, Err(RunError::Suspended { .. })));

        let past = kept.past(run).await.expect("it is known");
        let Err(RunError::Refused(issues)) = runtime.resume(&waits(other), past) else {
            panic!("another version is refused")
        };
        let told = issues.to_string();
        assert!(told.contains("run.versions") && told.contains("Aging had version"), "{told}");

        let past = kept.past(run).await.expect("it is as it was");
        let handle = runtime.resume(&waits(began), past).expect("the same version goes on");
        handle.control().signal("go", 7).await.expect("it is heard");
        let (results, _) = handle.await.expect("it ends well");
        assert_eq!(results.get("pause", "out"), Some(&7.into()));
    }
}
