//! What became of every job, as the proxies have seen it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::SETTLING;
use super::crew::Crew;
use crate::torture::Findings;
use crate::world::{Exchange, STATE_BUCKET, World};

/// What happened to one job, and through whose proxy.
#[derive(Clone, Copy)]
struct Step {
    at: Instant,
    worker: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// The claim was accepted.
    Acknowledged,
    /// The worker goes on with it; perhaps it has taken it over.
    Read,
    /// The verdict was accepted.
    Answered,
}

pub(super) struct Reckoning {
    jobs: BTreeMap<String, Vec<Step>>,
    /// For each job whose worker was killed: how long until another one got on with it.
    pub(super) recoveries: Vec<Duration>,
}

impl Reckoning {
    pub(super) fn of(crew: &Crew<'_>) -> Self {
        let mut jobs: BTreeMap<String, Vec<Step>> = BTreeMap::new();
        for (worker, member) in crew.all().enumerate() {
            for exchange in member.codepipeline.exchanges() {
                if let (Some(what), Some(job)) = (what(&exchange), exchange.request["jobId"].as_str()) {
                    jobs.entry(job.to_owned()).or_default().push(Step { at: exchange.at, worker, what });
                }
            }
        }
        for steps in jobs.values_mut() {
            steps.sort_by_key(|step| step.at);
        }
        let deaths = crew.all().enumerate().filter_map(|(worker, member)| Some((worker, member.killed?)));
        let recoveries = deaths.flat_map(|death| jobs.values().filter_map(move |steps| recovery(steps, death)));
        let recoveries = recoveries.collect();
        Self { jobs, recoveries }
    }

    /// Every job that was acknowledged got one verdict, and no other job got one.
    pub(super) fn check(&self, findings: &mut Findings) {
        for (job, steps) in &self.jobs {
            let count = |what| steps.iter().filter(|step| step.what == what).count();
            let (acknowledged, answered) = (count(What::Acknowledged), count(What::Answered));
            let expected = usize::from(acknowledged > 0);
            findings.expect(answered == expected, || {
                format!("job {job} was acknowledged {acknowledged} times, and {answered} verdicts were taken")
            });
        }
    }

    pub(super) fn acknowledged(&self) -> usize {
        let mut jobs = BTreeSet::new();
        for (job, steps) in &self.jobs {
            if steps.iter().any(|step| step.what == What::Acknowledged) {
                jobs.insert(job);
            }
        }
        jobs.len()
    }

    pub(super) fn taken(&self) -> usize {
        self.jobs.values().flatten().filter(|step| step.what == What::Answered).count()
    }
}

fn what(exchange: &Exchange) -> Option<What> {
    if exchange.status != 200 {
        return None;
    }
    match exchange.operation.as_str() {
        "AcknowledgeJob" if exchange.answer["status"] == "InProgress" => Some(What::Acknowledged),
        "GetJobDetails" => Some(What::Read),
        "PutJobSuccessResult" | "PutJobFailureResult" => Some(What::Answered),
        _ => None,
    }
}

/// How long a job that this worker held when it died stood still. None where it held the job no more, and where its
/// last words arrived after its death.
fn recovery(steps: &[Step], (worker, died): (usize, Instant)) -> Option<Duration> {
    let last = steps.iter().rfind(|step| step.at < died)?;
    if last.worker != worker || last.what == What::Answered {
        return None;
    }
    let answered = steps.iter().find(|step| step.at >= died && step.what == What::Answered)?;
    (answered.worker != worker).then(|| answered.at - died)
}

/// Waits until the sweep has nothing to do and no worker holds a job.
pub(super) async fn settle(world: &World, findings: &mut Findings) {
    let deadline = Instant::now() + SETTLING;
    loop {
        let (pages, stage) = (pages(world).await, world.stage().await);
        let on_their_way = stage.all_versions().filter(|(_, version)| version.state.is_on_its_way());
        let on_their_way: Vec<String> = on_their_way.map(|(of, _)| of.to_string()).collect();
        let unreachable = stage.unreachable();
        if pages.is_empty() && on_their_way.is_empty() && unreachable.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            return findings.add(format!(
                "it never settled: pages of the journal {pages:?}, on their way {on_their_way:?}, unreachable {unreachable:?}"
            ));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn pages(world: &World) -> Vec<String> {
    let listed = world.s3().list_objects_v2().bucket(STATE_BUCKET).prefix("state/journal/").send().await;
    let listed = listed.expect("the journal is listed");
    listed.contents().iter().filter_map(|object| object.key.clone()).collect()
}
