//! The program under measurement, and its ports in this process.

use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use bluestage::aws::Aws;
use bluestage::clock::SystemClock;
use bluestage::dice::Dice;
use bluestage::ports::{Drafts, Glances, Ports, Seal};
use bluestage::release::{Stage, document};
use bluestage::runner::{self, CommandRunner};

use super::world::{STATE_BUCKET, World, sdk};

/// The program.
pub(crate) fn bluestage() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_bluestage"))
}

/// The ports as a process of its own has them: with its own connections and its own drafts.
pub(crate) fn ports(endpoint: &str) -> Ports {
    let aws = Aws::new(&sdk(endpoint), format!("s3://{STATE_BUCKET}/state").parse().unwrap());
    let clock = Arc::new(SystemClock::start());
    let runner = runner::Settings {
        at_once: 0,
        program: bluestage(),
        path: String::new(),
        read: Vec::new(),
        write: Vec::new(),
        limits: runner::Limits::default(),
        worker: "bench".to_owned(),
        pace: runner::Pace::default(),
    };
    Ports {
        jobs: aws.jobs,
        journal: aws.journal,
        stages: aws.stages,
        drafts: Arc::new(Drafts::default()),
        glances: Arc::new(Glances::default()),
        stacks: aws.stacks,
        artifacts: aws.artifacts,
        test_runs: Arc::new(CommandRunner::new(runner, aws.run_records.clone(), clock.clone())),
        builds: aws.builds,
        run_records: aws.run_records,
        test_roles: aws.test_roles,
        clock,
        dice: Arc::new(Dice::fresh()),
        seal: Seal::none(),
    }
}

/// Where the document of the stage `test` is.
pub(crate) const DOCUMENT: &str = "state/stages/test.json";

/// Stores the document of the stage `test`, and tells how many bytes it has.
pub(crate) async fn put_stage(world: &World, stage: &Stage) -> usize {
    let bytes = document::render(stage);
    let length = bytes.len();
    let put = world.s3().put_object().bucket(STATE_BUCKET).key(DOCUMENT);
    put.body(ByteStream::from(bytes)).send().await.unwrap();
    length
}
