//! Jobs: taken whole or answered at once, and answered no more than once.

use bluestage::aws::Aws;
use bluestage::ports::{
    ActionKind, ArtifactFault, Continuation, ExecutionStatus, JobId, Offered, Reported, Text, Token, Verdict,
};
use serde_json::json;

use super::artifacts::place;
use crate::codepipeline::Canned;

async fn adapters(canned: &Canned) -> Aws {
    Aws::new(&canned.sdk().await, "s3://team-state".parse().unwrap())
}

async fn offered(aws: &Aws) -> Offered {
    let mut offers = aws.jobs.poll(ActionKind::DeployBlue, 4).await.unwrap();
    assert_eq!(offers.len(), 1, "{offers:?}");
    offers.remove(0)
}

pub(crate) async fn a_job_that_lacks_something_is_failed_and_the_others_are_offered(canned: &Canned) {
    let aws = adapters(canned).await;
    assert_eq!(offered(&aws).await.job.id, JobId("whole".to_owned()));
    let polls = canned.asked("PollForJobs");
    let id = json!({"owner": "Custom", "category": "Deploy", "provider": "DeployBlue", "version": "1"});
    assert_eq!(polls, [json!({"actionTypeId": id, "maxBatchSize": 4})]);
    let claims = canned.asked("AcknowledgeJob");
    assert_eq!(claims, [json!({"jobId": "incomplete", "nonce": "3"})]);
    let failures = canned.asked("PutJobFailureResult");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["jobId"], "incomplete");
    let message = failures[0]["failureDetails"]["message"].as_str().unwrap();
    assert!(message.contains("pipeline execution id"), "{message}");
}

pub(crate) async fn a_job_is_ours_only_with_its_newest_nonce(canned: &Canned) {
    let aws = adapters(canned).await;
    let newest = offered(&aws).await;
    let stale = Offered { nonce: "stale".to_owned(), ..offered(&aws).await };
    assert!(!aws.jobs.acknowledge(&stale).await.unwrap());
    assert!(aws.jobs.acknowledge(&newest).await.unwrap());
}

pub(crate) async fn a_verdict_is_taken_once(canned: &Canned) {
    let aws = adapters(canned).await;
    let more = Verdict::Continue(Continuation {
        token: Token::new("go on".to_owned()).unwrap(),
        external_id: Text::cut("stack-1"),
        summary: Text::cut("waiting"),
    });
    let report = async |id: &str| aws.jobs.report(&JobId(id.to_owned()), &more).await.unwrap();
    assert_eq!(report("whole").await, Reported::Taken);
    assert_eq!(report("settled").await, Reported::NotWanted);
    let sent = canned.asked("PutJobSuccessResult");
    assert_eq!(
        sent[0],
        json!({"jobId": "whole", "continuationToken": "go on", "executionDetails": {
            "summary": "waiting", "externalExecutionId": "stack-1"
        }})
    );
}

pub(crate) async fn an_execution_that_nobody_knows_is_unknown(canned: &Canned) {
    let aws = adapters(canned).await;
    let execution = offered(&aws).await.job.pipeline.execution;
    let standing = aws.jobs.execution(&execution).await.unwrap();
    assert_eq!(standing, ExecutionStatus::Unknown);
    let asked = canned.asked("GetPipelineExecution");
    let expected = json!({"pipelineName": "orders", "pipelineExecutionId": "e-1"});
    assert_eq!(asked, [expected]);
}

pub(crate) async fn a_job_whose_action_is_over_is_not_gone_on_with(canned: &Canned) {
    let aws = adapters(canned).await;
    let anew = async |id: &str| aws.jobs.job(&JobId(id.to_owned())).await.unwrap().map(|job| job.id.0);
    assert_eq!(anew("whole").await, Some("whole".to_owned()));
    assert_eq!(anew("timed-out").await, None);
    assert_eq!(anew("not-listed").await, Some("not-listed".to_owned()));
    let asked = canned.asked("ListActionExecutions");
    let of_it = json!({"pipelineExecutionId": "e-1"});
    assert_eq!(asked[0], json!({"pipelineName": "orders", "filter": of_it}));
    assert_eq!(asked[1], json!({"pipelineName": "orders", "filter": of_it, "nextToken": "2"}));
    // A role that may not ask loses no job for it.
    assert_eq!(anew("barred").await, Some("barred".to_owned()));
}

/// What is fetched is no archive, so being refused proves that it was fetched.
pub(crate) async fn expired_credentials_are_renewed_once(canned: &Canned) {
    let aws = adapters(canned).await;
    let job = offered(&aws).await.job;
    let (_home, into) = place();
    let refused = aws.artifacts.unpack(&job, &job.inputs[0], &into).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ArtifactFault::Refused { .. }), "{refused:?}");
    assert_eq!(canned.asked("GetJobDetails"), [json!({"jobId": "whole"})]);
}

/// S3 would refuse expired ones while the file is still being sent, and hang up.
pub(crate) async fn a_long_upload_begins_with_fresh_credentials(canned: &Canned) {
    let aws = adapters(canned).await;
    let job = offered(&aws).await.job;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("long.zip");
    std::fs::write(&file, vec![0; 9_000_000]).unwrap();
    aws.artifacts.upload(&job, &job.inputs[0], &file).await.unwrap();
    assert_eq!(canned.asked("GetJobDetails"), [json!({"jobId": "whole"})]);
}
