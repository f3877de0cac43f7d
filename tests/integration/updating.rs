//! Strategy `update`: a stack with a fixed name is brought to what was tested.

use crate::probe::{plain, with_events};
use crate::world::{PipelineOptions, World};
use crate::world_with_actions;

async fn create(world: &World) {
    let options = PipelineOptions::service("billing")
        .deploy("ParameterOverrides", r#"{"Version":{"Fn::GetBlue":"Version"}}"#)
        .promote("Strategy", "update")
        .promote("StackName", "billing-of-test")
        .promote("DrainMinutes", "1");
    world.create_pipeline("billing", &options).await;
}

async fn fixed_stack_id(world: &World) -> String {
    let told = world.cloudformation().describe_stacks().stack_name("billing-of-test").send().await;
    let told = told.expect("the fixed stack is there");
    told.stacks()[0].stack_id().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_stack_keeps_its_identity_and_gets_what_was_tested() {
    let world = world_with_actions().await;
    create(&world).await;
    let first = world.release("billing", &with_events()).await;
    let first = world.await_execution("billing", &first).await;
    assert_eq!(first.succeeded().action("Promote").variables["StackName"], "billing-of-test");
    let id = fixed_stack_id(&world).await;

    let second = world.release("billing", &plain()).await;
    let second = world.await_execution("billing", &second).await;
    let version = second.succeeded().action("Promote").variables["Version"].clone();
    assert_eq!(fixed_stack_id(&world).await, id, "the same stack");
    let stage = world.await_stage("what was left over is gone", |stage| stage.leftovers().is_empty()).await;
    let live = stage.live(&"billing".parse().expect("a name")).expect("billing is live");
    assert_eq!(live.outputs["Version"], version, "the tested parameters");
    assert_eq!(world.stacks().await, ["billing-of-test"], "the stacks of the blues are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_fails_leaves_what_is_live_and_lowers_the_barrier() {
    let world = world_with_actions().await;
    create(&world).await;
    let first = world.release("billing", &plain()).await;
    let first = world.await_execution("billing", &first).await;
    let version = first.succeeded().action("Promote").variables["Version"].clone();
    // Made well as a stack of its own, but the update meets a stack that does not let it.
    let broken = plain().changed("template.yaml", "Queue: {Type: AWS::SQS::Queue}", BREAKS_ON_UPDATE);
    let second = world.release("billing", &broken).await;
    let second = world.await_execution("billing", &second).await;
    let message = &second.failed_in("Promote").message;
    assert!(message.contains("billing-of-test"), "{message}");
    let stage = world.stage().await;
    let service = &stage.services[&"billing".parse().expect("a name")];
    assert_eq!(service.live.as_ref().map(ToString::to_string), Some(version));
    assert_eq!(service.barrier, None);
}

/// A queue that can be made in any stack but the one with the fixed name.
const BREAKS_ON_UPDATE: &str = r#"Queue: {Type: AWS::SQS::Queue}
  Picky:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: !If [IsFixed, abc, 30]}
Conditions:
  IsFixed: !Equals [!Ref "AWS::StackName", billing-of-test]"#;
