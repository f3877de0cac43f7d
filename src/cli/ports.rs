//! The ports as this machine and its AWS configuration offer them.

use std::path::PathBuf;
use std::sync::Arc;

use super::place::Place;
use crate::aws::{self, Aws};
use crate::clock::SystemClock;
use crate::dice::Dice;
use crate::ports::{Drafts, Glances, Ports, Seal};
use crate::runner::{self, CommandRunner, Limits};

/// This program, also when its file has been replaced since it began.
const OURSELVES: &str = "/proc/self/exe";

/// How test commands run on this machine.
#[derive(Default)]
pub(super) struct Tests {
    /// How many at once; a verb that runs none says 0.
    pub(super) at_once: usize,
    /// Their `PATH`.
    pub(super) path: String,
    /// What they may read beyond the system's own files.
    pub(super) read: Vec<PathBuf>,
    /// What they may write beyond their own home.
    pub(super) write: Vec<PathBuf>,
    /// What each run may use.
    pub(super) limits: Limits,
}

/// Every port, over the state at this location.
pub(super) async fn of(place: impl Into<Place>, tests: Tests) -> Ports {
    let aws = reached(place.into()).await;
    let clock = Arc::new(SystemClock::start());
    let dice = Arc::new(Dice::fresh());
    let runner = runner::Settings {
        at_once: tests.at_once,
        program: OURSELVES.into(),
        path: tests.path,
        read: tests.read,
        write: tests.write,
        limits: tests.limits,
        worker: format!("worker-{}", dice.id(8)),
        pace: runner::Pace::default(),
    };
    Ports {
        jobs: aws.jobs,
        journal: aws.journal,
        stages: aws.stages,
        drafts: Arc::new(Drafts::default()),
        stacks: aws.stacks,
        glances: Arc::new(Glances::default()),
        artifacts: aws.artifacts,
        test_runs: Arc::new(CommandRunner::new(runner, aws.run_records.clone(), clock.clone())),
        builds: aws.builds,
        run_records: aws.run_records,
        test_roles: aws.test_roles,
        clock,
        dice,
        seal: Seal::none(),
    }
}

/// AWS, with stacks in the account of their role if they have one.
async fn reached(Place { state, stacks_role }: Place) -> Aws {
    let sdk = aws::configuration().await;
    match stacks_role {
        Some(role) => Aws::across(&sdk, state, &aws::playing(&sdk, &role).await),
        None => Aws::new(&sdk, state),
    }
}
