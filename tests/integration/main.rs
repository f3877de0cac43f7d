//! Tests of the whole: the real worker process, the local CodePipeline over TCP, and `MiniStack`; and the adapters alone,
//! held to what their ports promise. Names are sentences.

#![expect(clippy::unwrap_used, reason = "a test says that something is wrong by panicking")]
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

mod bad_input;
mod boto3;
mod browser;
mod builds;
mod codepipeline;
mod collector;
mod console;
mod contract;
mod counted;
mod doctor;
mod events;
mod exposition;
mod fickle;
mod health;
mod isolation;
mod local_codepipeline;
mod local_files;
mod local_many;
mod local_memory;
mod local_outside;
mod local_restart;
mod local_settings;
mod main_job;
mod observed;
mod other_clients;
mod probe;
mod queue;
mod restart;
mod rolling;
mod slow;
mod status;
mod stop;
mod switching;
mod test_role;
mod torture;
mod updating;
mod worker_console;

#[path = "../world/mod.rs"]
mod world;

#[path = "../chromium/mod.rs"]
mod chromium;

use std::path::PathBuf;

use codepipeline::Canned;
use world::{MiniStack, Options, World, root};

/// Each contract as a test of its own, with a MiniStack of its own.
macro_rules! against_ministack {
    ($($module:ident: $($name:ident)+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let ministack = MiniStack::start().await;
                contract::$module::$name(&ministack.sdk()).await;
            }
        )+)+
    };
}

against_ministack! {
    stages:
        a_stage_is_created_only_if_it_is_absent
        a_write_after_a_stale_read_is_a_conflict
        concurrent_writers_lose_no_update
        a_document_of_a_newer_program_is_refused
        every_stage_is_listed
        a_missing_bucket_is_told_plainly;
    stacks:
        a_stack_is_made_by_a_change_set_and_gives_its_outputs
        a_change_set_that_was_made_before_is_carried_out
        two_workers_make_one_stack
        the_resource_that_failed_is_named
        an_invalid_template_is_refused
        what_a_template_declares_is_told
        a_large_template_goes_by_address
        a_stack_is_deleted_by_its_id
        a_protected_stack_is_not_deleted
        an_unknown_stack_is_absent
        a_deleted_stack_is_not_made_again
        stacks_with_our_tags_are_found_and_others_are_not
        a_listing_tells_of_the_stacks_that_are_ready_what_each_tells_of_itself
        a_listing_tells_of_the_stacks_at_which_cloudformation_is_at_work;
    artifacts:
        an_artifact_that_is_gone_is_told_apart
        an_artifact_is_stored_encrypted
        an_artifact_that_is_no_archive_is_refused
        an_artifact_that_is_given_up_half_unpacked_leaves_nothing;
    files:
        a_large_artifact_arrives_as_it_is
        an_artifact_without_a_byte_is_refused
        a_large_artifact_is_stored_in_parts;
    journal:
        a_page_is_seen_to_move
        a_page_is_taken_over_by_one;
    test_roles:
        a_role_gives_credentials_of_a_session_with_its_name;
    run_records:
        the_first_record_of_a_run_is_written_by_one
        a_record_is_read_as_it_was_written
        a_bundle_is_fetched_as_it_was_stored;
}

/// Each contract as a test of its own, with an S3 that has mishaps.
macro_rules! against_mishaps {
    ($($name:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                contract::files::$name().await;
            }
        )+
    };
}

against_mishaps! {
    a_part_that_breaks_off_is_asked_for_again
    a_part_that_always_breaks_off_is_given_up
    credentials_that_expire_between_two_parts_are_renewed_once
    an_object_that_is_replaced_meanwhile_is_not_mixed
    a_server_without_ranges_is_understood
    a_part_that_is_another_one_is_never_taken
    an_upload_that_is_gone_at_its_end_is_worth_another_try
    an_upload_that_fails_deletes_its_parts
}

/// Each contract as a test of its own, with canned answers of CodePipeline.
macro_rules! against_canned_answers {
    ($($name:ident)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                contract::jobs::$name(&Canned::start().await).await;
            }
        )+
    };
}

against_canned_answers! {
    a_job_that_lacks_something_is_failed_and_the_others_are_offered
    a_job_is_ours_only_with_its_newest_nonce
    a_verdict_is_taken_once
    an_execution_that_nobody_knows_is_unknown
    a_job_whose_action_is_over_is_not_gone_on_with
    expired_credentials_are_renewed_once
    a_long_upload_begins_with_fresh_credentials
}

/// The program under test.
fn bluestage() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_bluestage"))
}

/// A world with the three sample pipelines and one worker.
async fn sample_world() -> World {
    let templates = root().join("pipeline-templates");
    let options = Options {
        pipelines: vec![templates.join("custom-actions.yaml"), templates.join("samples/pipelines")],
        // A dependency that nobody knows yet is waited for as long as one job is held: on a busy machine 3 s are short.
        worker_flags: ["--hold-seconds", "20"].map(str::to_owned).to_vec(),
        ..Options::default()
    };
    World::with_worker(&bluestage(), options).await
}

/// A world with the custom action types, no pipelines yet, and one worker. Creating a pipeline does not start it: that
/// execution would find a source or not, depending on who is faster.
async fn world_with_actions() -> World {
    let options = Options { local_flags: vec!["--no-start-on-create".to_owned()], ..Options::default() };
    let world = World::with_worker(&bluestage(), options).await;
    let registered = world.bluestage(&["actions", "register"]);
    assert!(registered.status.success(), "{}", String::from_utf8_lossy(&registered.stderr));
    world
}
