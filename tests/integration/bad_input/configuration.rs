//! Properties and artifacts that are wrong.

use super::{Case, all_fail_in, nothing_is_left, nothing_stays};
use crate::queue;
use crate::world::{PipelineOptions, properties};

const MISCONFIGURED: &str = "ConfigurationError";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_property_of_deploy_blue_is_named_and_nothing_is_made() {
    let world = queue::world(&[], &[]).await;
    all_fail_in(
        &world,
        "DeployBlue",
        &[wrong_names(), wrong_files(), wrong_values()].into_iter().flatten().collect::<Vec<_>>(),
    )
    .await;
    nothing_is_left(&world).await;
}

fn wrong_names() -> Vec<Case> {
    let wrong = |name, says| Case::new(name, (MISCONFIGURED, says));
    vec![
        wrong(
            "service",
            &[
                "The service was not deployed in stage test",
                "property Service is wrong",
                "\"9 lives\"",
                "must start with a letter",
                "Nothing was made",
            ],
        )
        .deploy("Service", "9 lives"),
        wrong("stage", &["stage was not deployed:", "property Stage is wrong", "\"te/st\""]).deploy("Stage", "te/st"),
        wrong("blank", &["property Service is missing"]).deploy("Service", " "),
        wrong("depends", &["property DependsOn is wrong", "\"a b\""]).deploy("DependsOn", "a b"),
        wrong("role", &["property RoleArn is \"admin\"", "ARN of an IAM role"]).deploy("RoleArn", "admin"),
        wrong("minutes", &["property TimeoutMinutes is \"0\"", "whole number from 1 to"]).deploy("TimeoutMinutes", "0"),
    ]
}

