//! How the worker is: what each of its loops is doing and since when, and what has gone well last.
//!
//! A process that lives may be of no use. So what counts is what went well and how long ago: the polls for each action,
//! the sweeps, the looks at the journal. Ages are counted on this worker's own monotonic clock; a time of day is only
//! how they are told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::Settings;
use super::recent::{Recent, Subject, VerdictTold};
use super::sweeping::LONGEST_WAIT;
use crate::ports::{ActionKind, Clock, Job, JobId, Verdict};

/// An action is the first choice in one round of polling out of three, and a round may have to wait until a job that
/// has the last slot is answered.
const ROUNDS: u32 = 3;

/// One sweep may fail, and the next one be slow, without anything being wrong.
const SWEEPS: u32 = 3;

/// What a loop says that has ended because the worker is stopping.
pub(super) const ENDED: &str = "has ended, for the worker is stopping";

/// Something that goes on in the worker for as long as it, or a job of it, lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loop {
    /// Takes jobs.
    Poll,
    /// Gives up what is over and retires what nobody can reach.
    Sweep,
    /// Watches the journal for workers that are gone.
    Adopt,
    /// Keeps this worker's page of the journal: its sign of life.
    Page,
    /// Serves one job.
    Job(JobId),
}

impl Loop {
    const ALWAYS: [Self; 4] = [Self::Poll, Self::Sweep, Self::Adopt, Self::Page];
}

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poll => f.write_str("poll"),
            Self::Sweep => f.write_str("sweep"),
            Self::Adopt => f.write_str("adopt"),
            Self::Page => f.write_str("page"),
            Self::Job(id) => write!(f, "job {id}"),
        }
    }
}

/// Something that goes well again and again while the worker is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// CodePipeline answered a poll for this action.
    Poll(ActionKind),
    /// A sweep went through every stage.
    Sweep,
    /// The journal in the state bucket was listed.
    Journal,
}

impl Sign {
    const ALL: [Self; 5] = [
        Self::Poll(ActionKind::DeployBlue),
        Self::Poll(ActionKind::RunIsolatedTests),
        Self::Poll(ActionKind::Promote),
        Self::Sweep,
        Self::Journal,
    ];
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poll(action) => write!(f, "poll {action}"),
            Self::Sweep => f.write_str("sweep"),
            Self::Journal => f.write_str("journal"),
        }
    }
}

/// How a worker is.
pub struct Health {
    clock: Arc<dyn Clock>,
    /// The oldest that the last successful poll for an action may be.
    poll_limit: Duration,
    /// The oldest that the last successful sweep may be.
    sweep_limit: Duration,
    /// The oldest that the last look at the journal may be.
    journal_limit: Duration,
    /// Jobs that the worker holds at once at most.
    slots: usize,
    state: Mutex<State>,
}

struct State {
    loops: BTreeMap<Loop, Doing>,
    /// When each went well last, and what went wrong since.
    last: BTreeMap<Sign, Last>,
    /// The jobs that are served.
    jobs: BTreeMap<JobId, Held>,
    recent: Recent,
    began: Duration,
    stopping: bool,
}

#[derive(Clone)]
struct Doing {
    what: String,
    since: Duration,
}

struct Held {
    /// Unknown until the job was read: of one that is taken over there is only its id at first.
    of: Option<Subject>,
    began: Duration,
}

#[derive(Default)]
struct Last {
    success: Option<Duration>,
    trouble: Option<String>,
}

/// A loop, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopTold {
    /// Which one.
    pub of: Loop,
    /// What it is doing.
    pub doing: String,
    /// Since when.
    pub since: SystemTime,
    /// How long ago that is.
    pub age: Duration,
}

/// A job that is served, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTold {
    /// Its id.
    pub id: JobId,
    /// What it is about, as soon as that is known.
    pub of: Option<Subject>,
    /// For how long it is held.
    pub held: Duration,
    /// What is being done about it.
    pub doing: String,
    /// For how long that.
    pub doing_for: Duration,
}

/// A sign of use, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignTold {
    /// Which one.
    pub of: Sign,
    /// Whether it ever came.
    pub ever: bool,
    /// When it came last; before it ever came, when the worker began.
    pub since: SystemTime,
    /// How long ago that is.
    pub age: Duration,
    /// How long ago it may be.
    pub limit: Duration,
    /// What went wrong since, the last time.
    pub trouble: Option<String>,
}

impl SignTold {
    /// Whether it is too long ago.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.age > self.limit
    }
}

impl Health {
    pub(super) fn new(clock: Arc<dyn Clock>, settings: &Settings) -> Self {
        let began = clock.elapsed();
        let idle = |of: Loop| (of, Doing { what: "has not begun".to_owned(), since: began });
        let state = State {
            loops: Loop::ALWAYS.map(idle).into(),
            last: Sign::ALL.map(|sign| (sign, Last::default())).into(),
            jobs: BTreeMap::new(),
            recent: Recent::default(),
            began,
            stopping: false,
        };
        Self {
            clock,
            poll_limit: (settings.pacing.idle + settings.longest_hold) * ROUNDS,
            sweep_limit: (settings.sweep_every + LONGEST_WAIT) * SWEEPS,
            journal_limit: settings.lease,
            slots: settings.slots,
            state: Mutex::new(state),
        }
    }

    /// The loop does something else from now on. One that has ended says nothing.
    pub(super) fn says(&self, of: &Loop, doing: impl Into<String>) {
        let now = self.clock.elapsed();
        if let Some(known) = self.lock().loops.get_mut(of) {
            *known = Doing { what: doing.into(), since: now };
        }
    }

