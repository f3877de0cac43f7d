//! The shapes of the inputs of all other operations: what is done to pipeline stages, tags, webhooks, third parties.

use super::declarations::{ACTION_TYPE_ID, CATEGORY, NAME, PROVIDER, REGION, TAGS, VERSION, WHOLE_FROM_ONE};
use super::requests::{
    BY_NAME, CONTINUATION, CURRENT_REVISION, EXECUTION_DETAILS, FAILURE_DETAILS, FLAG, LIST_ACTIONS, MAX_RESULTS,
    NEXT_TOKEN, UUID,
};
use super::{Shape, UNLIMITED, letter, list, matching, may, must, text};

/// The shape of an operation's input, or `None` if it is not of these.
pub(super) fn of_operation(operation: &str) -> Option<&'static Shape> {
    Some(match operation {
        "DisableStageTransition" => &DISABLE,
        "EnableStageTransition" => &ENABLE,
        "PutApprovalResult" => &PUT_APPROVAL,
        "OverrideStageCondition" => &OVERRIDE,
        "RollbackStage" => &ROLL_BACK,
        "PutActionRevision" => &PUT_REVISION,
        "ListRuleExecutions" => &LIST_ACTIONS,
        "ListRuleTypes" => &LIST_RULE_TYPES,
        "ListDeployActionExecutionTargets" => &LIST_TARGETS,
        "GetActionType" => &READ_ACTION_TYPE,
        "UpdateActionType" => &UPDATE_ACTION_TYPE,
        "TagResource" => &TAG,
        "UntagResource" => &UNTAG,
        "ListTagsForResource" => &LIST_TAGS,
        "PollForThirdPartyJobs" => &POLL,
        "AcknowledgeThirdPartyJob" => &ACKNOWLEDGE,
        "GetThirdPartyJobDetails" => &DETAILS,
        "PutThirdPartyJobSuccessResult" => &PUT_SUCCESS,
        "PutThirdPartyJobFailureResult" => &PUT_FAILURE,
        "PutWebhook" => &PUT_WEBHOOK,
        "DeleteWebhook" => &BY_NAME,
        "ListWebhooks" => &LIST_WEBHOOKS,
        "RegisterWebhookWithThirdParty" | "DeregisterWebhookWithThirdParty" => &REGISTER,
        _ => return None,
    })
}

static TRANSITION: Shape = Shape::OneOf(&["Inbound", "Outbound"]);
static DISABLE: Shape = Shape::Object(&[
    must("pipelineName", &NAME),
    must("stageName", &NAME),
    must("transitionType", &TRANSITION),
    must("reason", &Shape::Text(matching(300, "[a-zA-Z0-9!@ \\(\\)\\.\\*\\?\\-]+", reason))),
]);
static ENABLE: Shape =
    Shape::Object(&[must("pipelineName", &NAME), must("stageName", &NAME), must("transitionType", &TRANSITION)]);
static PUT_APPROVAL: Shape = Shape::Object(&[
    must("pipelineName", &NAME),
    must("stageName", &NAME),
    must("actionName", &NAME),
    must(
        "result",
        &Shape::Object(&[
            must("summary", &Shape::Text(text(0, 512))),
            must("status", &Shape::OneOf(&["Approved", "Rejected"])),
        ]),
    ),
    must("token", &UUID),
]);
static OVERRIDE: Shape = Shape::Object(&[
    must("pipelineName", &NAME),
    must("stageName", &NAME),
    must("pipelineExecutionId", &UUID),
    must("conditionType", &Shape::OneOf(&["BEFORE_ENTRY", "ON_SUCCESS"])),
]);
static ROLL_BACK: Shape =
    Shape::Object(&[must("pipelineName", &NAME), must("stageName", &NAME), must("targetPipelineExecutionId", &UUID)]);
