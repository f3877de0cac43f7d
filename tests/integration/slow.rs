//! A service whose stack is not made before a gate is open.

use std::time::{Duration, Instant};

use crate::queue::Gate;
use crate::world::{Source, World};

const TEMPLATE: &str = r#"
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

/// Its source; the gate opens with `stack`.
pub(crate) fn source(gate: &Gate) -> Source {
    let template = TEMPLATE.replace("GATE", &format!("{}/stack", gate.directory()));
    Source::empty().with("template.yaml", &template)
}

/// Waits until the console shows this of the running action.
pub(crate) async fn await_summary(world: &World, (pipeline, execution): (&str, &str), wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reports = world.action_reports(pipeline, execution).await;
        if reports.values().any(|report| report.summary.contains(wanted)) {
            return;
        }
        assert!(Instant::now() < deadline, "{reports:#?}\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
