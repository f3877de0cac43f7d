//! The way to AWS: every call takes time, and is counted. Nothing breaks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bluestage::clock::Clock;
use fastrand::Rng;

use crate::memory::clock::PausedClock;
use crate::memory::line::Weather;
use crate::memory::{Break, Landed};

/// Milliseconds of a request to S3, until its first byte.
const S3: Range<u64> = 20..41;

/// Milliseconds of a call of CodePipeline or CloudFormation.
const CONTROL: Range<u64> = 50..101;

/// Milliseconds of what a worker does on its own machine.
const LOCAL: Range<u64> = 1..6;

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    CodePipeline,
    /// The sweep's question how a pipeline execution stands, also of CodePipeline.
    Standing,
    /// A `DescribeStacks`, of which CloudFormation answers few: at a stack that is there, or at a page of them.
    Look,
    /// The same at a stack that is being made.
    LookAtMaking,
    /// The same at a stack that is being deleted, or gone.
    LookAtGoing,
    /// A page of a listing, of which nobody has said how many CloudFormation answers: taken for as dear as a look.
    Listing,
    /// Any other call of CloudFormation.
    CloudFormation,
    DocumentRead,
    DocumentWrite,
    /// A write of the document that came too late: S3 takes it as it takes any other.
    LostRace,
    /// Journal, records of runs, artifacts.
    OtherS3,
    Local,
}

impl Call {
    /// The port's own name of the call says what it is.
    fn named(name: &str) -> Self {
        match name.split(['.', ' ']).collect::<Vec<_>>().as_slice() {
            ["test_runs", ..] => Self::Local,
            _ => Self::OtherS3,
        }
    }

    fn takes(self) -> Range<u64> {
        match self {
            Self::CodePipeline | Self::Standing | Self::CloudFormation => CONTROL,
            Self::Look | Self::LookAtMaking | Self::LookAtGoing | Self::Listing => CONTROL,
            Self::DocumentRead | Self::DocumentWrite | Self::LostRace | Self::OtherS3 => S3,
            Self::Local => LOCAL,
        }
    }
}

pub(super) struct Network {
    pub(super) clock: Arc<PausedClock>,
    dice: Mutex<Rng>,
    /// By what they are about, in which stage where that is told apart, and by minute.
    calls: Mutex<BTreeMap<(Call, usize, u64), u64>>,
}

impl Network {
    pub(super) fn new(clock: Arc<PausedClock>) -> Self {
        Self { clock, dice: Mutex::new(Rng::with_seed(30)), calls: Mutex::default() }
    }

    /// Counts so many calls.
    pub(super) fn count(&self, call: Call, many: usize) {
        self.count_in(0, call, many);
    }

    /// Counts so many calls about the document of the stage of this number.
    pub(super) fn count_in(&self, stage: usize, call: Call, many: usize) {
        let minute = self.clock.elapsed().as_secs() / 60;
        *self.calls.lock().unwrap().entry((call, stage, minute)).or_default() += many as u64;
    }

    /// How long such a call takes this time.
    pub(super) fn draw(&self, call: Call) -> Duration {
        Duration::from_millis(self.dice.lock().unwrap().u64(call.takes()))
    }

    pub(super) async fn passes(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    /// So many calls of CloudFormation or CodePipeline, one after the other, as the answer is read page by page.
    pub(super) async fn asks(&self, call: Call, many: usize) {
        self.count(call, many);
        for _ in 0..many {
            let time = self.draw(call);
            self.passes(time).await;
        }
    }

    /// How many of these there were in a second, in the minute and the stage that had most.
    pub(super) fn busiest(&self, of: &[Call]) -> f64 {
        let mut minutes: BTreeMap<(usize, u64), u64> = BTreeMap::new();
        for ((call, stage, minute), many) in self.calls.lock().unwrap().iter() {
            if of.contains(call) {
                *minutes.entry((*stage, *minute)).or_default() += many;
            }
        }
        minutes.into_values().max().unwrap_or_default() as f64 / 60.0
    }
}

#[async_trait]
impl Weather for Network {
    async fn before(&self, call: &str) -> Option<Break> {
        self.asks(Call::named(call), 1).await;
        None
    }

    fn made(&self, _: &str, _: Option<Break>) {}

    async fn after(&self) {}

    fn conflict(&self) -> Option<Landed> {
        None
    }
}
