//! Workers die and are replaced; executions go on.

use std::time::{Duration, Instant};

use crate::queue::{self, Gate};
use crate::world::{PipelineOptions, Source, World};

/// A stack whose making lasts until the gate is open.
const SLOW: &str = r#"
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: arn:aws:iam::000000000000:role/any
      Timeout: 30
      Code:
        ZipFile: |
          import json, os, time, urllib.request

          def handler(event, context):
              while event["RequestType"] == "Create" and not os.path.exists("GATE"):
                  time.sleep(0.05)
              answer = {"Status": "SUCCESS", "PhysicalResourceId": "slow"}
              for name in ("StackId", "RequestId", "LogicalResourceId"):
                  answer[name] = event[name]
              body = json.dumps(answer).encode()
              urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, method="PUT"))
  Slow:
    Type: Custom::Slow
    Properties:
      ServiceToken: !GetAtt Function.Arn
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_goes_on_when_its_worker_was_killed_while_the_stack_was_made() {
    // While no worker holds the job, one can be killed between two jobs.
    let mut world = queue::world(&["--continuation-seconds", "2"], &[]).await;
    let gate = Gate::closed(&world);
    let template = SLOW.replace("GATE", &format!("{}/stack", gate.directory()));
    world
        .create_pipeline("slow", &PipelineOptions::service("slow"))
        .await;
    let source = Source::empty().with("template.yaml", &template);
    let execution = world.release("slow", &source).await;
    await_summary(&world, ("slow", &execution), "is being made").await;
    world.workers[0].kill();
    let before = world.stacks().await;
    assert_eq!(before.len(), 1, "{before:?}");

    gate.open("stack");
    world.start_worker();
    let outcome = world.await_execution("slow", &execution).await;
    outcome.succeeded();
    assert_eq!(
        world.stacks().await,
        before,
        "the second worker made another stack"
    );
    assert_eq!(outcome.action("Promote").variables["StackName"], before[0]);
    assert_eq!(world.stage().await.all_versions().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_hands_its_tests_over_to_another() {
    let mut world = queue::world(&[], &[]).await;
    let gate = Gate::closed(&world);
    let attempts = world.home.path().join("attempts");
    let note = format!("echo $BLUESTAGE_RUN >> {}", attempts.display());
    let command = format!("{note}; {}", gate.wait_for("tests"));
    let options = PipelineOptions::service("queue").test("Command", &command);
    world.create_pipeline("queue", &options).await;
    let execution = world.release("queue", &queue::source()).await;
    let first = await_lines(&world, &attempts, 1).await;

    let stopped_at = Instant::now();
    world.workers[0].signal("TERM");
    let ended = world.workers[0].ended(Duration::from_secs(15));
    assert_eq!(
        ended.and_then(|status| status.code()),
        Some(0),
        "{}",
        world.logs()
    );
    assert!(
        stopped_at.elapsed() < Duration::from_secs(10),
        "longer than its grace"
    );

    world.start_worker();
    let both = await_lines(&world, &attempts, 2).await;
    assert_ne!(both[1], first[0], "the tests ran anew under the old name");
    gate.open("tests");
    let outcome = world.await_execution("queue", &execution).await;
    outcome.succeeded();
    let tests = outcome.action("RunIsolatedTests");
    assert_eq!(tests.variables["Run"], both[1]);
    assert_eq!(world.bundle(tests).await.certificate()["run"], *both[1]);
    assert_eq!(
        await_lines(&world, &attempts, 2).await.len(),
        2,
        "the tests ran a third time"
    );
}

/// Waits until the console shows this of the running action.
async fn await_summary(world: &World, (pipeline, execution): (&str, &str), wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reports = world.action_reports(pipeline, execution).await;
        if reports
            .values()
            .any(|report| report.summary.contains(wanted))
        {
            return;
        }
        assert!(Instant::now() < deadline, "{reports:#?}\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the file has at least so many lines.
async fn await_lines(world: &World, file: &std::path::Path, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < deadline, "{lines:?}\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
