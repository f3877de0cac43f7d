//! Stacks that cannot be made.

use super::{Case, all_fail_in, nothing_is_left, nothing_stays};
use crate::queue;

const BROKEN: &str = r#"
Resources:
  Fine: {Type: AWS::SQS::Queue}
  Broken: {Type: AWS::SQS::Queue, DependsOn: Fine, Properties: {VisibilityTimeout: abc}}
  Later: {Type: AWS::SQS::Queue, DependsOn: Broken}
"#;

const NEVER_SIGNALLED: &str = r#"
Resources:
  Handle: {Type: AWS::CloudFormation::WaitConditionHandle}
  Signal: {Type: AWS::CloudFormation::WaitCondition, Properties: {Handle: !Ref Handle, Timeout: "2"}}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_cannot_be_made_is_removed_and_the_first_resource_that_failed_is_named() {
    let world = queue::world(&[], &[]).await;
    let fails = |name, says| Case::new(name, ("JobFailed", says));
    let cases = [
        fails(
            "broken",
            &[
                "broken was not deployed in stage test: stack test-broken-v1-",
                "because Broken (AWS::SQS::Queue) failed",
                "VisibilityTimeout",
                "What is live is as it was",
            ],
        )
        .file("template.yaml", BROKEN),
        fails(
            "slow",
            &["because Signal (AWS::CloudFormation::WaitCondition) failed", "timed out", "What is live is as it was"],
        )
        .file("template.yaml", NEVER_SIGNALLED),
    ];
    all_fail_in(&world, "DeployBlue", &cases).await;
    nothing_stays(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_cannot_be_made_is_gone_when_its_failure_is_told() {
    let world = queue::world(&[], &[]).await;
    let says = ["stack test-broken-v1-", "What is live is as it was."];
    let case = Case::new("broken", ("JobFailed", &says)).file("template.yaml", BROKEN);
    all_fail_in(&world, "DeployBlue", &[case]).await;
    nothing_is_left(&world).await;
}
