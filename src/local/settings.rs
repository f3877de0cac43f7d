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
    /// After which time a custom action fails by time-out: 24 hours (AWS quotas page). It covers the whole action
    /// across its continuation jobs, which AWS does not spell out.
    pub action_timeout: Duration,
    /// How long the credentials of a job are good for. Observed, not documented: 15 minutes. It takes an STS that
    /// honours it; with zero, jobs get the local world's own credentials, which do not end.
    pub credentials_lifetime: Duration,
    /// Whether a rollback goes on into the next pipeline stages. AWS speaks of rolling back "a stage" and says no more;
    /// so it ends after that one.
    pub continue_after_rollback: bool,
    /// How many executions of each pipeline are kept. AWS keeps twelve months; memory here is bounded by a number.
    pub history: usize,
    /// The token by which third parties' workers show whose jobs they work on. AWS and the third party agree on it when
    /// the third party signs up, which nobody does here.
    pub client_token: String,
    /// What events name as their source. EventBridge keeps `aws.` for AWS itself, so that an event bus may refuse it;
    /// then they go out once more as `local.codepipeline`.
    pub event_source: String,
    /// Whether CreatePipeline starts an execution, as it does on AWS. Pipelines that are loaded from files never
    /// start by themselves: when the program starts, their sources are usually not uploaded yet.
    pub start_on_create: bool,
    /// The account that ARNs and jobs name.
    pub account_id: String,
    /// The region that ARNs name and whose artifact store is used.
    pub region: String,
    /// The local world's own credentials: what jobs are given where no STS makes better ones.
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

/// Credentials for the artifact store, as every job carries them. AWS scopes them to the pipeline's artifacts; here
/// they are good for all that the local world's own are.
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
            action_timeout: Duration::from_hours(24),
            credentials_lifetime: Duration::from_mins(15),
            continue_after_rollback: false,
            history: 1000,
            client_token: "local".to_owned(),
            event_source: "aws.codepipeline".to_owned(),
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
