//! PollForJobs, AcknowledgeJob, GetJobDetails, PutJobSuccessResult, PutJobFailureResult.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::read as decode;
use crate::local::Local;
use crate::local::definition::ActionTypeId;
use crate::local::engine::{self, Artifact, JobFailure, JobSuccess, PollRequest, Progress, State, Turn};
use crate::local::error::Answer;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Poll {
    action_type_id: ActionTypeId,
    max_batch_size: Option<usize>,
    #[serde(default)]
    query_param: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    job_id: String,
    #[serde(default)]
    nonce: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Success {
    job_id: String,
    continuation_token: Option<String>,
    execution_details: Option<Details>,
    #[serde(default)]
    output_variables: BTreeMap<String, String>,
    current_revision: Option<CurrentRevision>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    summary: Option<String>,
    external_execution_id: Option<String>,
    percent_complete: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CurrentRevision {
    revision: String,
    revision_summary: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    job_id: String,
    failure_details: FailureDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailureDetails {
    r#type: String,
    message: String,
    external_execution_id: Option<String>,
}

pub(super) fn poll(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Poll = decode(input)?;
    let request = PollRequest {
        owner: "Custom",
        type_id: wanted.action_type_id,
        batch: wanted.max_batch_size,
        query: wanted.query_param,
    };
    let ids = engine::poll(state, &request, turn)?;
    let jobs: Answer<Vec<Value>> = ids.iter().map(|id| job(state, id, turn)).collect();
    Ok(json!({"jobs": jobs?}))
}

pub(super) fn acknowledge(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let named: Named = decode(input)?;
    let status = engine::acknowledge(state, &named.job_id, &named.nonce, turn)?;
    Ok(json!({"status": status}))
}

pub(super) fn details(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let named: Named = decode(input)?;
    let mut details = job(state, &named.job_id, turn)?;
    // Only a poll hands out nonces: otherwise anyone could take a job over.
    details["nonce"] = Value::Null;
    Ok(json!({"jobDetails": details}))
}

pub(super) fn put_success(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let put: Success = decode(input)?;
    let progress = put.execution_details.map(|details| Progress {
        summary: details.summary,
        external_id: details.external_execution_id,
        percent: details.percent_complete,
    });
    let report = JobSuccess {
        continuation: put.continuation_token,
        progress: progress.unwrap_or_default(),
        variables: put.output_variables,
        revision: put.current_revision.map(|found| (found.revision, found.revision_summary)),
    };
    engine::put_success(state, &put.job_id, report, turn)?;
    Ok(json!({}))
}

pub(super) fn put_failure(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let put: Failure = decode(input)?;
    let report = JobFailure {
        kind: put.failure_details.r#type,
        message: put.failure_details.message,
        external_id: put.failure_details.external_execution_id,
    };
    engine::put_failure(state, &put.job_id, report, turn)?;
    Ok(json!({}))
}

/// Where a job is to have its credentials.
const CREDENTIALS: &str = "artifactCredentials";

/// Puts credentials into every job in an answer. They are made only when there is a job: making them is a call of its
/// own. Nothing here may be logged.
pub(in crate::local) async fn add_credentials(local: &Local, answer: &mut Value) {
    let mut jobs = jobs_in(answer);
    // A third party's poll only names jobs.
    jobs.retain(|job| job.get("data").is_some());
    if jobs.is_empty() {
        return;
    }
    let credentials = local.job_credentials().await;
    let token = credentials.session_token.as_ref().map(|token| token.expose_secret());
    for job in jobs {
        job["data"][CREDENTIALS] = json!({
            "accessKeyId": credentials.access_key_id,
            "secretAccessKey": credentials.secret_access_key.expose_secret(),
            // The member is required, so credentials without a session token carry an empty one.
            "sessionToken": token.unwrap_or_default(),
        });
    }
}

fn jobs_in(answer: &mut Value) -> Vec<&mut Value> {
    if answer.get("data").is_some() {
        return vec![answer];
    }
    let members = answer.as_object_mut().into_iter().flatten();
    let found = members.filter(|(name, _)| *name == "jobs" || *name == "jobDetails").map(|(_, found)| found);
    found
        .flat_map(|found| match found {
            Value::Array(jobs) => jobs.iter_mut().collect::<Vec<_>>(),
            one => vec![one],
        })
        .collect()
}

/// A job with its secrets in clear, and yet without credentials: this is what a worker needs. Nothing here may be logged.
pub(in crate::local) fn job(state: &State, id: &str, turn: &Turn<'_>) -> Answer<Value> {
    let (job, execution, action) = engine::job_context(state, id)?;
    let name = &execution.declaration.name;
    Ok(json!({
        "id": job.id,
        "nonce": job.nonce.to_string(),
        "accountId": turn.settings.account_id,
        "data": {
            "actionTypeId": job.type_id,
            "actionConfiguration": {"configuration": action.resolved},
            "pipelineContext": {
                "pipelineName": name,
                "stage": {"name": action.stage},
                "action": {"name": action.declaration.name, "actionExecutionId": action.id},
                "pipelineArn": turn.settings.pipeline_arn(name),
                "pipelineExecutionId": execution.id,
            },
            "inputArtifacts": artifacts(&action.inputs),
            "outputArtifacts": artifacts(&action.outputs),
            "continuationToken": job.continuation,
            "encryptionKey": job.encryption_key,
        },
    }))
}

fn artifacts(artifacts: &[Artifact]) -> Value {
    let encode = |artifact: &Artifact| {
        json!({
            "name": artifact.name,
            "revision": artifact.revision,
            "location": {
                "type": "S3",
                "s3Location": {"bucketName": artifact.object.bucket, "objectKey": artifact.object.key},
            },
        })
    };
    artifacts.iter().map(encode).collect()
}
