//! Pipelines of our own making, and what became of their executions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_codepipeline::types::{ActionExecutionDetail, PipelineExecutionStatus};

use super::World;
use super::declaration::declaration;

/// How long an execution may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) type Properties = BTreeMap<String, String>;

/// A pipeline with a source and whichever of the three actions it has properties for.
#[derive(Clone, Default)]
pub struct PipelineOptions {
    pub deploy: Option<Properties>,
    pub test: Option<Properties>,
    pub promote: Option<Properties>,
    /// Whether a person must approve a release before it begins.
    pub approved: bool,
    /// Whether a newer execution overtakes one that waits, instead of running beside it.
    pub superseded: bool,
    /// Whether CodePipeline itself makes all three actions again, once, when one of them has failed.
    pub retried: bool,
}

/// How a pipeline execution ended.
pub struct Outcome {
    pub status: PipelineExecutionStatus,
    /// The last execution of each action, by the action's name.
    pub actions: BTreeMap<String, ActionReport>,
}

/// What the console shows of an action execution.
#[derive(Clone, Debug, Default)]
pub struct ActionReport {
    pub status: String,
    pub external_id: String,
    pub summary: String,
    pub error_code: String,
    pub message: String,
    pub variables: Properties,
    pub output_artifacts: Vec<(String, String)>,
}

