//! The services of a plan as real ones: functions behind API gateways that call one another, and their pipelines.

use aws_sdk_codepipeline::types::{SourceRevisionOverride, SourceRevisionType};

use super::plan::{Flaw, Plan, Release, Service};
use crate::world::{PipelineOptions, SOURCE_BUCKET, Source, World};

/// The pipeline of the service at this place.
pub(super) fn pipeline(world: &World, plan: &Plan, index: usize) -> PipelineOptions {
    let service = &plan.services[index];
    let on_skew = if service.blocks_skew { "block" } else { "report" };
    let mut options = PipelineOptions::service(&service.name)
        .deploy("ParameterOverrides", &overrides(world, plan, service))
        .test("Command", &command(plan, service))
        .promote("OnSkew", on_skew)
        .promote("Keep", &service.keep.to_string())
        .promote("Rebind", if service.rebinds { "start" } else { "off" });
    if !service.beside.is_empty() {
        let names: Vec<&str> = names(plan, &service.beside).collect();
        options = options.deploy("DependsOn", &names.join(","));
    }
    if service.superseded {
        options = options.superseded();
    }
    if service.retried {
        options = options.retried();
    }
    options
}

fn names<'a>(plan: &'a Plan, services: &'a [usize]) -> impl Iterator<Item = &'a str> {
    services.iter().map(|service| plan.services[*service].name.as_str())
}

fn overrides(world: &World, plan: &Plan, service: &Service) -> String {
    let mut overrides =
        format!(r#""Service":"{}","Version":{{"Fn::GetBlue":"Version"}},"ApiBase":"{}""#, service.name, world.aws_url);
    for (place, other) in names(plan, &service.wired_to).enumerate() {
        overrides.push_str(&format!(r#","Call{place}":{{"Fn::GetLive":["{other}","Url"]}}"#));
    }
    format!("{{{overrides}}}")
}

/// The time that the tests take comes with the source, for it differs from release to release.
fn command(plan: &Plan, service: &Service) -> String {
    let beside = names(plan, &service.beside).map(|other| format!("$LIVE_{}_URL", other.to_uppercase()));
    let beside: Vec<String> = beside.collect();
    format!(r#"MILLIS=$(cat millis) BESIDE="{}" python3 ask.py"#, beside.join(" "))
}

fn source(service: &Service, release: Release) -> Source {
    let source = Source::empty()
        .with("template.yaml", include_str!("template.yaml"))
        .changed("template.yaml", "RELEASE", &format!("Release {}", release.number))
        .with("millis", &release.test_millis.to_string())
        .with("ask.py", include_str!("ask.py"));
    let source = if service.has_events { source.changed("template.yaml", "#events ", "") } else { source };
    match release.flaw {
        None => source,
        Some(Flaw::WrongAnswers) => source.changed("template.yaml", "n * n", "n * n + 1"),
        Some(Flaw::NoStack) => source.changed("template.yaml", "#fails ", ""),
    }
}

/// Releases through the service's pipeline. Tells the execution, and the revision by which the release is known from
/// then on: somebody else may push meanwhile, so the execution is told which revision it is to take.
pub(super) async fn release(world: &World, plan: &Plan, release: Release) -> (String, String) {
    let service = &plan.services[release.service];
    world.push(&service.name, &source(service, release)).await;
    let head = world.s3().head_object().bucket(SOURCE_BUCKET);
    let head = head.key(format!("{}.zip", service.name)).send().await.unwrap();
    let revision = head.version_id.unwrap();
    let taken = SourceRevisionOverride::builder()
        .action_name("Source")
        .revision_type(SourceRevisionType::S3ObjectVersionId)
        .revision_value(&revision)
        .build()
        .unwrap();
    let started = world.codepipeline().start_pipeline_execution().name(&service.name);
    let started = started.source_revisions(taken).send().await.unwrap();
    (started.pipeline_execution_id.unwrap(), revision)
}
