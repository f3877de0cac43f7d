//! The ports as this machine and its AWS configuration offer them.

use std::sync::Arc;

use crate::aws::{self, Aws, StateLocation};
use crate::clock::SystemClock;
use crate::dice::Dice;
use crate::ports::Ports;
use crate::runner::{self, CommandRunner};

/// How test commands run on this machine.
#[derive(Default)]
pub(super) struct Tests {
    /// How many at once; a verb that runs none says 0.
    pub(super) at_once: usize,
    /// Their `PATH`.
    pub(super) path: String,
}

/// Every port, over the state at this location.
pub(super) async fn of(state: StateLocation, tests: Tests) -> Ports {
    let aws = Aws::new(&aws::configuration().await, state);
    let clock = Arc::new(SystemClock::start());
    let dice = Arc::new(Dice::fresh());
    let runner = runner::Settings {
        at_once: tests.at_once,
        path: tests.path,
        worker: format!("worker-{}", dice.id(8)),
        pace: runner::Pace::default(),
    };
    Ports {
        jobs: aws.jobs,
        journal: aws.journal,
        stages: aws.stages,
        stacks: aws.stacks,
        artifacts: aws.artifacts,
        test_runs: Arc::new(CommandRunner::new(runner, aws.run_records.clone(), clock.clone())),
        run_records: aws.run_records,
        clock,
        dice,
    }
}
