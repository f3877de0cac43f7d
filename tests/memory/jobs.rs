//! A CodePipeline of a few rules: a job is offered until it is acknowledged with its newest nonce, gets one verdict, and
//! a continuation is a new job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bluestage::clock::Clock;
use bluestage::ports::{ActionKind, Credentials, ExecutionStatus, Fault, Job, JobId, Jobs, Offered, Reported, Verdict};
use bluestage::release::Execution;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::line::Line;

/// What CodePipeline does not tell about itself, and may do either way.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    /// How long an offer that nobody acknowledges stands before the job is offered again.
    pub(crate) offered_for: Duration,
    /// From a continuation to its job.
    pub(crate) continued_after: Duration,
    /// Whether a claim made again, because its answer was lost, is told that the job is ours.
    pub(crate) acknowledges_again: bool,
    /// Polls are answered with every job that waits.
    pub(crate) hands_out_more_than_asked: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            offered_for: Duration::from_secs(30),
            continued_after: Duration::ZERO,
            acknowledges_again: false,
            hands_out_more_than_asked: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    /// It is offered from this time on.
    Waiting(Duration),
    /// Offered at this time, with this nonce.
    Offered(Duration, String),
    /// Claimed with this nonce.
    InProgress(String),
    Settled,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<(Job, Status)>,
    nonces: u64,
    verdicts: Vec<(JobId, Verdict)>,
    executions: BTreeMap<String, ExecutionStatus>,
    polled: Vec<(ActionKind, usize)>,
    started: BTreeSet<(String, String)>,
    manners: Manners,
}

/// Jobs in memory.
pub(crate) struct MemoryJobs {
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    queue: Arc<Mutex<Queue>>,
    settled: Arc<Notify>,
}

impl MemoryJobs {
    pub(crate) fn new(line: Arc<Line>, clock: Arc<dyn Clock>) -> Self {
        Self { line, clock, queue: Arc::default(), settled: Arc::default() }
    }

    /// The same over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        Self {
            line,
            clock: Arc::clone(&self.clock),
            queue: Arc::clone(&self.queue),
            settled: Arc::clone(&self.settled),
        }
    }

    /// Changes how CodePipeline behaves.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.queue.lock().unwrap().manners);
    }

    /// Waits until some job is settled after now.
    pub(crate) fn one_is_settled(&self) -> Notified<'_> {
        self.settled.notified()
    }

    /// A job waits for a worker.
    pub(crate) fn offer(&self, job: Job) {
        let mut queue = self.queue.lock().unwrap();
        queue.jobs.push((job, Status::Waiting(Duration::ZERO)));
    }

    /// What the action that began with this job has come to, once it has; continuations are not the end of it.
    pub(crate) fn ended(&self, first: &JobId) -> Option<Verdict> {
        let queue = self.queue.lock().unwrap();
        let (_, last) = queue.verdicts.iter().rfind(|(id, _)| id.0.trim_end_matches('+') == first.0)?;
        (!matches!(last, Verdict::Continue(_))).then(|| last.clone())
    }

    /// The action that began with this job is over, whatever its worker says: it was stopped, or took too long. Tells
    /// whether a worker held it.
    pub(crate) fn drop_action(&self, first: &JobId) -> bool {
        let mut queue = self.queue.lock().unwrap();
        let mut held = false;
        for (job, status) in &mut queue.jobs {
            if job.id.0.trim_end_matches('+') == first.0 {
                held |= matches!(status, Status::InProgress(_));
                *status = Status::Settled;
            }
        }
        held
    }

    /// The action is stopped: its job waits for no verdict any more.
    pub(crate) fn settle(&self, job: &JobId) {
        self.queue.lock().unwrap().set(job, Status::Settled);
    }

    /// Every verdict that was taken, in order.
    pub(crate) fn verdicts(&self) -> Vec<(JobId, Verdict)> {
        self.queue.lock().unwrap().verdicts.clone()
    }

    /// How many jobs are acknowledged and have no verdict.
    pub(crate) fn held(&self) -> usize {
        let queue = self.queue.lock().unwrap();
        let held = queue.jobs.iter().filter(|(_, at)| matches!(at, Status::InProgress(_)));
        held.count()
    }

    /// Every pipeline execution that was started: of which pipeline, by which request. A request counts once.
    pub(crate) fn started(&self) -> BTreeSet<(String, String)> {
        self.queue.lock().unwrap().started.clone()
    }

    /// For which action, and for how many jobs at most, each poll asked.
    pub(crate) fn polled(&self) -> Vec<(ActionKind, usize)> {
        self.queue.lock().unwrap().polled.clone()
    }

    /// Polls are answered with every job that waits.
    pub(crate) fn hands_out_more_than_asked(&self) {
        self.behave(|manners| manners.hands_out_more_than_asked = true);
    }

    /// The pipeline execution stands like this from now on; one that nobody spoke of is running.
    pub(crate) fn execution_is(&self, execution_id: &str, status: ExecutionStatus) {
        let mut queue = self.queue.lock().unwrap();
        queue.executions.insert(execution_id.to_owned(), status);
    }

    fn hand_out(&self, action: ActionKind, free: usize) -> Vec<Offered> {
        let now = self.clock.elapsed();
        let mut queue = self.queue.lock().unwrap();
        queue.polled.push((action, free));
        let most = if queue.manners.hands_out_more_than_asked { usize::MAX } else { free };
        let offered_for = queue.manners.offered_for;
        let mut nonces = queue.nonces;
        let waits = |status: &Status| match status {
            Status::Waiting(from) => now >= *from,
            Status::Offered(at, _) => now >= *at + offered_for,
            Status::InProgress(_) | Status::Settled => false,
        };
        let waiting = queue.jobs.iter_mut().filter(|(job, status)| job.action == action && waits(status));
        let mut offers = Vec::new();
        for (job, status) in waiting.take(most) {
            nonces += 1;
            let nonce = nonces.to_string();
            *status = Status::Offered(now, nonce.clone());
            let job = job.clone();
            offers.push(Offered { job, nonce });
        }
        queue.nonces = nonces;
        offers
    }
}

