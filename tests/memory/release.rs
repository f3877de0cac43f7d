//! One pipeline execution of one service: its jobs, and how they are played.

use std::collections::BTreeMap;
use std::time::Duration;

use bluestage::ports::{ActionKind, Artifact, Continuation, Done, Failure, Job, JobId, PipelineContext, Verdict};
use bluestage::release::{Execution, Version};
use serde_json::{Map, Value as Json, json};

use super::{Memory, stage_name};

/// How long CodePipeline takes from a continuation to its next job.
const CONTINUATION_DELAY: Duration = Duration::from_secs(3);

/// More turns than any story takes.
const MOST_TURNS: usize = 2_000;

/// One pipeline execution of one service.
pub(crate) struct Release<'w> {
    world: &'w Memory,
    pub(crate) service: String,
    pub(crate) execution_id: String,
    pub(crate) pipeline: String,
    number: u32,
    attempt: u32,
    overrides: Map<String, Json>,
    properties: Vec<(ActionKind, String, String)>,
    files: BTreeMap<String, String>,
    template: Json,
    has_reports: bool,
}

/// What came of an action: what each turn but the last said, and the last word.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) turns: Vec<Continuation>,
    pub(crate) verdict: Verdict,
}

impl Played {
    /// The success that it must be.
    pub(crate) fn done(self) -> Done {
        match self.verdict {
            Verdict::Done(done) => done,
            other => panic!("it should be done, but is {other:?}"),
        }
    }

    /// The failure that it must be.
    pub(crate) fn failed(self) -> Failure {
        match self.verdict {
            Verdict::Failed(failure) => failure,
            other => panic!("it should have failed, but is {other:?}"),
        }
    }
}

impl<'w> Release<'w> {
    pub(super) fn new(world: &'w Memory, service: &str, number: u32) -> Self {
        Self {
            world,
            service: service.to_owned(),
            execution_id: format!("{service}-execution-{number}"),
            pipeline: format!("arn:aws:codepipeline:eu-central-1:1:{service}"),
            number,
            attempt: 0,
            overrides: Map::new(),
            properties: Vec::new(),
            files: BTreeMap::new(),
            has_reports: true,
            template: json!({
                "Parameters": {},
                "Outputs": {"Url": {"Value": "https://${AWS::StackName}"}},
            }),
        }
    }

    /// Its stack is given the address of this service.
    #[must_use]
    pub(crate) fn wired_to(mut self, other: &str) -> Self {
        let name = format!("{other}Url");
        self.template["Parameters"][&name] = json!({"Type": "String"});
        self.overrides.insert(name, json!({"Fn::GetLive": [other, "Url"]}));
        self
    }

    /// Its template declares this parameter, and the action gives it this value.
    #[must_use]
    pub(crate) fn given(mut self, parameter: &str, value: Json) -> Self {
        self.template["Parameters"][parameter] = json!({"Type": "String"});
        self.overrides.insert(parameter.to_owned(), value);
        self
    }

    /// Its template declares this parameter, and nobody gives it a value.
    #[must_use]
    pub(crate) fn declares(mut self, parameter: &str) -> Self {
        self.template["Parameters"][parameter] = json!({"Type": "String"});
        self
    }

    /// Its tests hand out no archive.
    #[must_use]
    pub(crate) fn without_reports(mut self) -> Self {
        self.has_reports = false;
        self
    }

    /// Its template is this.
    #[must_use]
    pub(crate) fn template(mut self, template: Json) -> Self {
        self.template = template;
        self
    }

    /// Its stack gives this out.
    #[must_use]
    pub(crate) fn output(mut self, name: &str, value: &str) -> Self {
        self.template["Outputs"][name] = json!({"Value": value});
        self
    }

    /// Its source has this file.
    #[must_use]
    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// This action has this property; an empty one is left out.
    #[must_use]
    pub(crate) fn with(mut self, action: ActionKind, name: &str, value: &str) -> Self {
        self.properties.push((action, name.to_owned(), value.to_owned()));
        self
    }

    /// Another pipeline releases it.
    #[must_use]
    pub(crate) fn through(mut self, pipeline: &str) -> Self {
        self.pipeline = format!("arn:aws:codepipeline:eu-central-1:1:{pipeline}");
        self
    }

    /// The same pipeline execution with its stage retried: every action anew.
    #[must_use]
    pub(crate) fn retried(mut self) -> Self {
        self.retry();
        self
    }

    /// From now on its actions are those of the next attempt.
    pub(crate) fn retry(&mut self) {
        self.attempt += 1;
    }

