//! CodePipeline's jobs: poll, acknowledge, report, and what else a job of ours needs to ask.
//!
//! [`offer`] reads what a poll hands out, [`answer`] forms what is reported, [`standing`] tells whether somebody still
//! waits for it.

mod answer;
mod offer;
mod standing;

use async_trait::async_trait;
use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::config::Builder;
use aws_sdk_codepipeline::config::retry::RetryConfig;
use aws_sdk_codepipeline::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_codepipeline::types::JobStatus;

use self::offer::{Incomplete, Reading};
use super::action_types;
use super::fault::{Failed, fault, rejected};
use crate::ports::{
    ActionKind, Cause, Credentials, ExecutionStatus, Failure, Fault, Job, JobId, Jobs, Offered, Reported, Verdict,
};
use crate::release::Execution;

/// The jobs of this account and region.
pub(super) struct CodePipelineJobs(pub(super) Client);

#[async_trait]
impl Jobs for CodePipelineJobs {
    async fn poll(&self, action: ActionKind, free: usize) -> Result<Vec<Offered>, Fault> {
        if free == 0 {
            return Ok(Vec::new());
        }
        let doing = format!("poll for {action} jobs");
        let id = action_types::id_of(action).map_err(|bad| unsendable(&doing, &bad))?;
        let request = self.0.poll_for_jobs().action_type_id(id);
        let most = i32::try_from(free).unwrap_or(i32::MAX);
        let answer = request.max_batch_size(most).send().await;
        let answer = answer.map_err(|error| fault(&doing, &error))?;
        let mut offers = Vec::new();
        for told in answer.jobs.unwrap_or_default() {
            match offer::read(action, told) {
                Reading::Whole(offered) => offers.push(*offered),
                Reading::Incomplete(incomplete) => self.give_back(incomplete).await,
                Reading::Nameless => {
                    tracing::error!(%action, "a job without an id or a nonce was offered; nobody can answer it");
                }
            }
        }
        Ok(offers)
    }

    async fn acknowledge(&self, offered: &Offered) -> Result<bool, Fault> {
        self.claim(&offered.job.id, &offered.nonce).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, Fault> {
        match self.0.get_job_details().job_id(&id.0).send().await {
            Ok(answer) => self.wanted(answer.job_details.and_then(offer::details)).await,
            Err(error) if error.code() == Some("JobNotFoundException") => Ok(None),
            Err(error) => Err(fault(format!("read job {id} anew"), &error)),
        }
    }

    async fn report(&self, job: &JobId, verdict: &Verdict) -> Result<Reported, Fault> {
        let doing = format!("report the verdict of job {job}");
        match verdict {
            Verdict::Continue(more) => {
                let request = self.0.put_job_success_result();
                let request = answer::progress(request.job_id(&job.0), more);
                reported(&doing, request.send().await)
            }
            Verdict::Done(done) => {
                let request = self.0.put_job_success_result();
                let request = answer::success(request.job_id(&job.0), done);
                reported(&doing, request.send().await)
            }
            Verdict::Failed(failure) => {
                let details = answer::failure(failure).map_err(|bad| unsendable(&doing, &bad))?;
                let request = self.0.put_job_failure_result().job_id(&job.0);
                reported(&doing, request.failure_details(details).send().await)
            }
        }
    }

    async fn credentials(&self, job: &JobId) -> Result<Option<Credentials>, Fault> {
        let answer = self.0.get_job_details().job_id(&job.0).send().await;
        let doing = format!("get fresh credentials for job {job}");
        let details = answer.map_err(|error| fault(doing, &error))?.job_details;
        let data = details.and_then(|details| details.data);
        let told = data.and_then(|data| data.artifact_credentials);
        Ok(told.and_then(offer::credentials))
    }

    async fn execution(&self, execution: &Execution) -> Result<ExecutionStatus, Fault> {
        let pipeline = name_in(&execution.pipeline_arn);
        let request = self.0.get_pipeline_execution().pipeline_name(pipeline);
        let answer = request.pipeline_execution_id(&execution.execution_id).send().await;
        match answer {
            Ok(answer) => {
                let told = answer.pipeline_execution.and_then(|told| told.status);
                Ok(told.map_or(ExecutionStatus::Unknown, |told| standing::of_execution(&told)))
            }
            Err(error) if is_unknown_execution(&error) => Ok(ExecutionStatus::Unknown),
            Err(error) => {
                let doing = format!("ask how execution {} stands", execution.execution_id);
                Err(fault(doing, &error))
            }
        }
    }

    async fn start_pipeline(&self, pipeline_arn: &str, request: &str) -> Result<String, Fault> {
        let pipeline = name_in(pipeline_arn);
        let asked = self.0.start_pipeline_execution().name(pipeline);
        match asked.client_request_token(request).send().await {
            Ok(answer) => Ok(answer.pipeline_execution_id.unwrap_or_default()),
            Err(error) => Err(fault(format!("start the pipeline {pipeline}"), &error)),
        }
    }
}

/// The pipeline's name, which its ARN ends with.
pub(super) fn name_in(pipeline_arn: &str) -> &str {
    pipeline_arn.rsplit(':').next().unwrap_or(pipeline_arn)
}

impl CodePipelineJobs {
    /// The job, unless its action is over.
    async fn wanted(&self, job: Option<Job>) -> Result<Option<Job>, Fault> {
        let Some(job) = job else { return Ok(None) };
        match standing::is_over(&self.0, &job.pipeline.execution).await {
            Ok(is_over) => Ok(Some(job).filter(|_| !is_over)),
            Err(fault @ Fault::Unavailable { .. }) => Err(fault),
            Err(fault) => {
                // A role from before this was asked may not ask it. What is done in vain is taken away again.
                tracing::warn!(job = %job.id, %fault, "whether the action still goes on is not known; it is taken to");
                Ok(Some(job))
            }
        }
    }

