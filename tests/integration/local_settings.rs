//! Whatever the service may do where its documentation is silent: the worker does its job under all of it.

use crate::queue;

/// How the local CodePipeline behaves: redelivery, continuation delay, batch, how long job
/// credentials last, and whether acknowledging again is refused.
struct Choice {
    redelivery: &'static str,
    continuation: &'static str,
    batch: &'static str,
    credentials: &'static str,
    refuse_again: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn two_wired_services_go_live_with_quick_redelivery_one_job_a_poll_and_no_delay() {
    go_live(&Choice { redelivery: "0.5", continuation: "0", batch: "1", credentials: "0", refuse_again: false }).await;
}

/// Three seconds stand for the thirty that AWS documents for Lambda: a worker that does not wait would not notice.
#[tokio::test(flavor = "multi_thread")]
async fn two_wired_services_go_live_with_slow_redelivery_ten_jobs_a_poll_and_a_long_delay() {
    go_live(&Choice { redelivery: "30", continuation: "3", batch: "10", credentials: "900", refuse_again: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_wired_services_go_live_with_quick_redelivery_a_long_delay_and_no_second_acknowledgement() {
    go_live(&Choice { redelivery: "0.5", continuation: "3", batch: "10", credentials: "900", refuse_again: true })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_wired_services_go_live_with_slow_redelivery_one_job_a_poll_and_a_second_acknowledgement() {
    go_live(&Choice { redelivery: "30", continuation: "0", batch: "1", credentials: "0", refuse_again: false }).await;
}

async fn go_live(choice: &Choice) {
    let mut flags = vec![
        "--redelivery-seconds",
        choice.redelivery,
        "--continuation-seconds",
        choice.continuation,
        "--batch-max",
        choice.batch,
        "--credentials-seconds",
        choice.credentials,
    ];
    if choice.refuse_again {
        flags.push("--refuse-acknowledge-again");
    }
    let world = queue::world(&flags, &[]).await;
    queue::make_live(&world, "storage", &crate::world::PipelineOptions::service("storage")).await;
    // Both at once, so that a poll has more than one job to hand out.
    for service in ["orders", "billing"] {
        world.create_pipeline(service, &queue::wired_to(service, "storage")).await;
    }
    let orders = world.release("orders", &queue::source()).await;
    let billing = world.release("billing", &queue::source()).await;
    world.await_execution("orders", &orders).await.succeeded();
    world.await_execution("billing", &billing).await.succeeded();
    let stage = world.stage().await;
    assert_eq!(stage.all_versions().count(), 3, "{stage:#?}");
}
