//! The actions' properties: what is taken, and what is said about what is not.

use std::time::Duration;

use super::job;
use crate::actions::properties::{DeployBlue, Promote, PropertyError, RunIsolatedTests, Runner, subject, time_limit};
use crate::ports::ActionKind;
use crate::release::OnSkew;

const PLACE: [(&str, &str); 2] = [("Stage", "test"), ("Service", "orders")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    PLACE.iter().chain(more).copied().collect()
}

fn deploy(more: &[(&str, &str)]) -> Result<DeployBlue, PropertyError> {
    let mut properties = with(&[("TemplatePath", "app::t.yaml")]);
    properties.extend(more);
    DeployBlue::of(&job(ActionKind::DeployBlue, &properties))
}

fn tests(more: &[(&str, &str)]) -> Result<RunIsolatedTests, PropertyError> {
    let mut properties = with(&[("Command", "make test")]);
    properties.extend(more);
    RunIsolatedTests::of(&job(ActionKind::RunIsolatedTests, &properties))
}

fn promote(more: &[(&str, &str)]) -> Result<Promote, PropertyError> {
    Promote::of(&job(ActionKind::Promote, &with(more)))
}

/// That the property is wrong, and why.
fn is_wrong<T>(answer: Result<T, PropertyError>, name: &str, why: &str) {
    let Err(error) = answer else {
        panic!("{name} should be wrong");
    };
    assert_eq!(error.name, name);
    assert!(error.why.contains(why), "{error}");
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let blue = deploy(&[]).unwrap();
    assert!(blue.configuration.is_none() && blue.overrides.is_empty() && blue.role_arn.is_none());
    assert!(blue.capabilities.is_empty() && blue.depends_on.is_empty());
    let run = tests(&[]).unwrap();
    assert!(run.environment.is_empty() && run.reports.is_none());
    let terms = promote(&[]).unwrap();
    assert_eq!((terms.on_skew, terms.keep), (OnSkew::Block, 1));
}

#[test]
fn what_is_given_is_taken() {
    let blue = deploy(&[
        ("TemplateConfiguration", "app::c/test.json"),
        ("Capabilities", " CAPABILITY_IAM ,CAPABILITY_NAMED_IAM,"),
        ("RoleArn", "arn:aws:iam::1:role/deployer"),
        ("DependsOn", "billing, mail"),
    ])
    .unwrap();
    assert_eq!(blue.configuration.unwrap().path.to_str(), Some("c/test.json"));
    assert_eq!(blue.capabilities, ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]);
    assert_eq!(blue.role_arn.as_deref(), Some("arn:aws:iam::1:role/deployer"));
    let depends_on: Vec<&str> = blue.depends_on.iter().map(|name| name.as_str()).collect();
    assert_eq!(depends_on, ["billing", "mail"]);
    let run = tests(&[("Reports", "r/*.xml"), ("Runner", "command")]).unwrap();
    assert_eq!((&run.runner, run.reports.as_deref()), (&Runner::Command("make test".to_owned()), Some("r/*.xml")));
    let terms = promote(&[("OnSkew", "report"), ("Keep", "0"), ("Strategy", "switch"), ("Rebind", "off")]).unwrap();
    assert_eq!((terms.on_skew, terms.keep), (OnSkew::Report, 0));
}

#[test]
fn an_empty_property_is_one_that_is_left_out() {
    assert!(deploy(&[("RoleArn", " "), ("DependsOn", "")]).unwrap().role_arn.is_none());
    is_wrong(deploy(&[("TemplatePath", "  ")]), "TemplatePath", "is missing");
}

#[test]
fn what_is_missing_is_named() {
    let none = DeployBlue::of(&job(ActionKind::DeployBlue, &[]));
    is_wrong(none, "Stage", "is missing");
    let no_service = DeployBlue::of(&job(ActionKind::DeployBlue, &PLACE[..1]));
    is_wrong(no_service, "Service", "is missing");
    is_wrong(DeployBlue::of(&job(ActionKind::DeployBlue, &PLACE)), "TemplatePath", "is missing");
    is_wrong(RunIsolatedTests::of(&job(ActionKind::RunIsolatedTests, &PLACE)), "Command", "is missing");
}

#[test]
fn an_unknown_property_is_named_with_those_that_are_known() {
    is_wrong(deploy(&[("Templatepath", "x")]), "Templatepath", "DeployBlue; it knows Stage, Service, TemplatePath");
    is_wrong(tests(&[("Comand", "x")]), "Comand", "Command");
    is_wrong(promote(&[("TimeoutMinutes", "5")]), "TimeoutMinutes", "unknown to Promote");
}

