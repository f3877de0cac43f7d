//! One version of the worker replaces another: the older one leaves what a newer one has written to it.

use crate::queue;
use crate::slow;
use crate::world::{PipelineOptions, STATE_BUCKET, World};

const DOCUMENT: &str = "state/stages/test.json";

async fn document(world: &World) -> String {
    let got = world.s3().get_object().bucket(STATE_BUCKET).key(DOCUMENT).send().await.unwrap();
    String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap()
}

async fn put(world: &World, document: &str) {
    let put = world.s3().put_object().bucket(STATE_BUCKET).key(DOCUMENT);
    put.body(document.as_bytes().to_vec().into()).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_leaves_the_document_of_a_newer_one_as_it_is_and_no_job_fails_for_it() {
    let mut world = queue::world(&[], &[]).await;
    queue::make_live(&world, "queue", &PipelineOptions::service("queue")).await;
    world.start_worker();
    // A new number, and a new member that somebody has forgotten to give a number.
    for (was, is) in
        [(r#""schema":1"#, r#""schema":2,"novelty":true"#), (r#""schema":1"#, r#""schema":1,"novelty":true"#)]
    {
        let ours = document(&world).await;
        let newer = ours.replacen(was, is, 1);
        assert_ne!(newer, ours);
        put(&world, &newer).await;
        let execution = world.release("queue", &queue::source()).await;
        slow::await_summary(&world, ("queue", &execution), "update this worker").await;
        // Sweeps come every second, and meet it, too.
        for number in 0..2 {
            crate::restart::await_log(&world, number, "something could not be swept").await;
        }
        assert_eq!(document(&world).await, newer, "an older worker has written over it");
        let status = world.bluestage(&["status"]);
        assert_eq!(status.status.code(), Some(1));
        let told = String::from_utf8_lossy(&status.stderr).into_owned();
        assert!(told.contains("update this worker"), "{told}");

        // To the older workers it is as if a newer one had made it readable again.
        put(&world, &ours).await;
        let outcome = world.await_execution("queue", &execution).await;
        let promoted = &outcome.succeeded().action("Promote").variables["Version"];
        let live = world.stage().await.live_versions().map(|(of, _)| of.version.to_string()).collect::<Vec<_>>();
        assert_eq!(live, std::slice::from_ref(promoted));
    }
}
