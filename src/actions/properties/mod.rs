//! The actions' properties: from what the pipeline's author wrote to types that can be trusted.
//!
//! Names and value forms follow the native CloudFormation and `CodeBuild` actions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

mod given;

use self::given::Given;
use super::values::{self, Value, Variable};
use crate::ports::Job;
use crate::release::{OnSkew, ServiceName, StageName};

/// A property that is missing or wrong; `why` is a whole clause behind "property NAME".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PropertyError {
    /// The property.
    pub name: String,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

impl PropertyError {
    pub(super) fn new(name: &str, why: impl Into<String>) -> Self {
        Self { name: name.to_owned(), why: why.into() }
    }
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "property {} {}", self.name, self.why)
    }
}

/// The time after which an action gives up, unless `TimeoutMinutes` says otherwise. Below the hour after which
/// CodePipeline gave up on actions of this kind before it documented 24 hours for custom actions.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(55 * 60);

/// The longest `TimeoutMinutes`: CodePipeline itself gives up a custom action after 24 hours (user guide, "Quotas").
const LONGEST_TIMEOUT_MINUTES: u64 = 23 * 60;

/// How long a promotion that changes the live stack waits for the blues that use it, unless `DrainMinutes` says
/// otherwise: longer than most test suites run.
const DEFAULT_DRAIN: Duration = Duration::from_secs(30 * 60);

/// Versions kept to switch back to, unless `Keep` says otherwise.
const DEFAULT_KEEP: usize = 1;

/// The most previous versions that may be kept: each is a whole stack, and an account has 2,000 of them by default
/// (CloudFormation user guide, "Quotas").
const MOST_KEPT: usize = 20;

/// A file in an artifact, written `Artifact::path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArtifactPath {
    pub(super) artifact: String,
    pub(super) path: PathBuf,
}

/// The properties of deploy-blue.
#[derive(Clone, Debug)]
pub(super) struct DeployBlue {
    pub(super) stage: StageName,
    pub(super) service: ServiceName,
    pub(super) template: ArtifactPath,
    pub(super) configuration: Option<ArtifactPath>,
    pub(super) overrides: BTreeMap<String, Value>,
    pub(super) capabilities: Vec<String>,
    pub(super) role_arn: Option<String>,
    pub(super) depends_on: BTreeSet<ServiceName>,
}

/// The properties of run-isolated-tests.
#[derive(Clone, Debug)]
pub(super) struct RunIsolatedTests {
    pub(super) stage: StageName,
    pub(super) service: ServiceName,
    pub(super) runner: Runner,
    pub(super) environment: Vec<Variable>,
    /// The role whose credentials the tests get.
    pub(super) role_arn: Option<String>,
    pub(super) reports: Option<String>,
}

/// Where tests run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Runner {
    /// On the worker's machine: this shell command.
    Command(String),
    /// As a build of this project of CodeBuild.
    CodeBuild(String),
}

/// The properties of promote.
#[derive(Clone, Debug)]
pub(super) struct Promote {
    pub(super) stage: StageName,
    pub(super) service: ServiceName,
    /// The fixed stack that is brought to what was tested, for `Strategy=update`; none for `switch`.
    pub(super) update: Option<FixedStack>,
    pub(super) on_skew: OnSkew,
    pub(super) keep: usize,
    /// Whether to start the pipelines of the services that fall behind by it.
    pub(super) rebind: bool,
    /// How long a promotion that changes the live stack waits for the blues that use it.
    pub(super) drain: Duration,
}

/// The stack that `Strategy=update` updates.
#[derive(Clone, Debug)]
pub(super) struct FixedStack {
    pub(super) name: String,
    pub(super) capabilities: Vec<String>,
    pub(super) role_arn: Option<String>,
}