#[test]
fn names_have_their_form() {
    is_wrong(deploy(&[("Stage", "../other")]), "Stage", "is not a stage name");
    is_wrong(deploy(&[("Service", "1st")]), "Service", "is not a service name");
    is_wrong(deploy(&[("DependsOn", "billing,ma il")]), "DependsOn", "\"ma il\" is not a service name");
}

#[test]
fn a_path_stays_inside_its_artifact() {
    for bad in ["t.yaml", "app:t.yaml", "app::", "::t.yaml", "app::/t.yaml", "app::../t.yaml", "app::a/../../t.yaml"] {
        is_wrong(deploy(&[("TemplatePath", bad)]), "TemplatePath", bad);
    }
}

#[test]
fn a_role_is_the_arn_of_one() {
    for bad in ["deployer", "arn:aws:iam::1:user/deployer"] {
        is_wrong(deploy(&[("RoleArn", bad)]), "RoleArn", "ARN of an IAM role");
        is_wrong(tests(&[("TestRoleArn", bad)]), "TestRoleArn", "ARN of an IAM role");
    }
}

#[test]
fn what_belongs_to_the_other_runner_is_refused_not_ignored() {
    is_wrong(tests(&[("Runner", "jenkins")]), "Runner", "command or codebuild");
    is_wrong(tests(&[("ProjectName", "p")]), "ProjectName", "belongs to Runner=codebuild");
    is_wrong(tests(&[("Runner", "codebuild"), ("ProjectName", "p")]), "Command", "belongs to Runner=command");
    let built = |more: &[(&str, &str)]| {
        let mut properties = with(&[("Runner", "codebuild")]);
        properties.extend(more);
        RunIsolatedTests::of(&job(ActionKind::RunIsolatedTests, &properties))
    };
    assert_eq!(built(&[("ProjectName", "p")]).unwrap().runner, Runner::CodeBuild("p".to_owned()));
    is_wrong(built(&[]), "ProjectName", "is missing");
    is_wrong(built(&[("ProjectName", "p"), ("Reports", "*.xml")]), "Reports", "belongs to Runner=command");
}

#[test]
fn a_fixed_stack_belongs_to_the_strategy_update_and_to_no_other() {
    is_wrong(promote(&[("Strategy", "update")]), "StackName", "is missing");
    is_wrong(promote(&[("Strategy", "rename")]), "Strategy", "switch or update");
    is_wrong(promote(&[("Strategy", "update"), ("StackName", "a_b")]), "StackName", "letters, digits and hyphens");
    for name in ["StackName", "Capabilities", "RoleArn"] {
        is_wrong(promote(&[(name, "x")]), name, "belongs to Strategy=update");
    }
    let fixed = promote(&[("Strategy", "update"), ("StackName", "orders-test")]).unwrap();
    assert_eq!(fixed.update.unwrap().name, "orders-test");
    is_wrong(promote(&[("Rebind", "on")]), "Rebind", "off or start");
    assert!(promote(&[("Rebind", "start")]).unwrap().rebind);
}

#[test]
fn numbers_and_choices_are_within_their_bounds() {
    is_wrong(promote(&[("OnSkew", "ignore")]), "OnSkew", "block or report");
    for bad in ["-1", "21", "many", "1.5"] {
        is_wrong(promote(&[("Keep", bad)]), "Keep", "whole number from 0 to 20");
    }
    assert_eq!(promote(&[("Keep", "20")]).unwrap().keep, 20);
}

#[test]
fn the_time_limit_is_less_than_codepipelines_own() {
    let limit = |minutes| time_limit(&job(ActionKind::DeployBlue, &[("TimeoutMinutes", minutes)]));
    assert_eq!(limit("").unwrap(), Duration::from_secs(55 * 60));
    assert_eq!(limit("1").unwrap(), Duration::from_secs(60));
    assert_eq!(limit("1380").unwrap(), Duration::from_secs(23 * 60 * 60));
    for bad in ["0", "1381", "1h"] {
        is_wrong(limit(bad), "TimeoutMinutes", "from 1 to 1380");
    }
}

#[test]
fn a_job_tells_what_it_is_about_as_far_as_it_is_well_formed() {
    let half = job(ActionKind::DeployBlue, &[("Stage", "test"), ("Service", "1st"), ("Surprise", "x")]);
    let (stage, service) = subject(&half);
    assert_eq!(stage.unwrap().as_str(), "test");
    assert!(service.is_none());
}
