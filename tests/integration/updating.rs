//! Strategy `update`: a stack with a fixed name is brought to what was tested.

use crate::probe::{plain, with_events};
use crate::world::{PipelineOptions, Source, World};
use crate::world_with_actions;

/// As the roles of `pipeline-templates/stage-roles.yaml` ask for: it begins with the stage.
const FIXED: &str = "test-billing";

async fn create(world: &World) {
    let options = PipelineOptions::service("billing")
        .deploy("ParameterOverrides", r#"{"Version":{"Fn::GetBlue":"Version"}}"#)
        .promote("Strategy", "update")
        .promote("StackName", FIXED)
        .promote("DrainMinutes", "1");
    world.create_pipeline("billing", &options).await;
}

async fn fixed_stack_id(world: &World) -> String {
    let told = world.cloudformation().describe_stacks().stack_name(FIXED).send().await;
    let told = told.expect("the fixed stack is there");
    told.stacks()[0].stack_id().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_stack_keeps_its_identity_and_gets_what_was_tested() {
    let world = world_with_actions().await;
    create(&world).await;
    let first = world.release("billing", &with_events()).await;
    let first = world.await_execution("billing", &first).await;
    assert_eq!(first.succeeded().action("Promote").variables["StackName"], FIXED);
    let id = fixed_stack_id(&world).await;

    let second = world.release("billing", &plain()).await;
    let second = world.await_execution("billing", &second).await;
    let version = second.succeeded().action("Promote").variables["Version"].clone();
    assert_eq!(fixed_stack_id(&world).await, id, "the same stack");
    let stage = world.await_stage("what was left over is gone", |stage| stage.leftovers().is_empty()).await;
    let live = stage.live(&"billing".parse().expect("a name")).expect("billing is live");
    assert_eq!(live.outputs["Version"], version, "the tested parameters");
    assert_eq!(world.stacks().await, [FIXED], "the stacks of the blues are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_fails_leaves_what_is_live_and_lowers_the_barrier() {
    let world = world_with_actions().await;
    create(&world).await;
    let first = world.release("billing", &with_function(FINE)).await;
    let first = world.await_execution("billing", &first).await;
    let version = first.succeeded().action("Promote").variables["Version"].clone();
    let second = world.release("billing", &with_function(MISSING)).await;
    let second = world.await_execution("billing", &second).await;
    let message = &second.failed_in("Promote").message;
    assert!(message.contains(FIXED), "{message}");
    let stage = world.stage().await;
    let service = &stage.services[&"billing".parse().expect("a name")];
    assert_eq!(service.live.as_ref().map(ToString::to_string), Some(version));
    assert_eq!(service.barrier, None);
}

/// The probe with a function beside its queue.
fn with_function(code: &str) -> Source {
    let both = format!(
        "Queue: {{Type: AWS::SQS::Queue}}\n  Function:\n    Type: AWS::Lambda::Function\n    Properties:\n      \
         Runtime: python3.12\n      Handler: index.handler\n      Role: arn:aws:iam::000000000000:role/none\n      \
         Code: {code}"
    );
    plain().changed("template.yaml", "Queue: {Type: AWS::SQS::Queue}", &both)
}

/// Code that is there.
const FINE: &str = r#"{ZipFile: "def handler(event, context): return 1"}"#;

/// Code that is not there: `MiniStack` makes such a function at creation, and fails it at an update.
const MISSING: &str = "{S3Bucket: artifacts, S3Key: not-there.zip}";
