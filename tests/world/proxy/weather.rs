//! Which call meets which fault, and the note of what happened.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use super::call::{Call, Service};
use super::fault::{Fault, Trouble};

/// What CodePipeline was asked, and what it answered.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When it was asked; who was killed after that has asked all the same.
    pub asked: Instant,
    /// When it answered.
    pub at: Instant,
    pub operation: String,
    pub request: Value,
    pub status: u16,
    pub answer: Value,
}

/// The operations whose exchanges are noted.
const NOTED: [&str; 5] =
    ["PollForJobs", "AcknowledgeJob", "GetJobDetails", "PutJobSuccessResult", "PutJobFailureResult"];

/// The longest delay that is drawn, in milliseconds: long enough that others overtake, short enough for many of them.
const LONGEST_DELAY: u64 = 1_500;

#[derive(Default)]
pub(super) struct Weather(Mutex<State>);

#[derive(Default)]
struct State {
    /// What random faults are drawn from, and how many of a hundred calls meet one; none in calm weather.
    storm: Option<(Rng, u8)>,
    /// Whether every connection is reset.
    is_cut: bool,
    /// Faults for particular operations, in the order in which they were ordered.
    ordered: BTreeMap<String, VecDeque<Fault>>,
    /// By how much the service's clock is ahead.
    ahead: Option<Duration>,
    calls: Vec<(Instant, Call)>,
    faults: BTreeMap<&'static str, usize>,
    exchanges: Vec<Exchange>,
}

impl Weather {
    pub(super) fn disturb(&self, seed: u64, percent: u8) {
        self.state().storm = Some((Rng::with_seed(seed), percent));
    }

    pub(super) fn set_ahead(&self, ahead: Duration) {
        self.state().ahead = Some(ahead);
    }

    pub(super) fn ahead(&self) -> Option<Duration> {
        self.state().ahead
    }

    pub(super) fn calm(&self) {
        let mut state = self.state();
        (state.storm, state.is_cut) = (None, false);
    }

    pub(super) fn cut(&self) {
        self.state().is_cut = true;
    }

    pub(super) fn spoil(&self, operation: &str, fault: Fault) {
        self.state().ordered.entry(operation.to_owned()).or_default().push_back(fault);
    }

    pub(super) fn counted(&self, within: Range<Instant>) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, call) in self.state().calls.iter().filter(|(at, _)| within.contains(at)) {
            *counts.entry(call.to_string()).or_default() += 1;
        }
        counts
    }

    pub(super) fn faults(&self) -> BTreeMap<&'static str, usize> {
        self.state().faults.clone()
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.state().exchanges.clone()
    }

    /// Notes the call, and tells what happens to it.
    pub(super) fn meets(&self, call: &Call, is_conditional: bool) -> Option<Fault> {
        let mut state = self.state();
        state.calls.push((Instant::now(), call.clone()));
        let ordered = state.ordered.get_mut(&call.operation).and_then(VecDeque::pop_front);
        let cut = state.is_cut.then_some(Fault::Drop);
        let fault = ordered.or(cut).or_else(|| {
            let (rng, percent) = state.storm.as_mut()?;
            (rng.u8(..100) < *percent).then(|| drawn(rng, call.service, is_conditional))
        })?;
        *state.faults.entry(fault.kind()).or_default() += 1;
        Some(fault)
    }

    /// Notes what CodePipeline was asked and answered; polls that brought nothing are left out, there are thousands.
    pub(super) fn note(&self, exchange: Exchange) {
        let brought_nothing = exchange.answer["jobs"].as_array().is_some_and(Vec::is_empty);
        if NOTED.contains(&exchange.operation.as_str()) && !brought_nothing {
            self.state().exchanges.push(exchange);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drawn(rng: &mut Rng, service: Service, is_conditional: bool) -> Fault {
    let trouble = match rng.u8(..4) {
        0 => Trouble::Broken,
        1 => Trouble::Away,
        2 if service == Service::S3 && is_conditional => Trouble::Conflict,
        _ => Trouble::Throttled,
    };
    match rng.u8(..10) {
        0..3 => Fault::Delay(Duration::from_millis(rng.u64(20..LONGEST_DELAY))),
        3 => Fault::Drop,
        4..7 => Fault::LoseAnswer,
        7..9 => Fault::Refuse(trouble),
        _ => Fault::RefuseAfterwards(trouble),
    }
}
