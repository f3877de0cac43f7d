//! Releases, sound and broken ones, and how each of them deserved to end.

use std::time::{Duration, Instant};

use aws_sdk_codepipeline::types::PipelineExecutionStatus;
use fastrand::Rng;

use super::SETTLING;
use crate::queue;
use crate::torture::Findings;
use crate::world::{Outcome, PipelineOptions, Source, World};

/// The services, each with a pipeline; the last one is wired to the first one.
pub(super) const PIPELINES: [&str; 4] = ["base", "left", "right", "above"];

/// How often an execution is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sound,
    /// Its tests fail.
    FailsItsTests,
    /// Its stack cannot be made.
    HasNoStack,
}

/// One release, and what became of it.
pub(super) struct Released {
    pipeline: &'static str,
    pub(super) source: Kind,
    execution: String,
    /// None when it did not end in time.
    outcome: Option<Outcome>,
}

impl Kind {
    pub(super) fn is_sound(self) -> bool {
        self == Self::Sound
    }

    fn drawn(rng: &mut Rng) -> Self {
        match rng.u8(..10) {
            0..2 => Self::FailsItsTests,
            2..4 => Self::HasNoStack,
            _ => Self::Sound,
        }
    }

    /// The action that deserves to fail.
    fn fails_in(self) -> Option<&'static str> {
        match self {
            Self::Sound => None,
            Self::FailsItsTests => Some("RunIsolatedTests"),
            Self::HasNoStack => Some("DeployBlue"),
        }
    }

    /// Its tests take this many tenths of a second.
    fn source(self, tenths: u32) -> Source {
        let code = u8::from(self == Self::FailsItsTests);
        let source = queue::source().with("test.sh", &format!("sleep {}.{}; exit {code}\n", tenths / 10, tenths % 10));
        let broken = "Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: abc}}";
        match self {
            Self::HasNoStack => source.changed("template.yaml", "Queue: {Type: AWS::SQS::Queue}", broken),
            Self::Sound | Self::FailsItsTests => source,
        }
    }
}

/// Creates the pipelines and makes each service live.
pub(super) async fn first(world: &World) -> Vec<Released> {
    let mut released = Vec::new();
    for (place, pipeline) in PIPELINES.into_iter().enumerate() {
        let options = if place + 1 == PIPELINES.len() {
            queue::wired_to(pipeline, PIPELINES[0]).promote("OnSkew", "report")
        } else {
            PipelineOptions::service(pipeline)
        };
        world.create_pipeline(pipeline, &options.test("Command", "sh test.sh")).await;
        released.push(release(world, pipeline, (Kind::Sound, 1)).await);
    }
    released
}

/// Releases through the pipeline at this place, one version after the other, until then; and sees the last one end.
pub(super) async fn again_and_again(world: &World, place: usize, (seed, until): (u64, Instant)) -> Vec<Released> {
    let mut rng = Rng::with_seed(seed.wrapping_add(u64::try_from(place).unwrap()));
    let mut released = Vec::new();
    while Instant::now() < until {
        let drawn = (Kind::drawn(&mut rng), rng.u32(..30));
        released.push(release(world, PIPELINES[place], drawn).await);
    }
    released
}

async fn release(world: &World, pipeline: &'static str, (source, tenths): (Kind, u32)) -> Released {
    let execution = world.release(pipeline, &source.source(tenths)).await;
    let deadline = Instant::now() + SETTLING;
    while world.execution_status(pipeline, &execution).await == PipelineExecutionStatus::InProgress {
        if Instant::now() > deadline {
            return Released { pipeline, source, execution, outcome: None };
        }
        tokio::time::sleep(LOOK).await;
    }
    let outcome = Some(world.await_execution(pipeline, &execution).await);
    Released { pipeline, source, execution, outcome }
}

/// Every release has ended as it deserved, and the last sound one of each service is live.
pub(super) async fn check(world: &World, released: &[Released], findings: &mut Findings) {
    for release in released {
        findings.expect(release.ended_as_it_deserved(), || release.told());
    }
    let stage = world.stage().await;
    for pipeline in PIPELINES {
        let sound = released.iter().rfind(|release| release.pipeline == pipeline && release.source.is_sound());
        let live = stage.live(&pipeline.parse().unwrap()).map(|live| live.execution.execution_id.clone());
        let expected = sound.map(|release| release.execution.clone());
        findings.expect(live == expected, || format!("live of {pipeline} is of {live:?}, not of {expected:?}"));
    }
}

impl Released {
    fn ended_as_it_deserved(&self) -> bool {
        let Some(outcome) = &self.outcome else {
            return false;
        };
        let Some(name) = self.source.fails_in() else {
            return outcome.status == PipelineExecutionStatus::Succeeded;
        };
        let failed = outcome.actions.get(name);
        // A failure for any other reason has another code.
        outcome.status == PipelineExecutionStatus::Failed
            && failed.is_some_and(|action| action.error_code == "JobFailed")
    }

    fn told(&self) -> String {
        let Self { pipeline, source, execution, outcome } = self;
        let ended = outcome.as_ref().map(|outcome| (&outcome.status, &outcome.actions));
        format!("{pipeline} {execution} ({source:?}) ended otherwise than it deserved: {ended:#?}")
    }
}