    /// The first job of this action.
    pub(crate) fn job(&self, action: ActionKind) -> Job {
        let key = format!("source/{}", self.execution_id);
        let artifact = |name: &str, key: &str| Artifact {
            name: name.to_owned(),
            bucket: "artifacts".to_owned(),
            key: key.to_owned(),
            revision: Some(format!("commit-{}", self.number)),
        };
        let (inputs, outputs) = match action {
            ActionKind::DeployBlue => (vec![artifact("app", &key)], vec![]),
            ActionKind::RunIsolatedTests => {
                let reports = self.has_reports.then(|| artifact("reports", "reports"));
                (vec![artifact("app", &key)], reports.into_iter().collect())
            }
            ActionKind::Promote => (vec![], vec![]),
        };
        let mut files = self.files.clone();
        files.entry("template.json".to_owned()).or_insert_with(|| self.template.to_string());
        self.world.artifacts.store(&key, files);
        Job {
            id: JobId(format!("{}-{action}-{}", self.execution_id, self.attempt)),
            action,
            configuration: self.configuration(action),
            pipeline: PipelineContext {
                pipeline: self.service.clone(),
                action: action.provider().to_owned(),
                execution: self.execution(action),
            },
            inputs,
            outputs,
            credentials: None,
            encryption_key: None,
            token: None,
        }
    }

    fn execution(&self, action: ActionKind) -> Execution {
        let place = action as usize;
        let (number, attempt) = (self.number, self.attempt);
        Execution {
            pipeline_arn: self.pipeline.clone(),
            execution_id: self.execution_id.clone(),
            action_execution_id: format!("{number:04x}{place}{attempt:03x}-4000-8000"),
        }
    }

    fn configuration(&self, action: ActionKind) -> BTreeMap<String, String> {
        let mut configuration: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, value: &str| {
            configuration.insert(name.to_owned(), value.to_owned());
        };
        set("Stage", stage_name().as_str());
        set("Service", &self.service);
        match action {
            ActionKind::DeployBlue => {
                set("TemplatePath", "app::template.json");
                if !self.overrides.is_empty() {
                    let overrides = Json::Object(self.overrides.clone());
                    set("ParameterOverrides", &overrides.to_string());
                }
            }
            ActionKind::RunIsolatedTests => set("Command", "make test"),
            ActionKind::Promote => {}
        }
        for (_, name, value) in self.properties.iter().filter(|(of, ..)| *of == action) {
            set(name, value);
        }
        configuration.retain(|_, value| !value.is_empty());
        configuration
    }

    /// Plays the action to its end on machine `a`. A job whose worker died is played again from the top.
    pub(crate) async fn play(&self, action: ActionKind) -> Played {
        self.go_on(self.job(action)).await
    }

    /// Plays on from this job.
    pub(crate) async fn go_on(&self, mut job: Job) -> Played {
        let mut turns = Vec::new();
        for turn in 0..MOST_TURNS {
            match self.world.turn(&job).await {
                None => continue,
                Some(Verdict::Continue(more)) => {
                    job = next(&job, &more, turn);
                    turns.push(more);
                    self.world.pass(CONTINUATION_DELAY).await;
                }
                Some(verdict) => return Played { turns, verdict },
            }
        }
        panic!("the action never ends; it said {:?}", turns.last());
    }

    /// Plays deploy-blue to its end.
    pub(crate) async fn deploy(&self) -> Played {
        self.play(ActionKind::DeployBlue).await
    }

    /// Plays run-isolated-tests to its end.
    pub(crate) async fn test(&self) -> Played {
        self.play(ActionKind::RunIsolatedTests).await
    }

    /// Plays promote to its end.
    pub(crate) async fn promote(&self) -> Played {
        self.play(ActionKind::Promote).await
    }

    /// Deploys, tests and promotes, all of which must go well.
    pub(crate) async fn goes_live(&self) -> Version {
        self.is_tested().await;
        self.promote().await.done();
        self.version()
    }

    /// Deploys and tests, both of which must go well.
    pub(crate) async fn is_tested(&self) -> Version {
        self.deploy().await.done();
        self.test().await.done();
        self.version()
    }

    /// The version that this execution has made last.
    pub(crate) fn version(&self) -> Version {
        let stage = self.world.stage();
        let made = stage.made_by(&super::service(&self.service), &self.execution_id);
        made.expect("this execution has made a version").clone()
    }
}

/// The job that continues this one.
pub(crate) fn next(job: &Job, more: &Continuation, turn: usize) -> Job {
    Job { id: JobId(format!("{}-{turn}", job.id)), token: Some(more.token.as_str().to_owned()), ..job.clone() }
}
