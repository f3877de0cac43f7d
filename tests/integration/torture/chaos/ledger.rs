//! What CodePipeline itself has seen of each job, by what the proxies noted: who claimed it, and which verdicts it took.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::Findings;
use super::troupe::{Kill, Troupe};
use crate::world::Exchange;

pub(super) struct Ledger {
    jobs: BTreeMap<String, JobSeen>,
    not_wanted: usize,
    /// From each kill to the verdict of each job that the killed worker held; none where it never came.
    recoveries: Vec<(String, Option<Duration>)>,
}

#[derive(Default)]
struct JobSeen {
    /// When it was claimed.
    claimed: Option<Instant>,
    /// When which worker had it: its claim, and whenever it was read anew.
    held: Vec<(usize, Instant)>,
    /// When a verdict was taken.
    verdicts: Vec<Instant>,
}

impl Ledger {
    pub(super) fn of(troupe: &Troupe) -> Self {
        let mut ledger = Self { jobs: BTreeMap::new(), not_wanted: 0, recoveries: Vec::new() };
        troupe.exchanges().for_each(|(place, told)| ledger.note(place, &told));
        ledger.recoveries = troupe.kills.iter().flat_map(|kill| ledger.recoveries_of(kill)).collect();
        ledger
    }

    fn note(&mut self, place: usize, told: &Exchange) {
        let Some(job) = told.request["jobId"].as_str() else {
            return;
        };
        let seen = self.jobs.entry(job.to_owned()).or_default();
        match (told.operation.as_str(), told.status) {
            ("AcknowledgeJob", 200) if told.answer["status"] == "InProgress" => {
                seen.claimed.get_or_insert(told.at);
                seen.held.push((place, told.at));
            }
            ("GetJobDetails", 200) => seen.held.push((place, told.at)),
            ("PutJobSuccessResult" | "PutJobFailureResult", 200) => seen.verdicts.push(told.at),
            ("PutJobSuccessResult" | "PutJobFailureResult", _) if is_settled(&told.answer) => self.not_wanted += 1,
            _ => {}
        }
    }

    /// The places at which a job is held just now, by workers who began then.
    pub(super) fn held_at(&self, since: impl Fn(usize) -> Instant) -> BTreeSet<usize> {
        let open = self.jobs.values().filter(|seen| seen.verdicts.is_empty());
        let held = open.flat_map(|seen| &seen.held).filter(|(place, at)| *at > since(*place));
        held.map(|(place, _)| *place).collect()
    }

    fn recoveries_of(&self, kill: &Kill) -> Vec<(String, Option<Duration>)> {
        let had = |seen: &JobSeen| {
            let life = kill.since..kill.at;
            seen.held.iter().any(|(place, at)| *place == kill.place && life.contains(at))
        };
        let open = |seen: &JobSeen| seen.verdicts.iter().all(|at| *at > kill.at);
        let held = self.jobs.iter().filter(|(_, seen)| had(seen) && open(seen));
        held.map(|(job, seen)| (job.clone(), seen.verdicts.first().map(|at| *at - kill.at))).collect()
    }

    /// Every job that was claimed got one verdict, and no other one did.
    pub(super) fn check(&self, findings: &mut Findings) {
        for (job, seen) in &self.jobs {
            let verdicts = seen.verdicts.len();
            let places: BTreeSet<usize> = seen.held.iter().map(|(place, _)| *place).collect();
            findings.expect(verdicts == usize::from(seen.claimed.is_some()), || {
                let claimed = if seen.claimed.is_some() { "claimed" } else { "not claimed" };
                format!("job {job} was {claimed} and got {verdicts} verdicts; held at {places:?}")
            });
        }
    }

    pub(super) fn claimed(&self) -> usize {
        self.jobs.values().filter(|seen| seen.claimed.is_some()).count()
    }

    /// Verdicts for jobs that had one.
    pub(super) fn not_wanted(&self) -> usize {
        self.not_wanted
    }

    /// How many jobs killed workers held; median and worst time to their verdict.
    pub(super) fn recovery(&self) -> Option<(usize, Duration, Duration)> {
        let mut times: Vec<Duration> = self.recoveries.iter().filter_map(|(_, time)| *time).collect();
        times.sort();
        Some((times.len(), *times.get(times.len() / 2)?, *times.last()?))
    }
}

fn is_settled(answer: &Value) -> bool {
    answer["__type"].as_str().is_some_and(|code| code.contains("InvalidJobState"))
}
