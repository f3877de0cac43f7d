//! A small world for the engine's tests: one pipeline, a clock that stands still until it is told otherwise.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use serde_json::{Value, json};

use super::execution::{Execution, StageStatus};
use super::state::{JobStatus, State};
use super::{
    Finished, JobFailure, JobSuccess, PollRequest, StartRequest, Turn, acknowledge, create, finish, job_context, poll,
    put_failure, put_success, settle, start, update,
};
use crate::dice::Dice;
use crate::local::definition::{ActionType, ActionTypeId, Tags};
use crate::local::error::Answer;
use crate::local::settings::{JobCredentials, Settings};

/// The state, its clock and its settings.
pub(super) struct Scenario {
    pub(super) state: State,
    pub(super) settings: Settings,
    /// What was told, as `thing STATE`.
    pub(super) told: Vec<String>,
    elapsed: Duration,
    dice: Dice,
}

/// An action for [`Scenario::with`].
pub(super) fn action(name: &str, run_order: u32) -> Value {
    json!({"name": name, "runOrder": run_order, "namespace": name,
        "actionTypeId": type_id(), "configuration": {}})
}

fn type_id() -> ActionTypeId {
    ActionTypeId {
        category: "Test".to_owned(),
        owner: "Custom".to_owned(),
        provider: "Tester".to_owned(),
        version: "1".to_owned(),
    }
}

impl Scenario {
    /// A pipeline `p` with a source and one pipeline stage `Test` of these actions; `more` is merged into the stage.
    pub(super) fn with(mode: &str, actions: &[Value], more: &Value) -> Self {
        let mut stage = json!({"name": "Test", "actions": actions});
        for (name, value) in more.as_object().into_iter().flatten() {
            stage[name] = value.clone();
        }
        let source = json!({"name": "Fetch", "outputArtifacts": [{"name": "Source"}],
            "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
            "configuration": {"S3Bucket": "b", "S3ObjectKey": "k"}});
        let declaration = json!({"name": "p", "roleArn": "r", "pipelineType": "V2", "executionMode": mode,
            "artifactStore": {"type": "S3", "location": "bucket"},
            "stages": [{"name": "Source", "actions": [source]}, stage]});
        let secret = SecretString::from("s");
        let credentials =
            JobCredentials { access_key_id: "a".to_owned(), secret_access_key: secret, session_token: None };
        let mut scenario = Self {
            state: State::new(),
            settings: Settings::with_credentials(credentials),
            told: Vec::new(),
            elapsed: Duration::ZERO,
            dice: Dice::seeded(1),
        };
        let count = json!({"minimumCount": 0, "maximumCount": 5});
        let tester: ActionType = serde_json::from_value(
            json!({"id": type_id(), "inputArtifactDetails": count, "outputArtifactDetails": count}),
        )
        .unwrap();
        scenario.state.types.register(tester, Tags::default()).unwrap();
        let declaration = serde_json::from_value(declaration).unwrap();
        scenario.change(|state, turn| create(state, (declaration, Tags::default()), turn).map(|_| ())).unwrap();
        scenario
    }

    /// Adds a pipeline stage at the end.
    pub(super) fn add_stage(&mut self, name: &str, actions: &[Value]) {
        let mut declaration = (*self.state.pipelines["p"].declaration()).clone();
        declaration.stages.push(serde_json::from_value(json!({"name": name, "actions": actions})).unwrap());
        self.change(|state, turn| update(state, declaration, turn).map(|_| ())).unwrap();
    }

    /// Changes the state and lets everything follow, as the server does.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut State, &Turn<'_>) -> T) -> T {
        let turn = Turn {
            now: SystemTime::UNIX_EPOCH + self.elapsed,
            elapsed: self.elapsed,
            dice: &self.dice,
            settings: &self.settings,
            address: None,
            events: std::cell::RefCell::default(),
        };
        let answer = change(&mut self.state, &turn);
        settle(&mut self.state, &turn);
        let events = turn.events.into_inner();
        self.told.extend(events.into_iter().map(|event| {
            let part = |name: &str| event.detail[name].as_str().unwrap_or_default().to_owned();
            let what = [part("action"), part("stage"), "pipeline".to_owned()];
            let what = what.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
            format!("{what} {}", part("state"))
        }));
        answer
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.elapsed += time;
    }

    /// Starts an execution and completes its source.
    pub(super) fn start(&mut self) -> String {
        let id =
            self.change(|state, turn| start(state, StartRequest::by("StartPipelineExecution", "p"), turn)).unwrap();
        self.copy_sources();
        id
    }

    /// Completes all sources that wait, also those that begin thereby.
    pub(super) fn copy_sources(&mut self) {
        while let Some(errand) = self.state.errands.pop() {
            let done = Finished { revision: Some(("e".to_owned(), "found".to_owned())), ..Finished::default() };
            self.change(|state, turn| finish(state, &errand.action, done, turn));
        }
    }

    /// The ids and nonces of the jobs that a poll hands out.
    pub(super) fn poll(&mut self) -> Vec<(String, String)> {
        let request = PollRequest { owner: "Custom", type_id: type_id(), batch: None, query: BTreeMap::new() };
        let ids = self.change(|state, turn| poll(state, &request, turn)).unwrap();
        let nonce = |id: &String| self.state.jobs.by_id[id].nonce.to_string();
        ids.iter().map(|id| (id.clone(), nonce(id))).collect()
    }

    pub(super) fn acknowledge(&mut self, id: &str, nonce: &str) -> Answer<JobStatus> {
        self.change(|state, turn| acknowledge(state, id, nonce, turn))
    }

    /// Polls and acknowledges; the jobs by the name of their action.
    pub(super) fn take(&mut self) -> BTreeMap<String, String> {
        let polled = self.poll();
        polled
            .into_iter()
            .map(|(id, nonce)| {
                self.acknowledge(&id, &nonce).unwrap();
                (self.action_of(&id), id)
            })
            .collect()
    }

    /// The name of a job's action.
    pub(super) fn action_of(&self, id: &str) -> String {
        let (_, _, action) = job_context(&self.state, id).unwrap();
        action.declaration.name.clone()
    }

    pub(super) fn succeed(&mut self, id: &str) -> Answer<()> {
        self.change(|state, turn| put_success(state, id, JobSuccess::default(), turn))
    }

    pub(super) fn go_on(&mut self, id: &str, token: &str) -> Answer<()> {
        let report = JobSuccess { continuation: Some(token.to_owned()), ..JobSuccess::default() };
        self.change(|state, turn| put_success(state, id, report, turn))
    }

    pub(super) fn fail(&mut self, id: &str) -> Answer<()> {
        let report = JobFailure { kind: "JobFailed".to_owned(), message: "red".to_owned(), external_id: None };
        self.change(|state, turn| put_failure(state, id, report, turn))
    }

    pub(super) fn execution(&self, id: &str) -> &Execution {
        self.state.pipelines["p"].execution(id).unwrap()
    }

    /// How the pipeline stage `Test` stands in an execution.
    pub(super) fn test_stage(&self, id: &str) -> StageStatus {
        self.execution(id).stages[1].status
    }
}