fn wrong_files() -> Vec<Case> {
    let wrong = |name, says| Case::new(name, (MISCONFIGURED, says));
    vec![
        wrong(
            "absent",
            &[
                "property TemplatePath names infra/stack.yaml, which is not in the artifact Source",
                "it holds template.yaml",
            ],
        )
        .deploy("TemplatePath", "Source::infra/stack.yaml"),
        wrong("outside", &["property TemplatePath", "inside the artifact", "without .."])
            .deploy("TemplatePath", "Source::../../etc/passwd"),
        wrong("rooted", &["property TemplatePath", "without a leading /"])
            .deploy("TemplatePath", "Source::/etc/passwd"),
        wrong("formless", &["property TemplatePath is \"template.yaml\"", "Artifact::path/of/file"])
            .deploy("TemplatePath", "template.yaml"),
        wrong("artifact", &["names the artifact Build", "input artifacts are Source"])
            .deploy("TemplatePath", "Build::template.yaml"),
        wrong("garbage", &["Mend what the service names"]).file("template.yaml", "Resources: [this, is, no, map"),
        wrong("empty", &["Mend what the service names"]).file("template.yaml", "Description: nothing\n"),
        wrong("settings", &["property TemplateConfiguration names config.json, which is not JSON"])
            .file("config.json", "{'Note': 1}")
            .deploy("TemplateConfiguration", "Source::config.json"),
        wrong("policy", &["property TemplateConfiguration holds Policy", "knows only Parameters and Tags"])
            .file("config.json", r#"{"Policy": {}}"#)
            .deploy("TemplateConfiguration", "Source::config.json"),
    ]
}

fn wrong_values() -> Vec<Case> {
    let wrong = |name, says, value| Case::new(name, (MISCONFIGURED, says)).deploy("ParameterOverrides", value);
    vec![
        wrong("json", &["property ParameterOverrides is not JSON"], r#"{"Note": "#),
        wrong("array", &["property ParameterOverrides"], "[1]"),
        wrong("unknown", &["gives the parameter Colour", "the template declares Note"], r#"{"Colour":"red"}"#),
        wrong(
            "function",
            &["gives Note a function that is not Fn::GetArtifactAtt, Fn::GetParam, Fn::GetLive or Fn::GetBlue"],
            r#"{"Note":{"Fn::GetDead":["a","b"]}}"#,
        ),
        wrong("arguments", &["Fn::GetLive with [service, output]"], r#"{"Note":{"Fn::GetLive":"base"}}"#),
        wrong("attribute", &["BucketName, ObjectKey or URL"], r#"{"Note":{"Fn::GetArtifactAtt":["Source","Colour"]}}"#),
        wrong(
            "itself",
            &["gives Note Fn::GetBlue with Address", "Version, StackName", "Nothing was made"],
            r#"{"Note":{"Fn::GetBlue":"Address"}}"#,
        ),
        wrong(
            "member",
            &["gives Note the member Size of sizes.json, which has none", "Nothing was made"],
            r#"{"Note":{"Fn::GetParam":["Source","sizes.json","Size"]}}"#,
        )
        .file("sizes.json", "{}"),
        wrong("green", &["gives GreenDeployment a value", "bluestage itself sets it"], r#"{"GreenDeployment":"true"}"#)
            .file(
                "template.yaml",
                "Parameters: {GreenDeployment: {Type: String}}\nResources: {Queue: {Type: AWS::SQS::Queue}}\n",
            ),
        wrong("undeclared", &["Parameter 'Size'", "Nothing was made"], "{}")
            .file("template.yaml", "Parameters: {Size: {Type: String}}\nResources: {Queue: {Type: AWS::SQS::Queue}}\n"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_property_of_the_tests_or_the_promotion_is_named() {
    let world = queue::world(&[], &["--failed-grace-seconds", "0"]).await;
    all_fail_in(&world, "RunIsolatedTests", &wrong_tests()).await;
    all_fail_in(&world, "Promote", &wrong_promotions()).await;
    nothing_stays(&world).await;
}

fn wrong_tests() -> Vec<Case> {
    let wrong = |name, says| Case::new(name, (MISCONFIGURED, says));
    vec![
        wrong("runner", &["property Runner is \"jenkins\"", "must be command or codebuild"]).test("Runner", "jenkins"),
        wrong("project", &["property ProjectName belongs to Runner=codebuild"]).test("ProjectName", "tests"),
        wrong("both", &["property Command belongs to Runner=command"])
            .test("Runner", "codebuild")
            .test("ProjectName", "tests"),
        wrong("role", &["property TestRoleArn is \"tester\"", "must be the ARN of an IAM role"])
            .test("TestRoleArn", "tester"),
        wrong("command", &["property Command is missing"]).test("Command", " "),
        wrong("variables", &["property EnvironmentVariables is not JSON"]).test("EnvironmentVariables", "A=1"),
        wrong("ours", &["names that start with BLUESTAGE_ are bluestage's own"])
            .test("EnvironmentVariables", r#"[{"name":"BLUESTAGE_RUN","value":"1"}]"#),
        wrong("stranger", &["an output of base, which is not in the view of", "DependsOn of DeployBlue"])
            .test("EnvironmentVariables", r#"[{"name":"URL","value":{"Fn::GetLive":["base","Address"]}}]"#),
    ]
}

fn wrong_promotions() -> Vec<Case> {
    let wrong = |name, says| Case::new(name, (MISCONFIGURED, says));
    vec![
        wrong("strategy", &["property Strategy is \"rename\"", "must be switch or update"])
            .promote("Strategy", "rename"),
        wrong("update", &["property StackName is missing"]).promote("Strategy", "update"),
        wrong("rebind", &["property Rebind is \"on\"", "must be off or start"]).promote("Rebind", "on"),
        wrong("skew", &["property OnSkew is \"ignore\"", "must be block or report"]).promote("OnSkew", "ignore"),
        wrong("keep", &["property Keep is \"99\"", "whole number from 0 to 20"]).promote("Keep", "99"),
        wrong("stack", &["property StackName is given", "belongs to Strategy=update"]).promote("StackName", "orders"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_that_is_no_zip_archive_is_a_configuration_error() {
    let world = queue::world(&[], &[]).await;
    world.create_pipeline("tar", &PipelineOptions::service("tar")).await;
    world.push_bytes("tar", b"this is no zip archive".to_vec()).await;
    let execution = world.start_pipeline("tar").await;
    let outcome = world.await_execution("tar", &execution).await;
    let report = outcome.failed_in("DeployBlue");
    let case = Case::new(
        "tar",
        (
            MISCONFIGURED,
            &["artifact Source is refused", "zip", "Mend the step that makes this artifact", "Nothing was made"],
        ),
    );
    assert_eq!(super::complaints(&case, report), Vec::<String>::new());
    nothing_is_left(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codepipeline_itself_refuses_unknown_and_missing_properties() {
    let world = queue::world(&[], &[]).await;
    let options = PipelineOptions::service("shop");
    let without = |name: &str| PipelineOptions { deploy: Some(properties(&[(name, "test")])), ..options.clone() };
    let cases = [
        (options.clone().deploy("Colour", "red"), "Colour"),
        (options.clone().promote("TimeoutMinutes", "3"), "TimeoutMinutes"),
        (options.clone().promote("Keep", "many"), "Keep"),
        (without("Stage"), "Service"),
        (without("Service"), "Stage"),
    ];
    for (options, property) in cases {
        let refused = world.try_create_pipeline("shop", &options).await.unwrap_err();
        let aws_sdk_codepipeline::Error::InvalidActionDeclarationException(refused) = refused else {
            panic!("{property}: {refused:?}");
        };
        let message = refused.message.unwrap_or_default();
        assert!(message.contains(property), "{property} is not in: {message}");
    }
}
