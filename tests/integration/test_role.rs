//! Tests that play a role of their own.

use crate::queue;
use crate::world::PipelineOptions;

#[tokio::test(flavor = "multi_thread")]
async fn tests_play_their_own_role_and_nothing_that_is_kept_tells_its_keys() {
    let world = queue::world(&[], &[]).await;
    let command = "python -c 'import os, urllib.request; print(os.environ[\"AWS_REGION\"], len(os.environ[\"AWS_SESSION_TOKEN\"]) > 9)'; \
                   echo key $AWS_SECRET_ACCESS_KEY; env | grep -c BLUESTAGE_STATE";
    let options = PipelineOptions::service("queue")
        .test("Command", &format!("{command} || true"))
        .test("TestRoleArn", &world.test_role());
    world.create_pipeline("queue", &options).await;
    let execution = world.release("queue", &queue::source()).await;
    let outcome = world.await_execution("queue", &execution).await;
    outcome.succeeded();
    let log = world.bundle(outcome.action("RunIsolatedTests")).await.text("log.txt");
    assert_eq!(log, "us-east-1 True\nkey ****\n0\n");
}
