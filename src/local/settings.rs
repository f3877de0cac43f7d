//! Everything the local CodePipeline can be told, and above all: the service's undocumented choices.
//!
//! AWS documents the custom-action jobs' life, not its timing. What is not documented is a setting here, so that a
//! worker can be tried under every plausible answer, and each default says why it is that.

use std::time::Duration;

use secrecy::SecretString;

/// How the local CodePipeline behaves.
#[derive(Clone)]
pub struct Settings {
    /// After which time a job that was handed out but not acknowledged is handed out again, with a new nonce. AWS
    /// says "after some time"; ten seconds is long for a healthy worker and short for an impatient person.
    pub redelivery: Duration,
    /// How long after a continuation token its new job becomes pollable. AWS documents 30 seconds for Lambda actions
    /// and nothing for custom ones; one second keeps a local run quick and still shows that there is a delay.
    pub continuation: Duration,
    /// The most jobs that one poll returns, and what it returns when the caller does not say. AWS documents neither;
    /// its own sample worker asks for ten.
    pub batch_maximum: usize,
    /// Whether the owner of a job may acknowledge it again with the same nonce and hear `InProgress`. Undocumented;
    /// accepted by default because an acknowledgement whose answer got lost has to be repeatable.
    pub acknowledge_again: AcknowledgeAgain,
    /// How often S3 sources are looked at for a new revision. AWS polls every minute or so; nobody waits that long
    /// in front of a terminal.
    pub source_poll: Duration,
    /// After which time an action fails by time-out: 24 hours for a custom action (AWS quotas page). It covers the
    /// whole action across its continuation jobs, which AWS does not spell out.
    pub action_timeout: Duration,
    /// Whether CreatePipeline starts an execution, as it does on AWS. Pipelines that are loaded from files never
    /// start by themselves: when the program starts, their sources are usually not uploaded yet.
    pub start_on_create: bool,
    /// The account that ARNs and jobs name.
    pub account_id: String,
    /// The region that ARNs name and whose artifact store is used.
    pub region: String,
    /// What jobs are given to reach the artifact store with.
    pub job_credentials: JobCredentials,
}

/// The answer to a repeated acknowledgement by the owner of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcknowledgeAgain {
    /// The job's status.
    Accepted,
    /// `InvalidNonceException`, as a stranger would hear it.
    Refused,
}

/// The credentials that every job carries. AWS scopes them to the pipeline's artifacts and ends them after about 15
/// minutes; here they are the local world's own, which end when those do.
#[derive(Clone)]
pub struct JobCredentials {
    /// The access key id. Not a secret by itself.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretString,
    /// The session token, if the local world's credentials have one.
    pub session_token: Option<SecretString>,
}

impl Settings {
    /// The defaults, for jobs with these credentials.
    #[must_use]
    pub fn with_credentials(job_credentials: JobCredentials) -> Self {
        Self {
            redelivery: Duration::from_secs(10),
            continuation: Duration::from_secs(1),
            batch_maximum: 10,
            acknowledge_again: AcknowledgeAgain::Accepted,
            source_poll: Duration::from_secs(5),
            action_timeout: Duration::from_secs(24 * 60 * 60),
            start_on_create: true,
            account_id: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            job_credentials,
        }
    }

    /// The ARN of a pipeline.
    pub(crate) fn pipeline_arn(&self, pipeline: &str) -> String {
        let (region, account) = (&self.region, &self.account_id);
        format!("arn:aws:codepipeline:{region}:{account}:{pipeline}")
    }
}