static PUT_REVISION: Shape = Shape::Object(&[
    must("pipelineName", &NAME),
    must("stageName", &NAME),
    must("actionName", &NAME),
    must(
        "actionRevision",
        &Shape::Object(&[
            must("revisionId", &Shape::Text(text(1, 1500))),
            must("revisionChangeId", &Shape::Text(text(1, 100))),
            must("created", &Shape::Time),
        ]),
    ),
]);
static LIST_RULE_TYPES: Shape =
    Shape::Object(&[may("ruleOwnerFilter", &Shape::OneOf(&["AWS"])), may("regionFilter", &REGION)]);
static LIST_TARGETS: Shape = Shape::Object(&[
    may("pipelineName", &NAME),
    must("actionExecutionId", &Shape::Text(text(0, UNLIMITED))),
    may(
        "filters",
        &list(
            &Shape::Object(&[
                may("name", &Shape::OneOf(&["TARGET_STATUS"])),
                may("values", &list(&Shape::Text(text(1, UNLIMITED)), 0, UNLIMITED)),
            ]),
            0,
            UNLIMITED,
        ),
    ),
    may("maxResults", &MAX_RESULTS),
    may("nextToken", &NEXT_TOKEN),
]);

static OWNER: Shape = Shape::Text(matching(UNLIMITED, "AWS|ThirdParty", not_custom));
static READ_ACTION_TYPE: Shape = Shape::Object(&READ_ACTION_TYPE_MEMBERS);
static READ_ACTION_TYPE_MEMBERS: [super::Member; 4] =
    [must("category", &CATEGORY), must("owner", &OWNER), must("provider", &PROVIDER), must("version", &VERSION)];
static COUNTS: Shape = Shape::Object(&[must("minimumCount", &COUNT), must("maximumCount", &COUNT)]);
static COUNT: Shape = Shape::Whole(0, 10);
static URL: Shape = Shape::Text(text(1, 2048));
static ACCOUNT: Shape = Shape::Text(matching(UNLIMITED, "[0-9]{12}", account));
static EXECUTOR: Shape = Shape::Object(&[
    must(
        "configuration",
        &Shape::Object(&[
            may(
                "lambdaExecutorConfiguration",
                &Shape::Object(&[must("lambdaFunctionArn", &Shape::Text(text(1, 140)))]),
            ),
            may(
                "jobWorkerExecutorConfiguration",
                &Shape::Object(&[
                    may("pollingAccounts", &list(&ACCOUNT, 1, 1000)),
                    may("pollingServicePrincipals", &list(&Shape::Text(text(1, 128)), 1, 10)),
                ]),
            ),
        ]),
    ),
    must("type", &Shape::OneOf(&["JobWorker", "Lambda"])),
    may("policyStatementsTemplate", &URL),
    may("jobTimeout", &Shape::Whole(60, 43_200)),
]);
static PROPERTIES: Shape = list(
    &Shape::Object(&[
        must("name", &Shape::Text(text(1, 50))),
        must("optional", &FLAG),
        must("key", &FLAG),
        must("noEcho", &FLAG),
        may("queryable", &FLAG),
        may("description", &Shape::Text(text(1, 250))),
    ]),
    0,
    10,
);
static UPDATE_ACTION_TYPE: Shape = Shape::Object(&[must(
    "actionType",
    &Shape::Object(&[
        may("description", &Shape::Text(text(1, 1024))),
        must("executor", &EXECUTOR),
        must("id", &READ_ACTION_TYPE),
        must("inputArtifactDetails", &COUNTS),
        must("outputArtifactDetails", &COUNTS),
        may(
            "permissions",
            &Shape::Object(&[must(
                "allowedAccounts",
                &list(&Shape::Text(matching(UNLIMITED, "[0-9]{12}|\\*", account_or_all)), 1, 1000),
            )]),
        ),
        may("properties", &PROPERTIES),
        may(
            "urls",
            &Shape::Object(&[
                may("configurationUrl", &URL),
                may("entityUrlTemplate", &URL),
                may("executionUrlTemplate", &URL),
                may("revisionUrlTemplate", &URL),
            ]),
        ),
    ]),
)]);

