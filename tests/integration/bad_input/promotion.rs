//! Promotions that are refused.

use super::{Case, all_fail_in, complaints, nothing_stays};
use crate::queue::{self, Gate};
use crate::world::{PipelineOptions, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_version_without_passed_tests_is_not_promoted_and_does_not_stay() {
    let world = queue::world(&[], &["--failed-grace-seconds", "0"]).await;
    let says = [
        "hasty was not promoted in stage test: hasty v1-",
        "has not passed its tests",
        "Put RunIsolatedTests between DeployBlue and this action",
        "What is live is as it was",
    ];
    let mut hasty = Case::new("hasty", ("ConfigurationError", &says));
    hasty.options.test = None;
    let says =
        ["this pipeline execution has no version of bare", "Put DeployBlue with the same Stage and Service before"];
    let mut bare = Case::new("bare", ("ConfigurationError", &says));
    (bare.options.deploy, bare.options.test) = (None, None);
    all_fail_in(&world, "Promote", &[hasty, bare]).await;
    nothing_stays(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_older_than_live_does_not_replace_it() {
    let world = queue::world(&[], &["--failed-grace-seconds", "0"]).await;
    let gate = Gate::closed(&world);
    let options = PipelineOptions::service("shop").test("Command", &gate.wait_for("$BLUESTAGE_VERSION"));
    world.create_pipeline("shop", &options).await;
    let older = world.release("shop", &queue::source()).await;
    let of_older = await_versions(&world, 1).await.remove(0);
    let newer = world.start_pipeline("shop").await;
    let of_newer = await_versions(&world, 2).await.remove(1);

    gate.open(&of_newer);
    world.await_execution("shop", &newer).await.succeeded();
    gate.open(&of_older);
    let outcome = world.await_execution("shop", &older).await;
    let says = [&format!("shop {of_older} is older than {of_newer}, which is live")[..], "Nothing needs to be done"];
    let case = Case::new("shop", ("RevisionOutOfSync", &says));
    assert_eq!(complaints(&case, outcome.failed_in("Promote")), Vec::<String>::new());
    let only_newer = |ids: Vec<String>| ids == [of_newer.clone()];
    world.await_stage("the older one is gone", |stage| only_newer(versions(stage))).await;
    assert_eq!(world.stacks().await, [format!("test-shop-{of_newer}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_tested_with_a_neighbour_who_was_replaced_is_not_promoted() {
    let world = queue::world(&[], &["--failed-grace-seconds", "0"]).await;
    let gate = Gate::closed(&world);
    queue::make_live(&world, "base", &PipelineOptions::service("base")).await;
    let before = live(&world, "base").await;
    let options = queue::wired_to("shop", "base").test("Command", &gate.wait_for("shop"));
    world.create_pipeline("shop", &options).await;
    let shop = world.release("shop", &queue::source()).await;
    world.await_stage("the shop has begun", |stage| stage.services.len() == 2).await;
    let base = world.start_pipeline("base").await;
    world.await_execution("base", &base).await.succeeded();
    let after = live(&world, "base").await;

    gate.open("shop");
    let outcome = world.await_execution("shop", &shop).await;
    let says = [
        &format!("was tested with base {before}, but {after} is live now (promoted by arn:")[..],
        &base,
        "Retry the whole pipeline stage",
    ];
    let case = Case::new("shop", ("RevisionOutOfSync", &says));
    assert_eq!(complaints(&case, outcome.failed_in("Promote")), Vec::<String>::new());
    world.await_stage("the shop is gone", |stage| stage.services.len() == 1).await;
}

/// Waits until the shop has so many versions whose tests run, and names them in the order in which they began.
async fn await_versions(world: &World, count: usize) -> Vec<String> {
    let tested = |stage: &bluestage::release::Stage| {
        stage.all_versions().filter(|(_, version)| version.run.is_some()).count() == count
    };
    versions(&world.await_stage("one more version is tested", tested).await)
}

fn versions(stage: &bluestage::release::Stage) -> Vec<String> {
    let mut versions: Vec<_> =
        stage.all_versions().map(|(_, version)| (version.ordinal, version.id.to_string())).collect();
    versions.sort();
    versions.into_iter().map(|(_, id)| id).collect()
}

async fn live(world: &World, service: &str) -> String {
    world.stage().await.live(&service.parse().unwrap()).unwrap().id.to_string()
}
