//! Services with their dependencies: how each comes to be there at the beginning, and the jobs of its releases.

use std::collections::{BTreeMap, BTreeSet};

use bluestage::ports::{ActionKind, Artifact, Job, JobId, PipelineContext};
use bluestage::release::{
    BlueReady, BlueRequest, Execution, Moment, OnSkew, Promotion, RunId, StackSeen, Stage, VersionRef,
};
use fastrand::Rng;
use serde_json::{Map, Value as Json, json};

use super::{Scenario, stack_id};
use crate::large_stage::service;
use crate::memory::Memory;

/// Before the simulation begins.
const BEFORE: Moment = 1_767_000_000;

const CHANGED_AT: &str = "2026-11-23T07:33:33.163Z";

/// The services that this one is wired to: it keeps them, because they are drawn from its own number, of those before it in
/// its stage.
fn dependencies(number: usize, scenario: &Scenario) -> BTreeSet<usize> {
    let mut own = Rng::with_seed(number as u64);
    let first = number - number % scenario.in_each_stage();
    // The one after all others is wired to nothing: whoever looks on changes it.
    let many = if number < scenario.services { scenario.dependencies.min(number - first) } else { 0 };
    let mut dependencies = BTreeSet::new();
    while dependencies.len() < many {
        dependencies.insert(own.usize(first..number));
    }
    dependencies
}

/// The name of the stage of this service; the first has also the service after all others.
fn stage_of(service: usize, scenario: &Scenario) -> String {
    match service / scenario.in_each_stage() % scenario.stages {
        0 => "test".to_owned(),
        number => format!("test-{number}"),
    }
}

/// The stages with a live and a previous version of each service, and of one more that nobody is wired to.
pub(super) fn populated(scenario: &Scenario) -> Vec<Stage> {
    let names = (0..scenario.stages).map(|number| stage_of(number * scenario.in_each_stage(), scenario));
    let mut stages: Vec<Stage> = names.map(|name| Stage::empty(name.parse().unwrap())).collect();
    for round in 0..2 {
        for number in 0..=scenario.services {
            let execution = round * (scenario.services + 1) + number;
            let stage = &mut stages[number / scenario.in_each_stage() % scenario.stages];
            goes_live(stage, scenario, &Release { service: number, execution, attempt: 0 });
        }
    }
    stages
}

fn goes_live(stage: &mut Stage, scenario: &Scenario, release: &Release) {
    let service = service(release.service);
    let output = BTreeSet::from(["ApiUrl".to_owned()]);
    let wired_to = dependencies(release.service, scenario).into_iter();
    let request = BlueRequest {
        service: service.clone(),
        execution: release.execution(ActionKind::DeployBlue),
        wired_to: wired_to.map(|other| (crate::large_stage::service(other), output.clone())).collect(),
        depends_on: BTreeSet::new(),
        declares_green: false,
        most_versions: None,
        revision: Some(revision()),
        template_digest: "41c2cb5908eb4a898d240ee48204644a0f35b9f29a6239909d3b313b63cfd073".to_owned(),
        at: BEFORE,
        expires_at: BEFORE + 172_800,
    };
    let of = VersionRef { version: stage.begin_blue(&request).unwrap(), service };
    let url = format!("https://{:010}.execute-api.us-east-1.amazonaws.com/prod", release.execution);
    let stack = StackSeen { id: stack_id(&of.stack_name(&stage.name)), changed_at: Some(CHANGED_AT.to_owned()) };
    let ready = BlueReady {
        stack_id: stack.id.clone(),
        changed_at: stack.changed_at.clone(),
        outputs: BTreeMap::from([("ApiUrl".to_owned(), url)]),
        at: BEFORE,
    };
    stage.blue_ready(&of, &ready).unwrap();
    let run = RunId::new(&release.execution(ActionKind::RunIsolatedTests).action_execution_id, 1);
    stage.run_started(&of, &run, &BTreeMap::new(), BEFORE).unwrap();
    stage.run_passed(&of, &run, BEFORE).unwrap();
    let terms = Promotion { on_skew: OnSkew::Report, keep: 1, at: BEFORE };
    stage.begin_promotion(&of, &stack, terms).unwrap();
    stage.finish_promotion(&of, terms).unwrap();
}

fn revision() -> String {
    "ad724149d9924becb02d0a43cedaf26e01234567".to_owned()
}

/// One pipeline execution of one service, and how often it was retried.
#[derive(Clone, Copy)]
pub(super) struct Release {
    pub(super) service: usize,
    pub(super) execution: usize,
    pub(super) attempt: usize,
}

impl Release {
    pub(super) fn execution_id(self) -> String {
        format!("a09965da-6c4c-4a69-0000-{:012}", self.execution)
    }

    fn execution(self, action: ActionKind) -> Execution {
        let number = (self.execution * 256 + self.attempt) * 4 + action as usize;
        Execution {
            pipeline_arn: format!("arn:aws:codepipeline:us-east-1:000000000000:service-{:04}", self.service),
            execution_id: self.execution_id(),
            // Each differs from all others at its beginning, as the ids of CodePipeline do.
            action_execution_id: format!("{number:08x}-59b3-41ef-9ae2-bd8c4c9036e3"),
        }
    }

    /// The first job of this action, with tests that run this command.
    pub(super) fn job(self, action: ActionKind, scenario: &Scenario, tests: &str) -> Job {
        let execution = self.execution(action);
        let input = Artifact {
            name: "app".to_owned(),
            bucket: "artifacts".to_owned(),
            key: self.key(),
            revision: Some(revision()),
        };
        Job {
            id: JobId(execution.action_execution_id.clone()),
            action,
            configuration: self.configuration(action, scenario, tests),
            pipeline: PipelineContext {
                pipeline: service(self.service).to_string(),
                action: action.provider().to_owned(),
                execution,
            },
            inputs: if action == ActionKind::Promote { Vec::new() } else { vec![input] },
            outputs: Vec::new(),
            credentials: None,
            encryption_key: None,
            token: None,
        }
    }

    fn configuration(self, action: ActionKind, scenario: &Scenario, tests: &str) -> BTreeMap<String, String> {
        let mut properties =
            vec![("Stage", stage_of(self.service, scenario)), ("Service", service(self.service).to_string())];
        match action {
            ActionKind::DeployBlue => {
                properties.push(("TemplatePath", "app::template.json".to_owned()));
                let wired = dependencies(self.service, scenario)
                    .into_iter()
                    .map(|other| (parameter(other), json!({"Fn::GetLive": [service(other).to_string(), "ApiUrl"]})));
                properties.push(("ParameterOverrides", Json::Object(wired.collect()).to_string()));
            }
            ActionKind::RunIsolatedTests => properties.push(("Command", tests.to_owned())),
            ActionKind::Promote => {
                let policy = if scenario.on_skew == OnSkew::Block { "block" } else { "report" };
                properties.push(("OnSkew", policy.to_owned()));
            }
        }
        properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Puts its artifact where the jobs say it is.
    pub(super) fn has_its_artifact(self, scenario: &Scenario, memory: &Memory) {
        let declared = dependencies(self.service, scenario).into_iter();
        let parameters: Map<String, Json> =
            declared.map(|other| (parameter(other), json!({"Type": "String"}))).collect();
        let template = json!({"Parameters": parameters}).to_string();
        memory.artifacts.store(&self.key(), BTreeMap::from([("template.json".to_owned(), template)]));
    }

    fn key(self) -> String {
        format!("source/{}", self.service)
    }
}

fn parameter(service: usize) -> String {
    format!("Service{service}Url")
}