impl DeployBlue {
    pub(super) fn of(job: &Job) -> Result<Self, PropertyError> {
        let given = Given::of(
            job,
            &[
                "Stage",
                "Service",
                "TemplatePath",
                "TemplateConfiguration",
                "ParameterOverrides",
                "Capabilities",
                "RoleArn",
                "DependsOn",
                "TimeoutMinutes",
            ],
        )?;
        Ok(Self {
            stage: given.required("Stage")?,
            service: given.required("Service")?,
            template: artifact_path("TemplatePath", given.text("TemplatePath")?)?,
            configuration: given
                .optional("TemplateConfiguration")
                .map(|value| artifact_path("TemplateConfiguration", value))
                .transpose()?,
            overrides: given
                .optional("ParameterOverrides")
                .map(|value| values::parse_parameters("ParameterOverrides", value))
                .transpose()?
                .unwrap_or_default(),
            capabilities: given.list("Capabilities"),
            role_arn: given.role_arn("RoleArn")?,
            depends_on: given.services("DependsOn")?,
        })
    }
}

impl RunIsolatedTests {
    pub(super) fn of(job: &Job) -> Result<Self, PropertyError> {
        let given = Given::of(
            job,
            &[
                "Stage",
                "Service",
                "Command",
                "Runner",
                "ProjectName",
                "EnvironmentVariables",
                "TestRoleArn",
                "Reports",
                "TimeoutMinutes",
            ],
        )?;
        Ok(Self {
            stage: given.required("Stage")?,
            service: given.required("Service")?,
            runner: given.runner()?,
            environment: given
                .optional("EnvironmentVariables")
                .map(|value| values::parse_environment("EnvironmentVariables", value))
                .transpose()?
                .unwrap_or_default(),
            role_arn: given.role_arn("TestRoleArn")?,
            reports: given.optional("Reports").map(str::to_owned),
        })
    }
}

impl Promote {
    pub(super) fn of(job: &Job) -> Result<Self, PropertyError> {
        let given = Given::of(
            job,
            &[
                "Stage",
                "Service",
                "Strategy",
                "StackName",
                "OnSkew",
                "Keep",
                "Rebind",
                "DrainMinutes",
                "Capabilities",
                "RoleArn",
            ],
        )?;
        Ok(Self {
            stage: given.required("Stage")?,
            service: given.required("Service")?,
            update: given.strategy()?,
            on_skew: given.on_skew()?,
            rebind: given.rebind()?,
            drain: given
                .number("DrainMinutes", 1..=LONGEST_TIMEOUT_MINUTES)?
                .map_or(DEFAULT_DRAIN, |minutes| Duration::from_secs(minutes * 60)),
            keep: given.number("Keep", 0..=MOST_KEPT as u64)?.map_or(DEFAULT_KEEP, |keep| keep as usize),
        })
    }
}

/// The time after which this job's action gives up.
pub(super) fn time_limit(job: &Job) -> Result<Duration, PropertyError> {
    let given = Given::all(job);
    let minutes = given.number("TimeoutMinutes", 1..=LONGEST_TIMEOUT_MINUTES)?;
    Ok(minutes.map_or(DEFAULT_TIMEOUT, |minutes| Duration::from_secs(minutes * 60)))
}

/// The stage and the service that a job is about, as far as they are well-formed: for log lines and messages.
#[must_use]
pub fn subject(job: &Job) -> (Option<StageName>, Option<ServiceName>) {
    let given = Given::all(job);
    (given.required("Stage").ok(), given.required("Service").ok())
}

/// `Artifact::path`, where the path stays inside the artifact.
pub(super) fn artifact_path(property: &str, value: &str) -> Result<ArtifactPath, PropertyError> {
    let wrong = |why: &str| PropertyError::new(property, format!("is \"{value}\", {why}"));
    let (artifact, path) =
        value.split_once("::").ok_or_else(|| wrong("but must have the form Artifact::path/of/file"))?;
    let path = PathBuf::from(path);
    let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if artifact.is_empty() || path.as_os_str().is_empty() || !inside {
        return Err(wrong("but must name a file inside the artifact, without .. and without a leading /"));
    }
    Ok(ArtifactPath { artifact: artifact.to_owned(), path })
}