static ARN: Shape = Shape::Text(matching(UNLIMITED, "arn:aws(-[\\w]+)*:codepipeline:.+:[0-9]{12}:.+", arn));
static TAG: Shape = Shape::Object(&[must("resourceArn", &ARN), must("tags", &TAGS)]);
static UNTAG: Shape =
    Shape::Object(&[must("resourceArn", &ARN), must("tagKeys", &list(&Shape::Text(text(1, 128)), 0, UNLIMITED))]);
static LIST_TAGS: Shape =
    Shape::Object(&[must("resourceArn", &ARN), may("nextToken", &NEXT_TOKEN), may("maxResults", &MAX_RESULTS)]);

static JOB_ID: Shape = Shape::Text(text(1, 512));
static CLIENT_TOKEN: Shape = Shape::Text(text(1, 256));
static POLL: Shape = Shape::Object(&[must("actionTypeId", &ACTION_TYPE_ID), may("maxBatchSize", &WHOLE_FROM_ONE)]);
static ACKNOWLEDGE: Shape = Shape::Object(&[
    must("jobId", &JOB_ID),
    must("nonce", &Shape::Text(text(1, 50))),
    must("clientToken", &CLIENT_TOKEN),
]);
static DETAILS: Shape = Shape::Object(&[must("jobId", &JOB_ID), must("clientToken", &CLIENT_TOKEN)]);
static PUT_SUCCESS: Shape = Shape::Object(&[
    must("jobId", &JOB_ID),
    must("clientToken", &CLIENT_TOKEN),
    may("currentRevision", &CURRENT_REVISION),
    may("continuationToken", &CONTINUATION),
    may("executionDetails", &EXECUTION_DETAILS),
]);
static PUT_FAILURE: Shape = Shape::Object(&[
    must("jobId", &JOB_ID),
    must("clientToken", &CLIENT_TOKEN),
    must("failureDetails", &FAILURE_DETAILS),
]);

static PUT_WEBHOOK: Shape = Shape::Object(&[
    must(
        "webhook",
        &Shape::Object(&[
            must("name", &NAME),
            must("targetPipeline", &NAME),
            must("targetAction", &NAME),
            must(
                "filters",
                &list(
                    &Shape::Object(&[
                        must("jsonPath", &Shape::Text(text(1, 150))),
                        may("matchEquals", &Shape::Text(text(1, 150))),
                    ]),
                    0,
                    5,
                ),
            ),
            must("authentication", &Shape::OneOf(&["GITHUB_HMAC", "IP", "UNAUTHENTICATED"])),
            must(
                "authenticationConfiguration",
                &Shape::Object(&[
                    may("AllowedIPRange", &Shape::Text(text(1, 100))),
                    may("SecretToken", &Shape::Text(super::Text { hidden: true, ..text(1, 100) })),
                ]),
            ),
        ]),
    ),
    may("tags", &TAGS),
]);
static LIST_WEBHOOKS: Shape = Shape::Object(&[may("NextToken", &NEXT_TOKEN), may("MaxResults", &MAX_RESULTS)]);
static REGISTER: Shape = Shape::Object(&[may("webhookName", &NAME)]);

fn reason(text: &str) -> bool {
    text.chars().all(|c| letter(c, "!@ ().*?-"))
}

fn not_custom(text: &str) -> bool {
    text == "AWS" || text == "ThirdParty"
}

fn account(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
}

fn account_or_all(text: &str) -> bool {
    text == "*" || account(text)
}

fn arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, owner, name] = parts[..] else {
        return false;
    };
    let known = arn == "arn" && partition.starts_with("aws") && service == "codepipeline";
    known && !region.is_empty() && account(owner) && !name.is_empty()
}
