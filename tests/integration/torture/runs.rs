//! Every test run, by its record and by what it left: who was asked, who answered, and whether that was right.

use std::collections::{BTreeMap, BTreeSet};

use bluestage::ports::{RunEnd, RunRecord, RunStatus};
use bluestage::release::{RunId, RunOutcome, ServiceName, VersionRef};
use serde_json::{Value, json};

use super::Findings;
use super::history::History;
use super::plan::Plan;
use super::storm::Done;
use crate::world::{ActionReport, Bundle, STATE_BUCKET, World};

/// Where the records of the stage's runs are.
const RUNS: &str = "state/runs/test/";

/// What all runs came to.
#[derive(Default, Debug)]
pub(super) struct Runs {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// Their worker or their execution was stopped meanwhile.
    pub(super) stopped: usize,
    /// Something changed a stack under them; they were made again.
    pub(super) invalid: usize,
    /// Their worker died or was taken for dead, and others were made in their place.
    pub(super) lost: usize,
    /// Answers of services that were held against the view of the run.
    pub(super) answers: usize,
}

/// What is known when the runs are looked at.
pub(super) struct Known<'a> {
    pub(super) plan: &'a Plan,
    pub(super) done: &'a Done,
    pub(super) history: &'a History,
}

/// Looks at every run.
pub(super) async fn read(world: &World, known: &Known<'_>, findings: &mut Findings) -> Runs {
    let mut runs = Runs::default();
    for run in names(world).await {
        let record = object(world, &format!("{RUNS}{run}/record.json")).await;
        let record: RunRecord = serde_json::from_slice(&record).unwrap();
        match record.status {
            RunStatus::Running { .. } if known.done.workers_die && !known.counts(&run) => runs.lost += 1,
            RunStatus::Running { .. } => findings.add(format!("{run} was left running")),
            RunStatus::Stopped => runs.stopped += 1,
            RunStatus::Ended(end) => {
                let report = ActionReport {
                    output_artifacts: vec![(STATE_BUCKET.to_owned(), format!("{RUNS}{run}/bundle.zip"))],
                    ..ActionReport::default()
                };
                let bundle = world.bundle(&report).await;
                known.check(&run, (&end, &bundle), (&mut runs, findings));
            }
        }
    }
    runs
}

async fn names(world: &World) -> BTreeSet<RunId> {
    let listed = world.s3().list_objects_v2().bucket(STATE_BUCKET).prefix(RUNS);
    let mut pages = listed.into_paginator().send();
    let mut names = BTreeSet::new();
    while let Some(page) = pages.next().await {
        for object in page.unwrap().contents() {
            let name = object.key().unwrap().strip_prefix(RUNS).unwrap();
            names.insert(name.split('/').next().unwrap().parse().unwrap());
        }
    }
    names
}

async fn object(world: &World, key: &str) -> Vec<u8> {
    let got = world.s3().get_object().bucket(STATE_BUCKET).key(key).send().await;
    got.unwrap().body.collect().await.unwrap().to_vec()
}

