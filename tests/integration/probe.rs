//! A service that is quick to make: a queue, and another one that stands for a subscription to events.

use crate::world::{PipelineOptions, Source, World};

const TEMPLATE: &str = r#"
Parameters:
  Version: {Type: String}
  ProviderUrl: {Type: String, Default: none}
Resources:
  Queue: {Type: AWS::SQS::Queue}
Outputs:
  Url: {Value: !Ref Queue}
  Version: {Value: !Ref Version}
"#;

const TEMPLATE_WITH_EVENTS: &str = r#"
Parameters:
  Version: {Type: String}
  GreenDeployment: {Type: String, Default: "false"}
Conditions:
  GetsEvents: !Equals [!Ref GreenDeployment, "true"]
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Subscription: {Type: AWS::SQS::Queue, Condition: GetsEvents}
Outputs:
  Url: {Value: !Ref Queue}
  Version: {Value: !Ref Version}
"#;

/// A service without events.
pub(crate) fn plain() -> Source {
    Source::empty().with("template.yaml", TEMPLATE)
}

/// A service whose template declares `GreenDeployment`.
pub(crate) fn with_events() -> Source {
    Source::empty().with("template.yaml", TEMPLATE_WITH_EVENTS)
}

/// Holds tests until it is opened, however fast or slow their neighbours are.
pub(crate) struct Gate(std::path::PathBuf);

impl Gate {
    pub(crate) fn of(world: &World) -> Self {
        Self(world.home.path().join("gate"))
    }

    pub(crate) fn open(&self) {
        std::fs::write(&self.0, "").expect("the gate opens");
    }

    /// A test command that waits for it, for a minute at most.
    pub(crate) fn shell(&self) -> String {
        let gate = self.0.display();
        format!("for i in $(seq 600); do [ -e {gate} ] && exit 0; sleep 0.1; done; exit 1")
    }

    /// A test in Python that waits for it, for a minute at most.
    pub(crate) fn python(&self) -> String {
        format!(
            "import os, time\n\ndef test_the_gate_is_open():\n    for _ in range(600):\n        if \
             os.path.exists({:?}):\n            return\n        time.sleep(0.1)\n    assert False\n",
            self.0.display().to_string()
        )
    }
}

/// The pipeline of a probe service that is wired to these others (at most one), with this test command.
pub(crate) async fn create(world: &World, name: &str, (wired_to, command): (Option<&str>, &str)) {
    let mut overrides = r#""Version":{"Fn::GetBlue":"Version"}"#.to_owned();
    if let Some(provider) = wired_to {
        overrides.push_str(&format!(r#","ProviderUrl":{{"Fn::GetLive":["{provider}","Url"]}}"#));
    }
    let options = PipelineOptions::service(name)
        .deploy("ParameterOverrides", &format!("{{{overrides}}}"))
        .test("Command", command);
    world.create_pipeline(name, &options).await;
}

/// Releases the probe service and insists that it goes live. Tells the version.
pub(crate) async fn go_live(world: &World, name: &str, source: &Source) -> String {
    let execution = world.release(name, source).await;
    let outcome = world.await_execution(name, &execution).await;
    outcome.succeeded().action("Promote").variables["Version"].clone()
}
