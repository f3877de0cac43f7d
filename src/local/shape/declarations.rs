//! The shapes of what is declared: pipelines and custom action types.

use super::{Member, Shape, Text, UNLIMITED, letter, list, matching, may, must, text, word};

pub(super) static CATEGORY: Shape =
    Shape::OneOf(&["Source", "Build", "Deploy", "Test", "Invoke", "Approval", "Compute"]);
pub(super) static PROVIDER: Shape = Shape::Text(matching(35, "[0-9A-Za-z_-]+", word));
pub(super) static VERSION: Shape = Shape::Text(matching(9, "[0-9A-Za-z_-]+", word));
pub(super) static OWNER: Shape = Shape::OneOf(&["AWS", "ThirdParty", "Custom"]);
pub(super) static NAME: Shape = Shape::Text(matching(100, "[A-Za-z0-9.@\\-_]+", name));
pub(super) static REGION: Shape = Shape::Text(text(4, 30));
pub(super) static RETRY_MODE: Shape = Shape::OneOf(&["FAILED_ACTIONS", "ALL_ACTIONS"]);
pub(super) static VARIABLE_NAME: Shape = Shape::Text(matching(128, "[A-Za-z0-9@\\-_]+", variable));
pub(super) static VARIABLE_VALUE: Shape = Shape::Text(text(1, 1000));
pub(super) static WHOLE_FROM_ONE: Shape = Shape::Whole(1, i64::MAX);

static FLAG: Shape = Shape::Flag;
static URL: Shape = Shape::Text(text(1, 2048));
static COUNT: Shape = Shape::Whole(0, 5);
static ARTIFACT_NAME: Shape = Shape::Text(matching(100, "[a-zA-Z0-9_\\-]+", word));
static NAMESPACE: Shape = Shape::Text(matching(100, "[A-Za-z0-9@\\-_]+", variable));
static ROLE_ARN: Shape = Shape::Text(matching(1024, "arn:aws(-[\\w]+)*:iam::[0-9]{12}:role/.*", role_arn));
static FREE: Shape = Shape::Text(text(0, UNLIMITED));
static PROPERTY_NAME: Text = text(1, 50);
static RESULT: Shape = Shape::OneOf(&["ROLLBACK", "FAIL", "RETRY", "SKIP"]);

/// The tags of a pipeline or an action type.
pub(super) static TAGS: Shape = list(
    &Shape::Object(&[must("key", &Shape::Text(text(1, 128))), must("value", &Shape::Text(text(0, 256)))]),
    0,
    UNLIMITED,
);

/// Names an action type.
pub(super) static ACTION_TYPE_ID: Shape = Shape::Object(&[
    must("category", &CATEGORY),
    must("owner", &OWNER),
    must("provider", &PROVIDER),
    must("version", &VERSION),
]);

static ARTIFACT_DETAILS: Shape = Shape::Object(&[must("minimumCount", &COUNT), must("maximumCount", &COUNT)]);

/// The input of CreateCustomActionType; also what a template's resource becomes.
pub(crate) static CUSTOM_ACTION_TYPE: Shape = Shape::Object(&[
    must("category", &CATEGORY),
    must("provider", &PROVIDER),
    must("version", &VERSION),
    may(
        "settings",
        &Shape::Object(&[
            may("thirdPartyConfigurationUrl", &URL),
            may("entityUrlTemplate", &URL),
            may("executionUrlTemplate", &URL),
            may("revisionUrlTemplate", &URL),
        ]),
    ),
    may(
        "configurationProperties",
        &list(
            &Shape::Object(&[
                must("name", &Shape::Text(text(1, 50))),
                must("required", &FLAG),
                must("key", &FLAG),
                must("secret", &FLAG),
                may("queryable", &FLAG),
                may("description", &Shape::Text(text(1, 160))),
                may("type", &Shape::OneOf(&["String", "Number", "Boolean"])),
            ]),
            0,
            10,
        ),
    ),
    must("inputArtifactDetails", &ARTIFACT_DETAILS),
    must("outputArtifactDetails", &ARTIFACT_DETAILS),
    may("tags", &TAGS),
]);

static ARTIFACT_STORE: Shape = Shape::Object(&[
    must("type", &Shape::OneOf(&["S3"])),
    must("location", &Shape::Text(bucket())),
    may(
        "encryptionKey",
        &Shape::Object(&[must("id", &Shape::Text(text(1, 400))), must("type", &Shape::OneOf(&["KMS"]))]),
    ),
]);

/// The value of a configuration property. It may be secret, so no message quotes it.
static PROPERTY_VALUE: Shape = Shape::Text(Text { hidden: true, ..text(1, 1000) });