    /// Whether the job is ours from now on. A stale nonce, a job that is gone and any status but `InProgress` mean
    /// that it is someone else's, or nobody's any more (CodePipeline user guide, "Create and add a custom action").
    async fn claim(&self, job: &JobId, nonce: &str) -> Result<bool, Fault> {
        let request = self.0.acknowledge_job().job_id(&job.0).nonce(nonce);
        // The SDK must not ask again by itself: it would hide that an answer was lost, and with it that a refusal of
        // the second claim may come from the first.
        let once = Builder::new().retry_config(RetryConfig::disabled());
        match request.customize().config_override(once).send().await {
            Ok(answer) => Ok(answer.status == Some(JobStatus::InProgress)),
            Err(error) if is_someone_elses(&error) => Ok(false),
            Err(error) => Err(fault(format!("acknowledge job {job}"), &error)),
        }
    }

    /// Fails a job that does not tell what we need to know. Passing it on would mean to invent what it lacks, dropping
    /// it would leave the action hanging until CodePipeline's own time limit of a day. If this goes wrong the job is
    /// offered again, or is ours and unanswered; both are logged, and neither is worth losing the rest of the poll.
    async fn give_back(&self, incomplete: Incomplete) {
        let Incomplete { id, nonce, lacks } = incomplete;
        tracing::error!(job = %id, lacks, "a job was offered that cannot be worked on");
        let message = format!(
            "CodePipeline's job does not tell its {lacks}, so nothing was done. Retry the action; if that does not \
             help, this is a bug in bluestage."
        );
        let failed = Verdict::Failed(Failure::new(Cause::Bug, message));
        let answered = match self.claim(&id, &nonce).await {
            Ok(false) => Ok(Reported::NotWanted),
            Ok(true) => self.report(&id, &failed).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = answered {
            tracing::error!(job = %id, %fault, "the job that cannot be worked on was not answered");
        }
    }
}

fn is_someone_elses<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    matches!(error.code(), Some("InvalidNonceException" | "JobNotFoundException"))
}

fn is_unknown_execution<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    matches!(error.code(), Some("PipelineNotFoundException" | "PipelineExecutionNotFoundException"))
}

fn reported<T, E>(doing: &str, answer: Result<T, Failed<E>>) -> Result<Reported, Fault>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(_) => Ok(Reported::Taken),
        Err(error) if is_not_wanted(&error) => Ok(Reported::NotWanted),
        Err(error) => Err(fault(doing, &error)),
    }
}

fn is_not_wanted<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    matches!(error.code(), Some("InvalidJobStateException" | "JobNotFoundException"))
}

fn unsendable(doing: &str, bad: &BuildError) -> Fault {
    rejected(doing.to_owned(), bad.to_string())
}

#[cfg(test)]
mod tests {
    use aws_sdk_codepipeline::config::http::HttpResponse;
    use aws_sdk_codepipeline::error::{ErrorMetadata, SdkError};
    use aws_sdk_codepipeline::operation::put_job_success_result::PutJobSuccessResultError;

    use super::*;

    fn answered(code: &str) -> Failed<PutJobSuccessResultError> {
        let meta = ErrorMetadata::builder().code(code).build();
        let raw = HttpResponse::new(400.try_into().unwrap(), "".into());
        SdkError::service_error(PutJobSuccessResultError::generic(meta), raw)
    }

    #[test]
    fn a_verdict_for_a_settled_job_is_not_wanted_and_no_fault() {
        for code in ["InvalidJobStateException", "JobNotFoundException"] {
            let answer: Result<(), _> = Err(answered(code));
            assert_eq!(reported("report", answer).unwrap(), Reported::NotWanted);
        }
        let answer: Result<(), _> = Err(answered("ValidationException"));
        assert!(reported("report", answer).is_err());
        assert_eq!(reported::<_, PutJobSuccessResultError>("report", Ok(())).unwrap(), Reported::Taken);
    }

    #[test]
    fn a_lost_race_for_a_job_is_no_fault() {
        assert!(is_someone_elses(&answered("InvalidNonceException")));
        assert!(is_someone_elses(&answered("JobNotFoundException")));
        assert!(!is_someone_elses(&answered("ValidationException")));
    }
}
