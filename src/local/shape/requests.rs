//! The shapes of the operations' inputs, as far as workers and people who run pipelines use them.

use super::declarations::{
    ACTION_TYPE_ID, CATEGORY, CUSTOM_ACTION_TYPE, NAME, OWNER, PIPELINE, PROVIDER, REGION, RETRY_MODE, TAGS,
    VARIABLE_NAME, VARIABLE_VALUE, VERSION, WHOLE_FROM_ONE,
};
use super::{Shape, Text, UNLIMITED, letter, list, matching, may, must, other_requests, text, word};

pub(super) static FLAG: Shape = Shape::Flag;
pub(super) static NEXT_TOKEN: Shape = Shape::Text(text(1, 2048));
pub(super) static MAX_RESULTS: Shape = Shape::Whole(1, 100);
pub(super) static UUID: Shape = Shape::Text(Text {
    min: 0,
    ..matching(UNLIMITED, "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", uuid)
});
static EXTERNAL_ID: Shape = Shape::Text(text(1, 1500));
static SUMMARY: Shape = Shape::Text(text(1, 2048));

/// The shape of an operation's input, or `None` if there is no such operation.
pub(crate) fn of_operation(operation: &str) -> Option<&'static Shape> {
    Some(match operation {
        "CreateCustomActionType" => &CUSTOM_ACTION_TYPE,
        "DeleteCustomActionType" => &DELETE_CUSTOM_ACTION_TYPE,
        "ListActionTypes" => &LIST_ACTION_TYPES,
        "CreatePipeline" | "UpdatePipeline" => &DECLARE_PIPELINE,
        "GetPipeline" => &READ_PIPELINE,
        "DeletePipeline" | "GetPipelineState" => &BY_NAME,
        "ListPipelines" => &LIST_PIPELINES,
        "StartPipelineExecution" => &START,
        "StopPipelineExecution" => &STOP,
        "RetryStageExecution" => &RETRY,
        "GetPipelineExecution" => &READ_EXECUTION,
        "ListPipelineExecutions" => &LIST_EXECUTIONS,
        "ListActionExecutions" => &LIST_ACTIONS,
        "PollForJobs" => &POLL,
        "AcknowledgeJob" => &ACKNOWLEDGE,
        "GetJobDetails" => &JOB_BY_ID,
        "PutJobSuccessResult" => &PUT_SUCCESS,
        "PutJobFailureResult" => &PUT_FAILURE,
        other => return other_requests::of_operation(other),
    })
}

static DELETE_CUSTOM_ACTION_TYPE: Shape =
    Shape::Object(&[must("category", &CATEGORY), must("provider", &PROVIDER), must("version", &VERSION)]);
static LIST_ACTION_TYPES: Shape =
    Shape::Object(&[may("actionOwnerFilter", &OWNER), may("nextToken", &NEXT_TOKEN), may("regionFilter", &REGION)]);
static DECLARE_PIPELINE: Shape = Shape::Object(&[must("pipeline", &PIPELINE), may("tags", &TAGS)]);
static READ_PIPELINE: Shape = Shape::Object(&[must("name", &NAME), may("version", &WHOLE_FROM_ONE)]);
pub(super) static BY_NAME: Shape = Shape::Object(&[must("name", &NAME)]);
static LIST_PIPELINES: Shape =
    Shape::Object(&[may("nextToken", &NEXT_TOKEN), may("maxResults", &Shape::Whole(1, 1000))]);
