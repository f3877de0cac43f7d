//! Observes: reads CodePipeline and the stage document again and again, and tells what is new in them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_codepipeline::types::PipelineExecutionStatus;
use bluestage::release::{Event, ServiceName, Stage, State, Version, VersionRef};

use super::Trouble;
use super::story::{Look, Teller};
use super::world::{ActionReport, Source, World, root};

/// Between two looks: short enough that nothing lasting a second is missed.
const PAUSE: Duration = Duration::from_millis(150);

/// How long the story waits for any one thing. Everything in it takes a few seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A pipeline execution that is followed.
#[derive(Clone)]
pub(crate) struct Release {
    pub(crate) pipeline: String,
    pub(crate) execution: String,
    pub(crate) status: PipelineExecutionStatus,
    /// The last execution of each of its actions.
    pub(crate) actions: BTreeMap<String, ActionReport>,
}

/// Observes a world and tells what it sees.
pub(crate) struct Watch {
    pub(crate) world: World,
    pub(crate) teller: Teller,
    /// The stage as it was seen last.
    pub(crate) stage: Stage,
    releases: BTreeMap<String, Release>,
    /// Events of the stage document that were told.
    told: usize,
    /// Pipeline executions that have begun a version.
    begun: BTreeSet<String>,
}

impl Watch {
    pub(crate) async fn over(world: World, teller: Teller) -> Self {
        let stage = world.stage().await;
        Self { world, teller, stage, releases: BTreeMap::new(), told: 0, begun: BTreeSet::new() }
    }

    /// Pushes a source, starts its pipeline and follows the execution, whose id it answers.
    pub(crate) async fn release(&mut self, pipeline: &str, source: &Source, what: &str) -> String {
        let execution = self.world.release(pipeline, source).await;
        self.teller.says(pipeline, &format!("its pipeline starts with {what}"));
        let release = Release {
            pipeline: pipeline.to_owned(),
            execution: execution.clone(),
            status: PipelineExecutionStatus::InProgress,
            actions: BTreeMap::new(),
        };
        self.releases.insert(execution.clone(), release);
        execution
    }

    /// Whether the pipeline execution has ended.
    pub(crate) fn ended(&self, execution: &str) -> bool {
        self.releases.get(execution).is_some_and(|release| release.status != PipelineExecutionStatus::InProgress)
    }

    /// Whether it has ended well.
    pub(crate) fn succeeded(&self, execution: &str) -> bool {
        self.releases.get(execution).is_some_and(|release| release.status == PipelineExecutionStatus::Succeeded)
    }

    /// The last execution of this action in the pipeline execution.
    pub(crate) fn action(&self, execution: &str, name: &str) -> Result<ActionReport, Trouble> {
        let release = self.releases.get(execution);
        let action = release.and_then(|release| release.actions.get(name));
        action.cloned().ok_or_else(|| format!("{name} did not run in the execution {execution}").into())
    }

    /// Whether CodePipeline says that the tests of this pipeline execution run.
    pub(crate) fn is_tested_by_codepipeline(&self, execution: &str) -> bool {
        let tests = self.action(execution, "RunIsolatedTests");
        tests.is_ok_and(|tests| tests.status == "InProgress")
    }

    /// The newest version that this pipeline execution made.
    pub(crate) fn made_by(&self, execution: &str) -> Option<(VersionRef, &Version)> {
        let made = self.stage.all_versions().filter(|(_, version)| version.execution.execution_id == execution);
        made.max_by_key(|(_, version)| version.ordinal)
    }

    /// The live version of this service.
    pub(crate) fn live(&self, service: &str) -> Result<Version, Trouble> {
        let name: ServiceName = service.parse()?;
        self.stage.live(&name).cloned().ok_or_else(|| format!("no version of {service} is live").into())
    }

