//! Workers die and are replaced; executions go on.

use std::time::{Duration, Instant};

use crate::queue::{self, Gate};
use crate::slow;
use crate::world::{PipelineOptions, STATE_BUCKET, World};

/// How long tests may take to begin.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_goes_on_when_its_worker_was_killed_while_the_stack_was_made() {
    // While no worker holds the job, one can be killed between two jobs.
    let mut world = queue::world(&["--continuation-seconds", "2"], &[]).await;
    let gate = Gate::closed(&world);
    world.create_pipeline("slow", &PipelineOptions::service("slow")).await;
    let execution = world.release("slow", &slow::source(&gate)).await;
    slow::await_summary(&world, ("slow", &execution), "is being made").await;
    world.workers[0].kill();
    let before = world.stacks().await;
    assert_eq!(before.len(), 1, "{before:?}");

    gate.open("stack");
    world.start_worker();
    let outcome = world.await_execution("slow", &execution).await;
    outcome.succeeded();
    assert_eq!(world.stacks().await, before, "the second worker made another stack");
    assert_eq!(outcome.action("Promote").variables["StackName"], before[0]);
    assert_eq!(world.stage().await.all_versions().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_that_a_killed_worker_held_is_gone_on_with_by_another() {
    let mut world = queue::world(&[], &["--hold-seconds", "60", "--lease-seconds", "2"]).await;
    let gate = Gate::closed(&world);
    world.create_pipeline("slow", &PipelineOptions::service("slow")).await;
    let execution = world.release("slow", &slow::source(&gate)).await;
    slow::await_summary(&world, ("slow", &execution), "is being made").await;
    await_page(&world, true).await;
    world.workers[0].kill();
    gate.open("stack");
    world.start_worker();
    let outcome = world.await_execution("slow", &execution).await;
    outcome.succeeded();
    assert!(world.workers[1].logged().contains("takes over the jobs"), "{}", world.logs());
    assert_eq!(world.stacks().await.len(), 1);
    await_page(&world, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_up_late_gives_up_the_jobs_that_were_taken_over() {
    let mut world = queue::world(&[], &["--hold-seconds", "60", "--lease-seconds", "2"]).await;
    let gate = Gate::closed(&world);
    world.create_pipeline("slow", &PipelineOptions::service("slow")).await;
    let execution = world.release("slow", &slow::source(&gate)).await;
    slow::await_summary(&world, ("slow", &execution), "is being made").await;
    await_page(&world, true).await;
    world.workers[0].signal("STOP");
    world.start_worker();
    await_log(&world, 1, "takes over the jobs").await;
    world.workers[0].signal("CONT");
    await_log(&world, 0, "another worker has taken the job over").await;
    gate.open("stack");
    world.await_execution("slow", &execution).await.succeeded();
    assert_eq!(world.stacks().await.len(), 1);
    await_page(&world, false).await;
}

/// Waits until the worker has logged this.
pub(crate) async fn await_log(world: &World, worker: usize, wanted: &str) {
    let deadline = Instant::now() + SOON;
    while !world.workers[worker].logged().contains(wanted) {
        assert!(Instant::now() < deadline, "{wanted}\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until there is a page of the journal, or none.
async fn await_page(world: &World, wanted: bool) {
    let deadline = Instant::now() + SOON;
    loop {
        let listed = world.s3().list_objects_v2().bucket(STATE_BUCKET).send().await.expect("the state is listed");
        let is_page = |key: &str| key.contains("journal/");
        let page = listed.contents().iter().filter_map(|object| object.key()).any(is_page);
        if page == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_hands_its_tests_over_to_another() {
    let mut world = queue::world(&[], &[]).await;
    let gate = Gate::closed(&world);
    let attempts = world.home.path().join("attempts");
    let note = format!("echo $BLUESTAGE_RUN >> {}", attempts.display());
    let command = format!("{note}; {}", gate.wait_for("tests"));
    let options = PipelineOptions::service("queue").test("Command", &command);
    world.create_pipeline("queue", &options).await;
    let execution = world.release("queue", &queue::source()).await;
    let first = await_lines(&world, &attempts, (1, SOON)).await;

    world.workers[0].signal("TERM");
    let ended = world.workers[0].ended(Duration::from_secs(10));
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{}", world.logs());

    world.start_worker();
    // Sooner than the tests of a worker that was killed.
    let both = await_lines(&world, &attempts, (2, Duration::from_secs(15))).await;
    assert_ne!(both[1], first[0], "the tests ran anew under the old name");
    gate.open("tests");
    let outcome = world.await_execution("queue", &execution).await;
    outcome.succeeded();
    let tests = outcome.action("RunIsolatedTests");
    assert_eq!(tests.variables["Run"], both[1]);
    assert_eq!(world.bundle(tests).await.certificate()["run"], *both[1]);
    assert_eq!(await_lines(&world, &attempts, (2, SOON)).await.len(), 2, "the tests ran a third time");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tests_of_a_killed_worker_end_with_it_and_run_anew_on_another() {
    // Long holds, because a worker counts only the time in which it watches.
    let flags = ["--continuation-seconds", "2"];
    let mut world = queue::world(&flags, &["--hold-seconds", "30"]).await;
    let gate = Gate::closed(&world);
    let attempts = world.home.path().join("attempts");
    let processes = world.home.path().join("processes");
    // A daemon, and what stays in the foreground.
    let note = format!(
        "setsid sleep 600 & echo $! $$ > {}; echo $BLUESTAGE_RUN >> {}",
        processes.display(),
        attempts.display()
    );
    let command = format!("{note}; {}", gate.wait_for("$BLUESTAGE_RUN"));
    let options = PipelineOptions::service("queue").test("Command", &command);
    world.create_pipeline("queue", &options).await;
    let execution = world.release("queue", &queue::source()).await;
    slow::await_summary(&world, ("queue", &execution), "The tests of queue").await;
    let first = await_lines(&world, &attempts, (1, SOON)).await.remove(0);
    let left = std::fs::read_to_string(&processes).unwrap();
    world.workers[0].kill();
    for process in left.split_whitespace() {
        await_end(process).await;
    }

    world.start_worker();
    let second = await_lines(&world, &attempts, (2, Duration::from_secs(40))).await.remove(1);
    assert_ne!(first, second);
    gate.open(&second);
    let outcome = world.await_execution("queue", &execution).await;
    outcome.succeeded();
    let tests = outcome.action("RunIsolatedTests");
    assert_eq!(tests.variables["Run"], second);
    assert_eq!(world.bundle(tests).await.certificate()["run"], *second);
}

/// Waits until the process of this number has ended.
async fn await_end(process: &str) {
    let deadline = Instant::now() + SOON;
    // What nobody has buried yet (Z) has ended, too.
    let runs = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while runs() {
        assert!(Instant::now() < deadline, "process {process} outlives its worker");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the file has at least so many lines.
async fn await_lines(world: &World, file: &std::path::Path, (count, patience): (usize, Duration)) -> Vec<String> {
    let deadline = Instant::now() + patience;
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < deadline, "{lines:?}\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
