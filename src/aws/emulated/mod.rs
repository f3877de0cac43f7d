//! What the local CodePipeline asks of an emulated AWS besides objects.
//!
//! These are plain calls: one question, one answer, nothing awaited. `stacks` is CloudFormation; builds, functions,
//! the event bus and credentials are here.

mod stacks;

use aws_config::SdkConfig;
use aws_sdk_codebuild::types::{
    ArtifactNamespace, ArtifactPackaging, ArtifactsType, EnvironmentVariable, EnvironmentVariableType,
    ProjectArtifacts, ProjectSource, SourceType,
};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::OnceCell;

pub use stacks::{StackInput, StackStanding};

use super::fault::detail;
use crate::ports::Credentials;

/// The services of an emulated AWS.
#[derive(Debug)]
pub struct Emulated {
    cloudformation: aws_sdk_cloudformation::Client,
    codebuild: aws_sdk_codebuild::Client,
    lambda: aws_sdk_lambda::Client,
    eventbridge: aws_sdk_eventbridge::Client,
    sts: aws_sdk_sts::Client,
    account: OnceCell<String>,
}

/// Why a service refused, in its own words.
#[derive(Debug)]
pub enum Refusal {
    /// The event bus does not take events of this source.
    Source(String),
    /// Anything else.
    Other(String),
}

/// A build that is to be started.
#[derive(Debug)]
pub struct BuildInput<'a> {
    /// Its project.
    pub project: &'a str,
    /// Where its primary source is, as `bucket/key`.
    pub source: &'a str,
    /// Its other sources: name, and where it is.
    pub more_sources: &'a [(String, String)],
    /// Where its results go: name, bucket and key.
    pub artifacts: &'a [(String, String, String)],
    /// Its environment: name, value and type.
    pub environment: &'a [(String, String, String)],
    /// A build specification instead of the project's.
    pub buildspec: Option<&'a str>,
    /// Tells one attempt from the next.
    pub token: &'a str,
}

/// How a build stands: status, why it failed, and what it exported.
pub type BuildStanding = (String, Option<String>, Vec<(String, String)>);