impl Queue {
    fn status(&self, job: &JobId) -> Option<&Status> {
        let found = self.jobs.iter().find(|(other, _)| other.id == *job);
        found.map(|(_, status)| status)
    }

    fn set(&mut self, job: &JobId, to: Status) {
        for (_, status) in self.jobs.iter_mut().filter(|(other, _)| other.id == *job) {
            *status = to.clone();
        }
    }

    fn take(&mut self, job: &JobId, verdict: &Verdict, now: Duration) -> Reported {
        if !matches!(self.status(job), Some(Status::InProgress(_))) {
            return Reported::NotWanted;
        }
        self.set(job, Status::Settled);
        self.verdicts.push((job.clone(), verdict.clone()));
        if let Verdict::Continue(more) = verdict {
            let before = self.jobs.iter().find(|(other, _)| other.id == *job);
            let mut next = before.expect("it was found before").0.clone();
            next.id = JobId(format!("{job}+"));
            next.token = Some(more.token.as_str().to_owned());
            self.jobs.push((next, Status::Waiting(now + self.manners.continued_after)));
        }
        Reported::Taken
    }
}

#[async_trait]
impl Jobs for MemoryJobs {
    async fn poll(&self, action: ActionKind, free: usize) -> Result<Vec<Offered>, Fault> {
        self.line.call(format!("jobs.poll {action}"), || Ok(self.hand_out(action, free))).await
    }

    async fn acknowledge(&self, offered: &Offered) -> Result<bool, Fault> {
        let Offered { job, nonce } = offered;
        let name = format!("jobs.acknowledge {}", job.id);
        let effect = || {
            let mut queue = self.queue.lock().unwrap();
            let again = queue.manners.acknowledges_again;
            let ours = match queue.status(&job.id) {
                Some(Status::Offered(_, newest)) => newest == nonce,
                Some(Status::InProgress(claimed)) => again && claimed == nonce,
                Some(Status::Waiting(_) | Status::Settled) | None => false,
            };
            if ours {
                queue.set(&job.id, Status::InProgress(nonce.clone()));
            }
            Ok(ours)
        };
        self.line.call(name, effect).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, Fault> {
        let effect = || {
            let queue = self.queue.lock().unwrap();
            let first = id.0.trim_end_matches('+');
            let mut its = queue.jobs.iter().filter(|(job, _)| job.id.0.trim_end_matches('+') == first);
            if its.all(|(_, status)| matches!(status, Status::Settled)) {
                return Ok(None);
            }
            Ok(queue.jobs.iter().find(|(job, _)| job.id == *id).map(|(job, _)| job.clone()))
        };
        self.line.call(format!("jobs.job {id}"), effect).await
    }

    async fn report(&self, job: &JobId, verdict: &Verdict) -> Result<Reported, Fault> {
        let effect = || {
            let reported = self.queue.lock().unwrap().take(job, verdict, self.clock.elapsed());
            self.settled.notify_waiters();
            Ok(reported)
        };
        self.line.call(format!("jobs.report {job}"), effect).await
    }

    async fn credentials(&self, job: &JobId) -> Result<Option<Credentials>, Fault> {
        self.line.call(format!("jobs.credentials {job}"), || Ok(None)).await
    }

    async fn execution(&self, execution: &Execution) -> Result<ExecutionStatus, Fault> {
        let id = &execution.execution_id;
        let effect = || {
            let queue = self.queue.lock().unwrap();
            let known = queue.executions.get(id).copied();
            Ok(known.unwrap_or(ExecutionStatus::Running))
        };
        self.line.call(format!("jobs.execution {id}"), effect).await
    }

    async fn start_pipeline(&self, pipeline_arn: &str, request: &str) -> Result<String, Fault> {
        let told = format!("jobs.start_pipeline {pipeline_arn}");
        let effect = || {
            self.queue.lock().unwrap().started.insert((pipeline_arn.to_owned(), request.to_owned()));
            Ok(format!("started-by-{request}"))
        };
        self.line.call(told, effect).await
    }
}