    /// A job is served until what this returns is dropped.
    pub(super) fn serves(self: &Arc<Self>, job: &JobId) -> Served {
        let of = Loop::Job(job.clone());
        let doing = Doing { what: "begins".to_owned(), since: self.clock.elapsed() };
        let mut state = self.lock();
        state.jobs.insert(job.clone(), Held { of: None, began: doing.since });
        state.loops.insert(of, doing);
        Served { health: Arc::clone(self), job: job.clone() }
    }

    /// A job that is served is known from now on.
    pub(super) fn knows(&self, job: &Job) {
        if let Some(held) = self.lock().jobs.get_mut(&job.id) {
            held.of = Some(Subject::of(job));
        }
    }

    /// A verdict was reached.
    pub(super) fn decided(&self, job: &Job, verdict: &Verdict) {
        let told = VerdictTold::new(job, verdict, self.clock.now());
        self.lock().recent.add(told);
    }

    pub(super) fn went_well(&self, sign: Sign) {
        let now = self.clock.elapsed();
        self.lock().last.insert(sign, Last { success: Some(now), trouble: None });
    }

    pub(super) fn went_wrong(&self, sign: Sign, why: &dyn fmt::Display) {
        self.lock().last.entry(sign).or_default().trouble = Some(why.to_string());
    }

    /// The worker takes nothing new from now on.
    pub(super) fn stops(&self) {
        self.lock().stopping = true;
    }

    /// Every loop, and what it is doing.
    #[must_use]
    pub fn loops(&self) -> Vec<LoopTold> {
        let (elapsed, now) = (self.clock.elapsed(), self.clock.now());
        let state = self.lock();
        let told = |(of, doing): (&Loop, &Doing)| {
            let age = elapsed.saturating_sub(doing.since);
            LoopTold { of: of.clone(), doing: doing.what.clone(), since: ago(now, age), age }
        };
        state.loops.iter().map(told).collect()
    }

    /// Every job that is served, the one that is held for longest first.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobTold> {
        let elapsed = self.clock.elapsed();
        let state = self.lock();
        let told = |(id, held): (&JobId, &Held)| {
            let doing = state.loops.get(&Loop::Job(id.clone()))?.clone();
            let doing_for = elapsed.saturating_sub(doing.since);
            let held_for = elapsed.saturating_sub(held.began);
            Some(JobTold { id: id.clone(), of: held.of.clone(), held: held_for, doing: doing.what, doing_for })
        };
        let mut jobs: Vec<JobTold> = state.jobs.iter().filter_map(told).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.held));
        jobs
    }

    /// How many jobs may be served at once.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The last verdicts, newest first.
    #[must_use]
    pub fn verdicts(&self) -> Vec<VerdictTold> {
        self.lock().recent.all()
    }

    /// For how long the worker has run.
    #[must_use]
    pub fn age(&self) -> Duration {
        let began = self.lock().began;
        self.clock.elapsed().saturating_sub(began)
    }

    /// Every sign that the worker is of use.
    #[must_use]
    pub fn signs(&self) -> Vec<SignTold> {
        let (elapsed, now) = (self.clock.elapsed(), self.clock.now());
        let state = self.lock();
        let told = |(of, last): (&Sign, &Last)| {
            let age = elapsed.saturating_sub(last.success.unwrap_or(state.began));
            SignTold {
                of: *of,
                ever: last.success.is_some(),
                since: ago(now, age),
                age,
                limit: self.limit_of(*of),
                trouble: last.trouble.clone(),
            }
        };
        state.last.iter().map(told).collect()
    }

    /// The polls and sweeps of which the last success is too long ago. A worker that is stopping makes none.
    #[must_use]
    pub fn overdue(&self) -> Vec<SignTold> {
        if self.lock().stopping {
            return Vec::new();
        }
        let counts = |sign: &SignTold| sign.of != Sign::Journal && sign.is_overdue();
        self.signs().into_iter().filter(counts).collect()
    }

    /// Why the worker is not ready for jobs, a sentence each; nothing where it is.
    #[must_use]
    pub fn hindrances(&self) -> Vec<String> {
        let stopping = self.lock().stopping;
        let mut hindrances: Vec<String> = self.signs().iter().filter_map(hindrance).collect();
        hindrances.extend(stopping.then(|| "the worker is stopping".to_owned()));
        hindrances
    }

    fn limit_of(&self, sign: Sign) -> Duration {
        match sign {
            Sign::Poll(_) => self.poll_limit,
            Sign::Sweep => self.sweep_limit,
            Sign::Journal => self.journal_limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while it is held that leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hindrance(sign: &SignTold) -> Option<String> {
    let why = sign.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    match sign.of {
        Sign::Poll(action) if !sign.ever => Some(format!("no poll for {action} has succeeded yet{why}")),
        Sign::Journal if !sign.ever => Some(format!("the state bucket was not read yet{why}")),
        Sign::Journal if sign.is_overdue() => Some(format!("the state bucket cannot be read{why}")),
        Sign::Poll(_) | Sign::Sweep | Sign::Journal => None,
    }
}

fn ago(now: SystemTime, age: Duration) -> SystemTime {
    now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A job that is being served.
pub(super) struct Served {
    health: Arc<Health>,
    job: JobId,
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut state = self.health.lock();
        state.loops.remove(&Loop::Job(self.job.clone()));
        state.jobs.remove(&self.job);
    }
}