impl Emulated {
    /// The services as `sdk` reaches them.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self {
            cloudformation: aws_sdk_cloudformation::Client::new(sdk),
            codebuild: aws_sdk_codebuild::Client::new(sdk),
            lambda: aws_sdk_lambda::Client::new(sdk),
            eventbridge: aws_sdk_eventbridge::Client::new(sdk),
            sts: aws_sdk_sts::Client::new(sdk),
            account: OnceCell::new(),
        }
    }

    /// Starts a build and returns its id.
    pub async fn start_build(&self, build: &BuildInput<'_>) -> Result<String, Refusal> {
        let sources = build.more_sources.iter().map(|(name, place)| source(Some(name), place));
        let mut request = self
            .codebuild
            .start_build()
            .project_name(build.project)
            .source_type_override(SourceType::S3)
            .source_location_override(build.source)
            .set_buildspec_override(build.buildspec.map(str::to_owned))
            .idempotency_token(build.token)
            .set_secondary_sources_override(some(sources.collect::<Result<Vec<_>, _>>()?))
            .set_environment_variables_override(some(variables(build.environment)?));
        // A single result needs no name in the build; several go by theirs.
        request = match build.artifacts {
            [one] => request.artifacts_override(artifacts(one, true)?),
            many => {
                let many = many.iter().map(|one| artifacts(one, false));
                request.set_secondary_artifacts_override(some(many.collect::<Result<Vec<_>, _>>()?))
            }
        };
        let started = request.send().await.map_err(|error| Refusal::Other(detail(&error)))?;
        let id = started.build_value.and_then(|build| build.id);
        id.ok_or_else(|| Refusal::Other("CodeBuild started a build without an id".to_owned()))
    }

    /// How a build stands.
    pub async fn build(&self, id: &str) -> Result<BuildStanding, Refusal> {
        let answer = self.codebuild.batch_get_builds().ids(id).send().await;
        let builds = answer.map_err(|error| Refusal::Other(detail(&error)))?.builds.unwrap_or_default();
        let Some(build) = builds.into_iter().next() else {
            return Err(Refusal::Other(format!("CodeBuild does not know the build {id}")));
        };
        let reasons: Vec<String> = build
            .phases()
            .iter()
            .flat_map(|phase| phase.contexts())
            .filter_map(|context| context.message().map(str::to_owned))
            .filter(|message| !message.is_empty())
            .collect();
        let exported = build.exported_environment_variables().iter();
        let exported = exported.filter_map(|variable| Some((variable.name.clone()?, variable.value.clone()?)));
        let status = build.build_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default();
        Ok((status, (!reasons.is_empty()).then(|| reasons.join("; ")), exported.collect()))
    }

    /// Invokes a function without waiting for it.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<(), Refusal> {
        let payload = Blob::new(event.to_string());
        let request = self.lambda.invoke().function_name(function).invocation_type(InvocationType::Event);
        match request.payload(payload).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::Other(detail(&error))),
        }
    }

    /// Puts events, in the form in which EventBridge delivers them, on the default bus.
    pub async fn put_events(&self, events: &[Value]) -> Result<(), Refusal> {
        let text = |event: &Value, name: &str| event[name].as_str().map(str::to_owned);
        let entries = events.iter().map(|event| {
            let resources = event["resources"].as_array().into_iter().flatten();
            PutEventsRequestEntry::builder()
                .set_source(text(event, "source"))
                .set_detail_type(text(event, "detail-type"))
                .set_resources(Some(resources.filter_map(|r| r.as_str().map(str::to_owned)).collect()))
                .detail(event["detail"].to_string())
                .build()
        });
        let answer = self.eventbridge.put_events().set_entries(Some(entries.collect())).send().await;
        let answer = answer.map_err(|error| Refusal::Other(detail(&error)))?;
        let failed = answer.entries().iter().find(|entry| entry.error_code().is_some());
        let Some(failed) = failed else {
            return Ok(());
        };
        let (code, message) = (failed.error_code().unwrap_or_default(), failed.error_message().unwrap_or_default());
        let why = format!("{code}: {message}");
        Err(if code.starts_with("NotAuthorizedForSource") { Refusal::Source(why) } else { Refusal::Other(why) })
    }

    /// Credentials that end after `seconds`, for a role of this account.
    pub async fn session(&self, seconds: u64) -> Result<Credentials, Refusal> {
        let account = self.account.get_or_try_init(|| self.own_account()).await?;
        let request = self
            .sts
            .assume_role()
            .role_arn(format!("arn:aws:iam::{account}:role/bluestage-local-jobs"))
            .role_session_name("bluestage-local")
            .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX));
        let answer = request.send().await.map_err(|error| Refusal::Other(detail(&error)))?;
        let found = answer.credentials.ok_or_else(|| Refusal::Other("STS answered without credentials".to_owned()))?;
        Ok(Credentials {
            access_key_id: SecretString::from(found.access_key_id),
            secret_access_key: SecretString::from(found.secret_access_key),
            session_token: Some(SecretString::from(found.session_token)),
        })
    }

    async fn own_account(&self) -> Result<String, Refusal> {
        let answer = self.sts.get_caller_identity().send().await;
        let account = answer.map_err(|error| Refusal::Other(detail(&error)))?.account;
        account.ok_or_else(|| Refusal::Other("STS does not say whose account this is".to_owned()))
    }
}

/// A list that is left out when it is empty.
fn some<T>(all: Vec<T>) -> Option<Vec<T>> {
    (!all.is_empty()).then_some(all)
}

fn incomplete(error: &dyn std::error::Error) -> Refusal {
    Refusal::Other(error.to_string())
}

fn source(name: Option<&str>, place: &str) -> Result<ProjectSource, Refusal> {
    let source = ProjectSource::builder().r#type(SourceType::S3).location(place);
    source.set_source_identifier(name.map(str::to_owned)).build().map_err(|error| incomplete(&error))
}

fn artifacts((name, bucket, key): &(String, String, String), alone: bool) -> Result<ProjectArtifacts, Refusal> {
    let artifacts = ProjectArtifacts::builder()
        .r#type(ArtifactsType::S3)
        .location(bucket)
        .name(key)
        .namespace_type(ArtifactNamespace::None)
        .packaging(ArtifactPackaging::Zip);
    let artifacts = artifacts.set_artifact_identifier((!alone).then(|| name.clone()));
    artifacts.build().map_err(|error| incomplete(&error))
}

fn variables(all: &[(String, String, String)]) -> Result<Vec<EnvironmentVariable>, Refusal> {
    let variables = all.iter().map(|(name, value, kind)| {
        let kind = EnvironmentVariableType::from(kind.as_str());
        let variable = EnvironmentVariable::builder().name(name).value(value).r#type(kind);
        variable.build().map_err(|error| incomplete(&error))
    });
    variables.collect()
}