static ACTION_MEMBERS: [Member; 14] = [
    must("name", &NAME),
    must("actionTypeId", &ACTION_TYPE_ID),
    may("runOrder", &Shape::Whole(1, 999)),
    may("configuration", &Shape::Map { key: &PROPERTY_NAME, value: &PROPERTY_VALUE, max: UNLIMITED }),
    may("commands", &list(&FREE, 1, 50)),
    may(
        "outputArtifacts",
        &list(&Shape::Object(&[must("name", &ARTIFACT_NAME), may("files", &list(&FREE, 1, 10))]), 0, UNLIMITED),
    ),
    may("inputArtifacts", &list(&Shape::Object(&[must("name", &ARTIFACT_NAME)]), 0, UNLIMITED)),
    may("outputVariables", &list(&FREE, 1, 15)),
    may("roleArn", &ROLE_ARN),
    may("region", &REGION),
    may("namespace", &NAMESPACE),
    may("timeoutInMinutes", &Shape::Whole(5, 86_400)),
    may("environmentVariables", &list(&ANYTHING, 1, 10)),
    may("tags", &TAGS),
];

/// Parts of a declaration that are refused by name afterwards: their inside does not matter.
static ANYTHING: Shape = Shape::Object(&[]);

static RULE_CONFIGURATION_KEY: Text = text(1, 50);

static CONDITION_LIST: Shape = list(
    &Shape::Object(&[
        may("result", &RESULT),
        may(
            "rules",
            &list(
                &Shape::Object(&[
                    must("name", &NAME),
                    must(
                        "ruleTypeId",
                        &Shape::Object(&[
                            must("category", &Shape::OneOf(&["Rule"])),
                            may("owner", &Shape::OneOf(&["AWS"])),
                            must("provider", &PROVIDER),
                            may("version", &VERSION),
                        ]),
                    ),
                    may(
                        "configuration",
                        &Shape::Map {
                            key: &RULE_CONFIGURATION_KEY,
                            value: &Shape::Text(Text { hidden: true, ..text(1, 10_000) }),
                            max: 200,
                        },
                    ),
                    may("commands", &list(&FREE, 1, 50)),
                    may("inputArtifacts", &list(&Shape::Object(&[must("name", &ARTIFACT_NAME)]), 0, UNLIMITED)),
                    may("roleArn", &ROLE_ARN),
                    may("region", &REGION),
                    may("timeoutInMinutes", &Shape::Whole(5, 86_400)),
                ]),
                1,
                5,
            ),
        ),
    ]),
    1,
    1,
);
static CONDITIONS: Shape = Shape::Object(&[must("conditions", &CONDITION_LIST)]);

static PIPELINE_STAGE: Shape = Shape::Object(&[
    must("name", &NAME),
    may("blockers", &list(&ANYTHING, 0, UNLIMITED)),
    must("actions", &list(&Shape::Object(&ACTION_MEMBERS), 0, UNLIMITED)),
    may(
        "onFailure",
        &Shape::Object(&[
            may("result", &RESULT),
            may("retryConfiguration", &Shape::Object(&[may("retryMode", &RETRY_MODE)])),
            may("conditions", &CONDITION_LIST),
        ]),
    ),
    may("onSuccess", &CONDITIONS),
    may("beforeEntry", &CONDITIONS),
]);

/// A pipeline's declaration.
pub(crate) static PIPELINE: Shape = Shape::Object(&[
    must("name", &NAME),
    must("roleArn", &ROLE_ARN),
    may("artifactStore", &ARTIFACT_STORE),
    may("artifactStores", &Shape::Map { key: &text(4, 30), value: &ARTIFACT_STORE, max: UNLIMITED }),
    must("stages", &list(&PIPELINE_STAGE, 0, UNLIMITED)),
    may("version", &WHOLE_FROM_ONE),
    may("executionMode", &Shape::OneOf(&["QUEUED", "SUPERSEDED", "PARALLEL"])),
    may("pipelineType", &Shape::OneOf(&["V1", "V2"])),
    may(
        "variables",
        &list(
            &Shape::Object(&[
                must("name", &VARIABLE_NAME),
                may("defaultValue", &VARIABLE_VALUE),
                may("description", &Shape::Text(text(0, 200))),
            ]),
            0,
            50,
        ),
    ),
    may("triggers", &list(&ANYTHING, 0, 50)),
]);

const fn bucket() -> Text {
    Text { min: 3, ..matching(63, "[a-zA-Z0-9\\-\\.]+", bucket_name) }
}

fn bucket_name(text: &str) -> bool {
    text.chars().all(|c| letter(c, "-."))
}

fn name(text: &str) -> bool {
    text.chars().all(|c| letter(c, ".@-_"))
}

fn variable(text: &str) -> bool {
    text.chars().all(|c| letter(c, "@-_"))
}

fn role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, role] = parts[..] else {
        return false;
    };
    let known = arn == "arn" && partition.starts_with("aws") && service == "iam" && region.is_empty();
    let account = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    known && account && role.starts_with("role/")
}
