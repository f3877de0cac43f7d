//! What CodePipeline itself has seen of each job, by what the proxies noted: who claimed it, and which verdicts it took.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::Findings;
use super::recovery::Recoveries;
use super::troupe::{Kill, Troupe};
use crate::world::Exchange;

pub(super) struct Ledger {
    jobs: BTreeMap<String, JobSeen>,
    not_wanted: usize,
    /// How the jobs went on that killed workers held.
    pub(super) recoveries: Recoveries,
}

#[derive(Default)]
pub(super) struct JobSeen {
    was_claimed: bool,
    /// Who had it: its claim, and whenever it was read anew.
    pub(super) held: Vec<Seen>,
    /// The verdicts that were taken.
    pub(super) verdicts: Vec<Seen>,
}

/// Something that the worker at a place has asked and CodePipeline has done.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) place: usize,
    pub(super) asked: Instant,
    pub(super) done: Instant,
}

impl Seen {
    /// Whether the worker that was killed then has asked it itself. Its request may be under way when it dies.
    pub(super) fn is_by(self, kill: &Kill) -> bool {
        self.place == kill.place && (kill.since..=kill.at).contains(&self.asked)
    }
}

impl Ledger {
    pub(super) fn of(troupe: &Troupe) -> Self {
        let mut ledger = Self { jobs: BTreeMap::new(), not_wanted: 0, recoveries: Recoveries::default() };
        troupe.exchanges().for_each(|(place, told)| ledger.note(place, &told));
        for kill in &troupe.kills {
            ledger.jobs.values().for_each(|seen| ledger.recoveries.note(kill, seen));
        }
        ledger
    }

    fn note(&mut self, place: usize, told: &Exchange) {
        let Some(job) = told.request["jobId"].as_str() else {
            return;
        };
        let job = self.jobs.entry(job.to_owned()).or_default();
        let seen = Seen { place, asked: told.asked, done: told.at };
        match (told.operation.as_str(), told.status) {
            ("AcknowledgeJob", 200) if told.answer["status"] == "InProgress" => {
                job.was_claimed = true;
                job.held.push(seen);
            }
            ("GetJobDetails", 200) => job.held.push(seen),
            ("PutJobSuccessResult" | "PutJobFailureResult", 200) => job.verdicts.push(seen),
            ("PutJobSuccessResult" | "PutJobFailureResult", _) if is_settled(&told.answer) => self.not_wanted += 1,
            _ => {}
        }
    }

    /// The places at which a job is held just now, by workers who began then.
    pub(super) fn held_at(&self, since: impl Fn(usize) -> Instant) -> BTreeSet<usize> {
        let open = self.jobs.values().filter(|job| job.verdicts.is_empty());
        let held = open.flat_map(|job| &job.held).filter(|seen| seen.asked > since(seen.place));
        held.map(|seen| seen.place).collect()
    }

    /// Every job that was claimed got one verdict, and no other one did.
    pub(super) fn check(&self, findings: &mut Findings) {
        for (id, job) in &self.jobs {
            let verdicts = job.verdicts.len();
            let places: BTreeSet<usize> = job.held.iter().map(|seen| seen.place).collect();
            findings.expect(verdicts == usize::from(job.was_claimed), || {
                let claimed = if job.was_claimed { "claimed" } else { "not claimed" };
                format!("job {id} was {claimed} and got {verdicts} verdicts; held at {places:?}")
            });
        }
    }

    pub(super) fn claimed(&self) -> usize {
        self.jobs.values().filter(|job| job.was_claimed).count()
    }

    /// Verdicts for jobs that had one.
    pub(super) fn not_wanted(&self) -> usize {
        self.not_wanted
    }
}

fn is_settled(answer: &Value) -> bool {
    answer["__type"].as_str().is_some_and(|code| code.contains("InvalidJobState"))
}

/// The time from then to when this was done.
pub(super) fn since(kill: &Kill, seen: Option<&Seen>) -> Option<Duration> {
    seen.map(|seen| seen.done.saturating_duration_since(kill.at))
}