pub fn properties(given: &[(&str, &str)]) -> Properties {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl PipelineOptions {
    /// The usual three actions of a service.
    pub fn service(service: &str) -> Self {
        let common = [("Stage", "test"), ("Service", service)];
        let mut deploy = properties(&common);
        deploy.insert("TemplatePath".to_owned(), "Source::template.yaml".to_owned());
        deploy.insert("Capabilities".to_owned(), "CAPABILITY_IAM".to_owned());
        let mut test = properties(&common);
        test.insert("Command".to_owned(), "true".to_owned());
        Self { deploy: Some(deploy), test: Some(test), promote: Some(properties(&common)), ..Self::default() }
    }

    #[must_use]
    pub fn deploy(mut self, name: &str, value: &str) -> Self {
        self.deploy.get_or_insert_default().insert(name.to_owned(), value.to_owned());
        self
    }

    #[must_use]
    pub fn test(mut self, name: &str, value: &str) -> Self {
        self.test.get_or_insert_default().insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a pipeline stage before the release in which a person must approve it.
    #[must_use]
    pub fn approved(mut self) -> Self {
        self.approved = true;
        self
    }

    #[must_use]
    pub fn without_test(mut self, name: &str) -> Self {
        self.test.get_or_insert_default().remove(name);
        self
    }

    /// In the mode in which a newer execution overtakes one that waits.
    #[must_use]
    pub fn superseded(mut self) -> Self {
        self.superseded = true;
        self
    }

    /// With a pipeline stage that is made again, once, when it fails.
    #[must_use]
    pub fn retried(mut self) -> Self {
        self.retried = true;
        self
    }

    #[must_use]
    pub fn promote(mut self, name: &str, value: &str) -> Self {
        self.promote.get_or_insert_default().insert(name.to_owned(), value.to_owned());
        self
    }
}

impl World {
    /// Creates a pipeline of this name whose executions run side by side, unless the options say otherwise.
    ///
    /// A new pipeline starts by itself, unless the world says otherwise. That execution fails where no source was pushed before; it is waited for, so that
    /// it does not find what is pushed next.
    pub async fn create_pipeline(&self, name: &str, options: &PipelineOptions) {
        self.try_create_pipeline(name, options).await.expect("the pipeline is created");
        let deadline = Instant::now() + PATIENCE;
        while self.is_seeking_its_source(name).await {
            assert!(Instant::now() < deadline, "the first execution of {name} neither finds its source nor fails");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_seeking_its_source(&self, pipeline: &str) -> bool {
        let listed = self.codepipeline().list_pipeline_executions().pipeline_name(pipeline).send().await;
        let listed = listed.expect("the pipeline is known");
        let in_progress = |status| status == Some(PipelineExecutionStatus::InProgress);
        let first = listed.pipeline_execution_summaries().last();
        first.is_some_and(|first| in_progress(first.status.clone()) && first.source_revisions().is_empty())
    }

    /// The same, or why CodePipeline does not take it.
    pub async fn try_create_pipeline(
        &self,
        name: &str,
        options: &PipelineOptions,
    ) -> Result<(), aws_sdk_codepipeline::Error> {
        let created = self.codepipeline().create_pipeline().pipeline(declaration(name, options)).send().await;
        created.map(drop).map_err(Into::into)
    }

    /// Waits until the execution has ended.
    pub async fn await_execution(&self, pipeline: &str, execution: &str) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.execution_status(pipeline, execution).await;
            if status != PipelineExecutionStatus::InProgress && status != PipelineExecutionStatus::Stopping {
                let actions = self.action_reports(pipeline, execution).await;
                return Outcome { status, actions };
            }
            assert!(Instant::now() < deadline, "{pipeline} {execution} did not end\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn execution_status(&self, pipeline: &str, execution: &str) -> PipelineExecutionStatus {
        let asked = self.codepipeline().get_pipeline_execution().pipeline_name(pipeline);
        let answer = asked.pipeline_execution_id(execution).send().await.expect("the execution is known");
        answer.pipeline_execution.and_then(|execution| execution.status).expect("a status")
    }

    /// The last execution of each action of a pipeline execution.
    pub async fn action_reports(&self, pipeline: &str, execution: &str) -> BTreeMap<String, ActionReport> {
        let listed = self.codepipeline().list_action_executions().pipeline_name(pipeline).send().await;
        let details = listed.expect("the actions are listed").action_execution_details.unwrap_or_default();
        // Newest first: the first that is seen of each action stays.
        let mut reports = BTreeMap::new();
        for detail in details.iter().filter(|detail| detail.pipeline_execution_id.as_deref() == Some(execution)) {
            let name = detail.action_name.clone().unwrap_or_default();
            reports.entry(name).or_insert_with(|| report(detail));
        }
        reports
    }
}

impl Outcome {
    /// The report of the action of this name.
    pub fn action(&self, name: &str) -> &ActionReport {
        self.actions.get(name).unwrap_or_else(|| panic!("{name} did not run: {:?}", self.actions))
    }

    /// Insists that the execution succeeded.
    pub fn succeeded(&self) -> &Self {
        assert_eq!(self.status, PipelineExecutionStatus::Succeeded, "{:#?}", self.actions);
        self
    }

    /// Insists that the execution failed, in this action, and tells how.
    pub fn failed_in(&self, name: &str) -> &ActionReport {
        let report = self.action(name);
        assert_eq!(self.status, PipelineExecutionStatus::Failed, "{:#?}", self.actions);
        assert_eq!(report.status, "Failed", "{report:#?}");
        report
    }
}

fn report(detail: &ActionExecutionDetail) -> ActionReport {
    let output = detail.output.as_ref();
    let result = output.and_then(|output| output.execution_result.as_ref());
    let error = result.and_then(|result| result.error_details.as_ref());
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let variables = output.and_then(|output| output.output_variables.clone()).unwrap_or_default();
    let artifacts = output.map(|output| output.output_artifacts().to_vec()).unwrap_or_default();
    let place = |artifact: &aws_sdk_codepipeline::types::ArtifactDetail| {
        let location = artifact.s3_location.as_ref()?;
        Some((location.bucket.clone()?, location.key.clone()?))
    };
    ActionReport {
        status: detail.status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        external_id: text(result.and_then(|result| result.external_execution_id.as_ref())),
        summary: text(result.and_then(|result| result.external_execution_summary.as_ref())),
        error_code: text(error.and_then(|error| error.code.as_ref())),
        message: text(error.and_then(|error| error.message.as_ref())),
        variables: variables.into_iter().collect(),
        output_artifacts: artifacts.iter().filter_map(place).collect(),
    }
}