static START: Shape = Shape::Object(&[
    must("name", &NAME),
    may("variables", &list(&Shape::Object(&[must("name", &VARIABLE_NAME), must("value", &VARIABLE_VALUE)]), 1, 50)),
    may("clientRequestToken", &Shape::Text(matching(128, "^[a-zA-Z0-9-]+$", token))),
    may(
        "sourceRevisions",
        &list(
            &Shape::Object(&[
                must("actionName", &NAME),
                must(
                    "revisionType",
                    &Shape::OneOf(&["COMMIT_ID", "IMAGE_DIGEST", "S3_OBJECT_VERSION_ID", "S3_OBJECT_KEY"]),
                ),
                must("revisionValue", &EXTERNAL_ID),
            ]),
            0,
            50,
        ),
    ),
]);
static STOP: Shape = Shape::Object(&[
    must("pipelineName", &NAME),
    must("pipelineExecutionId", &UUID),
    may("abandon", &FLAG),
    may("reason", &Shape::Text(text(0, 200))),
]);
static RETRY: Shape = Shape::Object(&[
    must("pipelineName", &NAME),
    must("stageName", &NAME),
    must("pipelineExecutionId", &UUID),
    must("retryMode", &RETRY_MODE),
]);
static READ_EXECUTION: Shape = Shape::Object(&[must("pipelineName", &NAME), must("pipelineExecutionId", &UUID)]);
static LIST_EXECUTIONS: Shape = Shape::Object(&[
    must("pipelineName", &NAME),
    may("maxResults", &MAX_RESULTS),
    may("nextToken", &NEXT_TOKEN),
    may("filter", &Shape::Object(&[may("succeededInStage", &Shape::Object(&[may("stageName", &NAME)]))])),
]);
pub(super) static LIST_ACTIONS: Shape = Shape::Object(&[
    must("pipelineName", &NAME),
    may("maxResults", &MAX_RESULTS),
    may("nextToken", &NEXT_TOKEN),
    may(
        "filter",
        &Shape::Object(&[
            may("pipelineExecutionId", &UUID),
            may(
                "latestInPipelineExecution",
                &Shape::Object(&[
                    must("pipelineExecutionId", &UUID),
                    must("startTimeRange", &Shape::OneOf(&["Latest", "All"])),
                ]),
            ),
        ]),
    ),
]);
static POLL: Shape = Shape::Object(&[
    must("actionTypeId", &ACTION_TYPE_ID),
    may("maxBatchSize", &WHOLE_FROM_ONE),
    may(
        "queryParam",
        &Shape::Map { key: &text(1, 50), value: &Shape::Text(matching(50, "[a-zA-Z0-9_-]+", word)), max: 1 },
    ),
]);
static ACKNOWLEDGE: Shape = Shape::Object(&[must("jobId", &UUID), must("nonce", &Shape::Text(text(1, 50)))]);
static JOB_BY_ID: Shape = Shape::Object(&[must("jobId", &UUID)]);
pub(super) static CURRENT_REVISION: Shape = Shape::Object(&[
    must("revision", &EXTERNAL_ID),
    must("changeIdentifier", &Shape::Text(text(1, 100))),
    may("created", &Shape::Time),
    may("revisionSummary", &SUMMARY),
]);
pub(super) static CONTINUATION: Shape = Shape::Text(text(1, 2048));
pub(super) static EXECUTION_DETAILS: Shape = Shape::Object(&[
    may("summary", &SUMMARY),
    may("externalExecutionId", &EXTERNAL_ID),
    may("percentComplete", &Shape::Whole(0, 100)),
]);
static PUT_SUCCESS: Shape = Shape::Object(&[
    must("jobId", &UUID),
    may("currentRevision", &CURRENT_REVISION),
    may("continuationToken", &CONTINUATION),
    may("executionDetails", &EXECUTION_DETAILS),
    may(
        "outputVariables",
        &Shape::Map {
            key: &matching(UNLIMITED, "[A-Za-z0-9@\\-_]+", output),
            value: &Shape::Text(text(0, UNLIMITED)),
            max: UNLIMITED,
        },
    ),
]);
pub(super) static FAILURE_DETAILS: Shape = Shape::Object(&[
    must(
        "type",
        &Shape::OneOf(&[
            "JobFailed",
            "ConfigurationError",
            "PermissionError",
            "RevisionOutOfSync",
            "RevisionUnavailable",
            "SystemUnavailable",
        ]),
    ),
    must("message", &Shape::Text(text(1, 5000))),
    may("externalExecutionId", &EXTERNAL_ID),
]);
static PUT_FAILURE: Shape = Shape::Object(&[must("jobId", &UUID), must("failureDetails", &FAILURE_DETAILS)]);

fn uuid(text: &str) -> bool {
    let groups = text.split('-').map(str::len);
    let digits = text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-'));
    digits && groups.eq([8, 4, 4, 4, 12])
}

fn token(text: &str) -> bool {
    text.chars().all(|c| letter(c, "-"))
}

fn output(text: &str) -> bool {
    text.chars().all(|c| letter(c, "@-_"))
}
