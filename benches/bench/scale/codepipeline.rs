//! A CodePipeline that offers a job as soon as its action begins, or a second after the job before it was answered with
//! a continuation.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bluestage::clock::Clock;
use bluestage::ports::{ActionKind, Credentials, ExecutionStatus, Fault, Job, JobId, Jobs, Offered, Reported, Verdict};
use bluestage::release::Execution;
use tokio::sync::oneshot;

use super::network::{Call, Network};

/// From a continuation to its job: nothing is documented of custom actions; `bluestage local` takes as long.
const CONTINUED_AFTER: Duration = Duration::from_secs(1);

/// The most jobs that a poll brings: as many as AWS's own sample worker asks for.
const BATCH: usize = 10;

/// One that waits for a worker.
struct Waiting {
    job: Job,
    action: oneshot::Sender<Verdict>,
}

#[derive(Default)]
struct Queue {
    /// By action, when they are there, and a number of their own.
    waiting: BTreeMap<(ActionKind, Duration, u64), Waiting>,
    /// Those that were handed out, with since when they were there.
    taken: HashMap<JobId, (Waiting, Duration)>,
    numbers: u64,
    executions: HashMap<String, ExecutionStatus>,
    /// From when a job is there until it is claimed.
    waited: Vec<Duration>,
}

impl Queue {
    fn put(&mut self, job: Job, action: oneshot::Sender<Verdict>, from: Duration) {
        self.numbers += 1;
        self.waiting.insert((job.action, from, self.numbers), Waiting { job, action });
    }

    fn take(&mut self, action: ActionKind, most: usize, now: Duration) -> Vec<Offered> {
        let there = self.waiting.range((action, Duration::ZERO, 0)..=(action, now, u64::MAX));
        let keys: Vec<_> = there.map(|(key, _)| *key).take(most).collect();
        let take = |key: (ActionKind, Duration, u64)| {
            let waiting = self.waiting.remove(&key)?;
            let job = waiting.job.clone();
            self.taken.insert(job.id.clone(), (waiting, key.1));
            Some(Offered { job, nonce: "1".to_owned() })
        };
        keys.into_iter().filter_map(take).collect()
    }
}

pub(super) struct CodePipeline {
    network: Arc<Network>,
    queue: Mutex<Queue>,
}

impl CodePipeline {
    pub(super) fn new(network: Arc<Network>) -> Self {
        Self { network, queue: Mutex::default() }
    }

    /// Begins an action with this job, and tells how it ends.
    pub(super) async fn act(&self, job: Job) -> Verdict {
        let (action, ended) = oneshot::channel();
        self.queue.lock().unwrap().put(job, action, self.network.clock.elapsed());
        ended.await.expect("each action ends with a verdict")
    }

    /// The pipeline execution stands like this from now on.
    pub(super) fn execution_is(&self, id: &str, status: ExecutionStatus) {
        self.queue.lock().unwrap().executions.insert(id.to_owned(), status);
    }

    /// From when a job is there until it is claimed, of each that was.
    pub(super) fn waited(&self) -> Vec<Duration> {
        self.queue.lock().unwrap().waited.clone()
    }
}

#[async_trait]
impl Jobs for CodePipeline {
    async fn poll(&self, action: ActionKind, free: usize) -> Result<Vec<Offered>, Fault> {
        self.network.asks(Call::CodePipeline, 1).await;
        Ok(self.queue.lock().unwrap().take(action, free.min(BATCH), self.network.clock.elapsed()))
    }

    async fn acknowledge(&self, offered: &Offered) -> Result<bool, Fault> {
        self.network.asks(Call::CodePipeline, 1).await;
        let now = self.network.clock.elapsed();
        let mut queue = self.queue.lock().unwrap();
        let since = queue.taken.get(&offered.job.id).map(|(_, since)| *since);
        queue.waited.extend(since.map(|since| now - since));
        Ok(since.is_some())
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, Fault> {
        self.network.asks(Call::CodePipeline, 1).await;
        Ok(self.queue.lock().unwrap().taken.get(id).map(|(taken, _)| taken.job.clone()))
    }

    async fn report(&self, job: &JobId, verdict: &Verdict) -> Result<Reported, Fault> {
        self.network.asks(Call::CodePipeline, 1).await;
        let mut queue = self.queue.lock().unwrap();
        let Some((Waiting { mut job, action }, _)) = queue.taken.remove(job) else {
            return Ok(Reported::NotWanted);
        };
        let Verdict::Continue(more) = verdict else {
            // Whoever began the action is there until it ends.
            let _ = action.send(verdict.clone());
            return Ok(Reported::Taken);
        };
        let number = queue.numbers;
        job.id = JobId(format!("{}-{number:012}", &job.id.0[..23]));
        job.token = Some(more.token.as_str().to_owned());
        queue.put(job, action, self.network.clock.elapsed() + CONTINUED_AFTER);
        Ok(Reported::Taken)
    }

    async fn credentials(&self, _: &JobId) -> Result<Option<Credentials>, Fault> {
        Ok(None)
    }

    async fn execution(&self, execution: &Execution) -> Result<ExecutionStatus, Fault> {
        self.network.asks(Call::Standing, 1).await;
        let known = self.queue.lock().unwrap().executions.get(&execution.execution_id).copied();
        Ok(known.unwrap_or(ExecutionStatus::Running))
    }

    async fn start_pipeline(&self, _: &str, _: &str) -> Result<String, Fault> {
        unreachable!("nothing is rebound here")
    }
}
