//! What a poll hands out, in the words of the stories.
//!
//! Every member of the SDK's job is optional, and the SDK puts an empty text where the service left out a required
//! one, so an empty text counts as left out. What the stories cannot do without, and CodePipeline always tells for
//! custom actions (API reference, `PipelineContext`), makes a job incomplete when it is missing.

use aws_sdk_codepipeline::types::{self as told, JobData};
use secrecy::SecretString;

use crate::ports::{ActionKind, Artifact, Credentials, Job, JobId, Offered, PipelineContext};
use crate::release::Execution;

/// A job as it was read.
#[derive(Debug)]
pub(super) enum Reading {
    /// Everything is there.
    Whole(Box<Offered>),
    /// It can be answered but not worked on.
    Incomplete(Incomplete),
    /// It cannot even be answered.
    Nameless,
}

/// A job that lacks something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Incomplete {
    pub(super) id: JobId,
    pub(super) nonce: String,
    /// The first thing that it lacks.
    pub(super) lacks: &'static str,
}

struct Lacks(&'static str);

/// Reads a job that was offered for `action`.
pub(super) fn read(action: ActionKind, told: told::Job) -> Reading {
    let (Some(id), Some(nonce)) = (given(told.id), given(told.nonce)) else {
        return Reading::Nameless;
    };
    let id = JobId(id);
    match job(id.clone(), action, told.data.unwrap_or_else(nothing)) {
        Ok(job) => Reading::Whole(Box::new(Offered { job, nonce })),
        Err(Lacks(lacks)) => Reading::Incomplete(Incomplete { id, nonce, lacks }),
    }
}

/// The job as `GetJobDetails` tells it; `None` where that is for no action of ours, or lacks something.
pub(super) fn details(told: told::JobDetails) -> Option<Job> {
    let id = JobId(given(told.id)?);
    let data = told.data?;
    let kind = data.action_type_id.as_ref()?;
    let action = ActionKind::ALL.into_iter().find(|ours| ours.provider() == kind.provider)?;
    match job(id.clone(), action, data) {
        Ok(job) => Some(job),
        Err(Lacks(lacks)) => {
            tracing::error!(job = %id, lacks, "a job was read anew that cannot be worked on");
            None
        }
    }
}

fn nothing() -> JobData {
    JobData::builder().build()
}

fn job(id: JobId, action: ActionKind, data: JobData) -> Result<Job, Lacks> {
    let configuration = data.action_configuration.and_then(|told| told.configuration);
    let context = data.pipeline_context.ok_or(Lacks("pipeline context"))?;
    Ok(Job {
        id,
        action,
        configuration: configuration.unwrap_or_default().into_iter().collect(),
        pipeline: pipeline(context)?,
        inputs: artifacts(data.input_artifacts)?,
        outputs: artifacts(data.output_artifacts)?,
        credentials: data.artifact_credentials.and_then(credentials),
        encryption_key: data.encryption_key.and_then(|key| given(Some(key.id))),
        token: given(data.continuation_token),
    })
}

fn pipeline(told: told::PipelineContext) -> Result<PipelineContext, Lacks> {
    let action = told.action.ok_or(Lacks("action"))?;
    let execution = Execution {
        pipeline_arn: given(told.pipeline_arn).ok_or(Lacks("pipeline ARN"))?,
        execution_id: given(told.pipeline_execution_id).ok_or(Lacks("pipeline execution id"))?,
        action_execution_id: given(action.action_execution_id).ok_or(Lacks("action execution id"))?,
    };
    Ok(PipelineContext {
        pipeline: given(told.pipeline_name).ok_or(Lacks("pipeline name"))?,
        action: given(action.name).ok_or(Lacks("action name"))?,
        execution,
    })
}

fn artifacts(told: Option<Vec<told::Artifact>>) -> Result<Vec<Artifact>, Lacks> {
    told.unwrap_or_default().into_iter().map(artifact).collect()
}

fn artifact(told: told::Artifact) -> Result<Artifact, Lacks> {
    let place = told.location.and_then(|location| location.s3_location).ok_or(Lacks("artifact's place in S3"))?;
    Ok(Artifact {
        name: given(told.name).ok_or(Lacks("artifact's name"))?,
        bucket: given(Some(place.bucket_name)).ok_or(Lacks("artifact's bucket"))?,
        key: given(Some(place.object_key)).ok_or(Lacks("artifact's key"))?,
        revision: given(told.revision),
    })
}

/// The job's credentials, if it brings any.
pub(super) fn credentials(told: told::AwsSessionCredentials) -> Option<Credentials> {
    Some(Credentials {
        access_key_id: SecretString::from(given(Some(told.access_key_id))?),
        secret_access_key: SecretString::from(given(Some(told.secret_access_key))?),
        session_token: given(Some(told.session_token)).map(SecretString::from),
    })
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn artifact_of(name: &str) -> told::Artifact {
        let place = told::S3ArtifactLocation::builder().bucket_name("artifacts").object_key("orders/source/abc1234");
        let location = told::ArtifactLocation::builder()
            .r#type(told::ArtifactLocationType::S3)
            .s3_location(place.build().unwrap());
        told::Artifact::builder().name(name).revision("4f2a").location(location.build()).build()
    }

    fn context() -> told::builders::PipelineContextBuilder {
        let action = told::ActionContext::builder().name("Deploy").action_execution_id("a-1");
        told::PipelineContext::builder()
            .pipeline_name("orders")
            .pipeline_arn("arn:aws:codepipeline:eu-west-1:123456789012:orders")
            .pipeline_execution_id("e-1")
            .action(action.build())
    }

    fn data() -> told::builders::JobDataBuilder {
        let properties = told::ActionConfiguration::builder().configuration("Stage", "test");
        let secret = told::AwsSessionCredentials::builder()
            .access_key_id("AKIA")
            .secret_access_key("hush")
            .session_token("token");
        let key = told::EncryptionKey::builder().id("key-1").r#type(told::EncryptionKeyType::Kms);
        JobData::builder()
            .action_configuration(properties.build())
            .pipeline_context(context().build())
            .input_artifacts(artifact_of("Source"))
            .output_artifacts(artifact_of("Reports"))
            .artifact_credentials(secret.build().unwrap())
            .encryption_key(key.build().unwrap())
            .continuation_token("go on")
    }

    fn told_job(data: told::builders::JobDataBuilder) -> told::Job {
        told::Job::builder().id("j-1").nonce("3").data(data.build()).build()
    }

    fn whole(reading: Reading) -> Offered {
        match reading {
            Reading::Whole(offered) => *offered,
            other => panic!("{other:?}"),
        }
    }

    fn lacking(reading: Reading) -> &'static str {
        match reading {
            Reading::Incomplete(Incomplete { lacks, .. }) => lacks,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_is_read_whole() {
        let Offered { job, nonce } = whole(read(ActionKind::DeployBlue, told_job(data())));
        assert_eq!(nonce, "3");
        assert_eq!(job.id, JobId("j-1".to_owned()));
        assert_eq!(job.configuration["Stage"], "test");
        assert_eq!(job.pipeline.pipeline, "orders");
        assert_eq!(job.pipeline.action, "Deploy");
        assert_eq!(job.pipeline.execution.execution_id, "e-1");
        assert_eq!(job.pipeline.execution.action_execution_id, "a-1");
        assert_eq!(job.inputs[0].key, "orders/source/abc1234");
        assert_eq!(job.inputs[0].revision.as_deref(), Some("4f2a"));
        assert_eq!(job.outputs[0].name, "Reports");
        assert_eq!(job.encryption_key.as_deref(), Some("key-1"));
        assert_eq!(job.token.as_deref(), Some("go on"));
        let credentials = job.credentials.unwrap();
        assert_eq!(credentials.secret_access_key.expose_secret(), "hush");
        assert!(!format!("{credentials:?}").contains("hush"));
    }

    #[test]
    fn what_a_job_may_lack_is_left_out() {
        let bare = JobData::builder().pipeline_context(context().build());
        let Offered { job, .. } = whole(read(ActionKind::Promote, told_job(bare)));
        assert!(job.configuration.is_empty() && job.inputs.is_empty() && job.outputs.is_empty());
        assert!(job.credentials.is_none() && job.encryption_key.is_none() && job.token.is_none());
    }

    #[test]
    fn what_a_job_must_tell_is_never_invented() {
        let read = |data| lacking(read(ActionKind::Promote, told_job(data)));
        assert_eq!(read(JobData::builder()), "pipeline context");
        let anonymous = context().pipeline_execution_id("").build();
        assert_eq!(read(data().pipeline_context(anonymous)), "pipeline execution id");
        let nowhere = told::Artifact::builder().name("Source").build();
        assert_eq!(read(data().input_artifacts(nowhere)), "artifact's place in S3");
    }

    #[test]
    fn a_job_that_cannot_be_answered_is_told_apart() {
        let nameless = told::Job::builder().nonce("3").data(data().build()).build();
        assert!(matches!(read(ActionKind::Promote, nameless), Reading::Nameless));
    }
}
