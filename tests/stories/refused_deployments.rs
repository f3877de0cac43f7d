//! deploy-blue: what is refused, what is waited for, and what is said about it.

use std::time::Duration;

use bluestage::ports::{ActionKind, Cause, Verdict};
use serde_json::json;

use crate::memory::release::next;
use crate::memory::{Memory, of, seal, stage_name};

const DEPLOY: ActionKind = ActionKind::DeployBlue;

#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_on_its_way_is_waited_for() {
    let world = Memory::new();
    let billing = world.release("billing");
    billing.is_tested().await;
    let orders = world.release("orders").wired_to("billing");
    let first = orders.job(DEPLOY);
    let Some(Verdict::Continue(more)) = world.turn(&first).await else {
        panic!("billing is not live yet");
    };
    let on_its_way = of("billing", &billing.version());
    assert!(more.summary.as_str().contains("orders waits for billing"), "{}", more.summary);
    assert!(more.summary.as_str().contains(on_its_way.version.as_str()), "{}", more.summary);
    assert!(world.versions("orders").is_empty());
    billing.promote().await.done();
    orders.go_on(next(&first, &more, 1)).await.done();
    assert_eq!(orders.version().view[&on_its_way.service], on_its_way.version);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_appears_within_one_hold_is_good_enough() {
    let world = Memory::new();
    let billing = world.release("billing");
    let orders = world.release("orders").wired_to("billing");
    let job = orders.job(DEPLOY);
    let (played, ()) = tokio::join!(orders.go_on(job), async {
        world.pass(Duration::from_secs(5)).await;
        billing.goes_live().await;
    });
    played.done();
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_nobody_knows_is_refused_after_one_hold() {
    let world = Memory::new();
    world.release("mail").goes_live().await;
    let before = world.elapsed();
    let failure = world.release("orders").wired_to("billing").deploy().await.failed();
    assert_eq!(failure.cause, Cause::Misconfigured);
    let told = failure.message.as_str();
    assert!(told.contains("needs billing") && told.contains("mail"), "{told}");
    assert!(told.contains("Nothing was made"), "{told}");
    assert_eq!((world.elapsed() - before).as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_service_belongs_to_the_pipeline_that_released_it_first() {
    let world = Memory::new();
    world.release("orders").goes_live().await;
    let failure = world.release("orders").through("other").deploy().await.failed();
    assert_eq!(failure.cause, Cause::Misconfigured);
    let told = failure.message.as_str();
    assert!(told.contains("belongs to the pipeline arn:aws:codepipeline:eu-central-1:1:orders"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_artifact_that_is_gone_or_refused_says_so() {
    let world = Memory::new();
    let orders = world.release("orders");
    let job = orders.job(DEPLOY);
    world.artifacts.delete(&job.inputs[0].key);
    let Some(Verdict::Failed(gone)) = world.turn(&job).await else {
        panic!("there is no artifact");
    };
    assert_eq!(gone.cause, Cause::ArtifactGone);
    let refused = world.release("orders").file("/", "").deploy().await.failed();
    assert_eq!(refused.cause, Cause::Misconfigured);
    assert!(refused.message.as_str().contains("an absolute path"), "{}", refused.message);
}

#[tokio::test(start_paused = true)]
async fn a_document_of_a_newer_bluestage_is_left_to_a_worker_that_reads_it() {
    let world = Memory::new();
    world.stages.put(&stage_name(), br#"{"schema": 99}"#);
    let orders = world.release("orders");
    let Some(Verdict::Continue(waiting)) = world.turn(&orders.job(DEPLOY)).await else {
        panic!("while one version of the worker replaces another, no job fails for it");
    };
    assert!(waiting.summary.as_str().contains("update this worker"), "{}", waiting.summary);
    assert!(world.stages.history().is_empty(), "nothing is overwritten");
    world.stages.forget(&stage_name());
    orders.deploy().await.done();
}

#[tokio::test(start_paused = true)]
async fn a_document_that_stays_too_new_fails_the_action_at_its_deadline() {
    let world = Memory::new();
    world.stages.put(&stage_name(), br#"{"schema": 99}"#);
    let failure = world.release("orders").deploy().await.failed();
    assert_eq!(failure.cause, Cause::Unavailable);
    assert!(failure.message.as_str().contains("update this worker"), "{}", failure.message);
    assert!(world.stages.history().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_newer_bluestage_is_handed_on_as_it_came() {
    let world = Memory::new();
    let mut job = world.release("orders").job(DEPLOY);
    let execution = &job.pipeline.execution.action_execution_id;
    let deadline = 1_767_225_600 + 600; // ten minutes after the world began
    let token = format!(r#"{{"schema":2,"execution":"{execution}","deadline":{deadline},"new":[]}}"#);
    let token = seal().sealed(token);
    job.token = Some(token.clone());
    let Some(Verdict::Continue(handed_on)) = world.turn(&job).await else {
        panic!("a worker of that version goes on with it");
    };
    assert_eq!(handed_on.token.as_str(), token);
    world.pass(Duration::from_secs(600)).await;
    let Some(Verdict::Failed(failure)) = world.turn(&job).await else {
        panic!("no such worker came");
    };
    assert!(failure.message.as_str().contains("newer bluestage"), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn a_property_that_is_wrong_fails_before_anything_is_asked_for() {
    let world = Memory::new();
    for (name, value) in [
        ("Service", "1st"),
        ("TemplatePath", "template.json"),
        ("ParameterOverrides", "[]"),
        ("RoleArn", "deployer"),
        ("TimeoutMinutes", "0"),
        ("Surprise", "x"),
    ] {
        let failure = world.release("orders").with(DEPLOY, name, value).deploy().await.failed();
        assert_eq!(failure.cause, Cause::Misconfigured);
        let told = failure.message.as_str();
        assert!(told.contains(&format!("property {name} ")), "{told}");
    }
    assert!(world.line.trail().is_empty(), "{:?}", world.line.trail());
}

#[tokio::test(start_paused = true)]
async fn what_the_template_does_not_fit_is_told_before_the_version_begins() {
    let world = Memory::new();
    let named = |name, value| world.release("orders").with(DEPLOY, name, value);
    for (release, why) in [
        (named("TemplatePath", "app::other.json"), "which is not in the artifact app; it holds template.json"),
        (named("TemplatePath", "code::template.json"), "the action's input artifacts are app"),
        (named("ParameterOverrides", r#"{"Colour": "blue"}"#), "the template declares none"),
        (
            world.release("orders").given("Colour", json!("")).with(DEPLOY, "ParameterOverrides", ""),
            "no value to Colour",
        ),
        (world.release("orders").file("template.json", "<html>"), "could not validate the template"),
    ] {
        let failure = release.deploy().await.failed();
        assert_eq!(failure.cause, Cause::Misconfigured);
        let told = failure.message.as_str();
        assert!(told.contains(why) && told.contains("Nothing was made"), "{why}: {told}");
    }
    assert!(world.stages.history().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_had_takes_the_version_back() {
    let world = Memory::new();
    for (value, why) in [
        (json!({"Fn::GetParam": ["app", "params.json", "Colour"]}), "params.json, which is not in the artifact"),
        (json!({"Fn::GetBlue": "Url"}), "here it can be Version, StackName"),
        (json!({"Fn::GetArtifactAtt": ["code", "URL"]}), "the action's input artifacts are app"),
    ] {
        let failure = world.release("orders").given("Colour", value).deploy().await.failed();
        let told = failure.message.as_str();
        assert!(told.contains(why), "{told}");
        assert!(world.versions("orders").is_empty());
    }
    assert!(world.stacks.events().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_services_is_refused_and_spelled_out() {
    let world = Memory::new();
    world.release("billing").goes_live().await;
    world.release("orders").wired_to("billing").goes_live().await;
    let failure = world.release("billing").wired_to("orders").deploy().await.failed();
    let told = failure.message.as_str();
    assert!(told.contains("billing → orders → billing"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_output_that_a_dependency_does_not_have_is_refused_with_those_it_has() {
    let world = Memory::new();
    world.release("billing").goes_live().await;
    let value = json!({"Fn::GetLive": ["billing", "Uri"]});
    let failure = world.release("orders").given("Peer", value).deploy().await.failed();
    let told = failure.message.as_str();
    assert!(told.contains("the output Uri of billing v1-") && told.contains("which has Url"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_continues_what_this_worker_does_not_understand_does_not_claim_that_nothing_was_made() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    let mut job = orders.job(DEPLOY);
    job.token = Some(seal().sealed("{\"schema\": 9}".to_owned()));
    let Some(Verdict::Failed(failure)) = world.turn(&job).await else {
        panic!("the token is not ours");
    };
    assert_eq!(failure.cause, Cause::Bug);
    assert!(!failure.message.as_str().contains("Nothing was made"), "{}", failure.message);
}