    /// Looks until `wanted` holds, telling meanwhile what is new.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) -> Result<(), Trouble> {
        let begun = self.teller.elapsed();
        loop {
            self.look().await;
            if wanted(self) {
                return Ok(());
            }
            if let Some(part) = self.world.ended_part() {
                return Err(self.trouble(&format!("{part} has ended by itself")));
            }
            if self.teller.elapsed() - begun > PATIENCE {
                let seconds = PATIENCE.as_secs();
                return Err(self.trouble(&format!("{what} did not come within {seconds} s")));
            }
            pause().await;
        }
    }

    /// What went wrong, with where to look on: the parts' own directories end with the story.
    pub(crate) fn trouble(&self, what: &str) -> Trouble {
        let file = root().join("target/demo.log");
        let kept = std::fs::write(&file, self.world.logs()).is_ok();
        let logs = if kept { "; the last log lines of the parts are in target/demo.log" } else { "" };
        format!("{what}{logs}").into()
    }

    /// One look: first at the pipelines, so that the document is at least as new as what they say.
    async fn look(&mut self) {
        let running: Vec<(String, String)> = self
            .releases
            .values()
            .filter(|release| release.status == PipelineExecutionStatus::InProgress)
            .map(|release| (release.pipeline.clone(), release.execution.clone()))
            .collect();
        let mut looked = Vec::new();
        for (pipeline, execution) in running {
            let status = self.world.execution_status(&pipeline, &execution).await;
            let actions = self.world.action_reports(&pipeline, &execution).await;
            looked.push((execution, status, actions));
        }
        self.stage = self.world.stage().await;
        self.tell_events();
        for (execution, status, actions) in looked {
            if let Some(release) = self.releases.get_mut(&execution) {
                (release.status, release.actions) = (status, actions);
                if release.status != PipelineExecutionStatus::InProgress {
                    let ended = format!("its pipeline execution has ended: {}", release.status.as_str());
                    self.teller.says(&release.pipeline, &ended);
                }
            }
        }
    }

    fn tell_events(&mut self) {
        let new: Vec<Event> = self.stage.recent.iter().skip(self.told).cloned().collect();
        self.told += new.len();
        let begins = |event: &&Event| event.what == "began";
        // A pipeline execution that begins a second version is retried; the first one is given up in the same write.
        let mut retried: BTreeSet<String> = new
            .iter()
            .filter(begins)
            .filter(|event| !self.begun.insert(event.who.clone()))
            .map(|event| event.who.clone())
            .collect();
        for event in new {
            let opens_retry = event.what == "began" || event.what.starts_with("was abandoned");
            if opens_retry && retried.remove(&event.who) {
                let what = "CodePipeline retries its pipeline stage, all three actions (onFailure: RETRY)";
                self.teller.says(event.of.service.as_str(), what);
            }
            let told = sentence(&event, self.stage.version(&event.of), &self.stage);
            if let Some((sentence, look)) = told {
                self.teller.tells(&event.of, &sentence, look);
            }
        }
    }
}

/// An event of the stage document in the words of the story; those that only lead to another are not told.
fn sentence(event: &Event, version: Option<&Version>, stage: &Stage) -> Option<(String, Look)> {
    let stack = version.map(|version| version.stack.name.as_str()).unwrap_or_default();
    let others = version.map(|version| others_of(&event.of, version)).unwrap_or_default();
    Some(match event.what.as_str() {
        "began" => (format!("begins as a new blue{}", beside(event, stage)), Look::Plain),
        "is blue" => (format!("is deployed: stack {stack}"), Look::Plain),
        "passed its tests" => ("passed its tests".to_owned(), Look::Plain),
        "failed its tests" => ("FAILED its tests".to_owned(), Look::Bad),
        "went live" => (format!("is LIVE{}", kept(event, stage)), Look::Good),
        "was retired" => ("is gone, and its stack with it".to_owned(), Look::Faint),
        "is being promoted" | "is being retired" => return None,
        tested if tested.starts_with("is tested by ") => (format!("is tested{others}"), Look::Plain),
        other => (other.to_owned(), Look::Faint),
    })
}

fn beside(event: &Event, stage: &Stage) -> String {
    match stage.live(&event.of.service) {
        Some(live) if live.id != event.of.version => format!(", beside the live {}", live.id),
        _ => String::new(),
    }
}

fn kept(event: &Event, stage: &Stage) -> String {
    let previous = stage.services.get(&event.of.service).and_then(|service| service.previous.first());
    previous.map_or_else(String::new, |previous| format!("; previous, kept to switch back to: {previous}"))
}

fn others_of(of: &VersionRef, version: &Version) -> String {
    let others: Vec<String> = version
        .view
        .iter()
        .filter(|(service, _)| **service != of.service)
        .map(|(service, id)| format!("{service} {id}"))
        .collect();
    if others.is_empty() { String::new() } else { format!(" with {}", others.join(" and ")) }
}

/// Whether a version's own tests run in this document.
pub(crate) fn is_being_tested(version: &Version) -> bool {
    use bluestage::release::RunOutcome::Running;
    version.state == State::Blue && version.run.as_ref().is_some_and(|run| run.outcome == Running)
}

#[expect(clippy::disallowed_methods, reason = "an observer of real processes waits on the real clock")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}