impl Known<'_> {
    fn check(&self, run: &RunId, (end, bundle): (&RunEnd, &Bundle), (runs, findings): (&mut Runs, &mut Findings)) {
        let certificate = bundle.certificate();
        let of = version_of(&certificate["service"], &certificate["blue"]["version"]);
        let log = bundle.text("log.txt");
        let broken = self.history.release_of(&of, self.done).is_none_or(|release| release.flaw.is_some());
        let invalid = self.history.outcomes.get(run) == Some(&RunOutcome::Invalid);
        let lost = self.done.workers_die && !self.counts(run);
        match (end.passed(), invalid) {
            _ if lost => runs.lost += 1,
            (_, true) => runs.invalid += 1,
            (true, false) => runs.passed += 1,
            (false, false) => runs.failed += 1,
        }
        findings.expect(!(broken && end.passed()), || format!("{run} of the broken {of} passed:\n{log}"));
        let undisturbed = !invalid && !lost && !self.was_given_up(&of);
        findings.expect(broken || end.passed() || !undisturbed, || {
            format!("{run} of the good {of} failed: {end:#?}\n{log}")
        });
        self.check_view(&of, &certificate, findings);
        self.check_answers((run, &of), (&log, end.passed()), (runs, findings));
    }

    /// Whether the stage took the run's result.
    fn counts(&self, run: &RunId) -> bool {
        !matches!(self.history.outcomes.get(run), None | Some(RunOutcome::Running))
    }

    /// Whether nobody wanted the result any more: the stack may be gone under the tests then.
    fn was_given_up(&self, of: &VersionRef) -> bool {
        let version = &self.history.versions[of];
        let stopped = self.done.stopped.contains(&version.execution.execution_id);
        stopped && version.abandoned_because.is_some()
    }

    fn check_view(&self, of: &VersionRef, certificate: &Value, findings: &mut Findings) {
        let version = &self.history.versions[of];
        let told = certificate["view"].as_object().unwrap().iter();
        let told: BTreeMap<&str, &str> =
            told.map(|(name, other)| (name.as_str(), other["version"].as_str().unwrap())).collect();
        let view = version.view.iter().filter(|(service, _)| **service != of.service);
        let view: BTreeMap<&str, &str> = view.map(|(service, id)| (service.as_str(), id.as_str())).collect();
        findings.expect(told == view, || format!("{of}: the certificate tells {told:?}, the stage {view:?}"));
    }

    /// Whoever answered was called by whom its stack is wired to: blue and those in the view, and so on.
    fn check_answers(
        &self,
        (run, of): (&RunId, &VersionRef),
        (log, passed): (&str, bool),
        (runs, findings): (&mut Runs, &mut Findings),
    ) {
        let told = log.lines().filter_map(|line| line.strip_prefix("answered "));
        let answered: BTreeSet<String> =
            told.map(|line| serde_json::from_str::<Value>(line).unwrap().to_string()).collect();
        let expected = self.expected(of);
        let strangers: Vec<&String> = answered.difference(&expected).collect();
        findings.expect(strangers.is_empty(), || {
            format!("{run} of {of} was answered by {strangers:#?}, not by {expected:#?}")
        });
        findings.expect(!passed || answered == expected, || format!("{run} of {of} never asked all of {expected:#?}"));
        let counts = log.lines().filter_map(|line| line.strip_prefix("answers "));
        runs.answers += counts.map(|count| count.parse::<usize>().unwrap()).sum::<usize>();
    }

    fn expected(&self, of: &VersionRef) -> BTreeSet<String> {
        let planned = self.plan.services.iter().find(|service| service.name == of.service.as_str()).unwrap();
        let beside = planned.beside.iter().map(|other| self.plan.services[*other].name.parse::<ServiceName>().unwrap());
        let view = &self.history.versions[of].view;
        let beside = beside.map(|service| VersionRef { version: view[&service].clone(), service });
        let asked = [of.clone()].into_iter().chain(beside);
        asked.map(|asked| self.answer(&asked).to_string()).collect()
    }

    /// Who answers when this version is asked: itself, and whom it is wired to.
    fn answer(&self, of: &VersionRef) -> Value {
        let wiring = self.history.versions[of].wiring.iter();
        let called =
            wiring.map(|(service, wire)| VersionRef { service: service.clone(), version: wire.version.clone() });
        let calls: Vec<Value> = called.map(|called| self.answer(&called)).collect();
        // In the order of the letters, as the tests print it.
        json!({"calls": calls, "service": of.service, "version": of.version})
    }
}

fn version_of(service: &Value, version: &Value) -> VersionRef {
    VersionRef {
        service: service.as_str().unwrap().parse().unwrap(),
        version: version.as_str().unwrap().parse().unwrap(),
    }
}
