//! What the pipelines tell of their executions and actions, held against the stage's history.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_codepipeline::types::ActionExecutionDetail;
use bluestage::release::VersionRef;

use super::Findings;
use super::plan::Flaw;
use super::runs::Known;
use super::storm;
use crate::world::World;

/// What became of the executions, and why promotions were refused.
#[derive(Default)]
pub(super) struct Actions {
    pub(super) executions: BTreeMap<String, usize>,
    pub(super) promoted: usize,
    pub(super) refusals: BTreeMap<&'static str, usize>,
    /// How often actions failed for a flaw of what was released.
    pub(super) deserved: BTreeMap<&'static str, usize>,
}

/// Words of the messages with which a promotion may be refused, each with what kind of refusal that is.
const REFUSALS: [(&str, &str); 2] = [("is older than", "older than live"), ("is live now", "skew")];

/// Looks at every execution of every pipeline.
pub(super) async fn read(world: &World, known: &Known<'_>, findings: &mut Findings) -> Actions {
    let mut actions = Actions::default();
    for (_, _, status) in storm::executions(world, known.plan).await {
        *actions.executions.entry(status.as_str().to_owned()).or_default() += 1;
    }
    let mut promoted = BTreeSet::new();
    for service in &known.plan.services {
        let listed = world.codepipeline().list_action_executions().pipeline_name(&service.name);
        let mut pages = listed.into_paginator().items().send();
        while let Some(detail) = pages.next().await {
            let action = Action::of(&service.name, &detail.unwrap());
            action.check(known, (&mut actions, findings));
            if action.name == "Promote" && action.status == "Succeeded" {
                let twice = !promoted.insert(action.version());
                findings.expect(!twice, || format!("promoted twice: {action:?}"));
            }
        }
    }
    actions.promoted = promoted.len();
    no_promotion_was_lost(known, &promoted, findings);
    actions
}

/// What was told to have been promoted went live, once; and whoever went live without being told was stopped meanwhile.
fn no_promotion_was_lost(known: &Known<'_>, promoted: &BTreeSet<VersionRef>, findings: &mut Findings) {
    let mut went_live = BTreeSet::new();
    for of in known.history.promoted() {
        findings.expect(went_live.insert(of.clone()), || format!("{of} went live twice"));
    }
    for of in promoted.difference(&went_live) {
        findings.add(format!("the promotion of {of} is in no document"));
    }
    for of in went_live.difference(promoted) {
        let execution = &known.history.versions[of].execution.execution_id;
        findings.expect(known.done.stopped.contains(execution), || {
            format!("{of} went live and its pipeline does not say so")
        });
    }
}

#[derive(Debug)]
struct Action {
    service: String,
    execution: String,
    name: String,
    status: String,
    code: String,
    message: String,
    version: Option<String>,
}

impl Action {
    fn of(service: &str, detail: &ActionExecutionDetail) -> Self {
        let output = detail.output.as_ref();
        let result = output.and_then(|output| output.execution_result.as_ref());
        let error = result.and_then(|result| result.error_details.as_ref());
        let variables = output.and_then(|output| output.output_variables.as_ref());
        Self {
            service: service.to_owned(),
            execution: detail.pipeline_execution_id.clone().unwrap(),
            name: detail.action_name.clone().unwrap(),
            status: detail.status.as_ref().unwrap().as_str().to_owned(),
            code: error.and_then(|error| error.code.clone()).unwrap_or_default(),
            message: error.and_then(|error| error.message.clone()).unwrap_or_default(),
            version: variables.and_then(|variables| variables.get("Version").cloned()),
        }
    }

    fn version(&self) -> VersionRef {
        VersionRef { service: self.service.parse().unwrap(), version: self.version.as_ref().unwrap().parse().unwrap() }
    }

    /// An action of an execution that was stopped may fail for that; else only flawed versions fail, each where its flaw
    /// shows and with the words for it, and only promotions are refused, for what is nobody's fault.
    fn check(&self, known: &Known<'_>, (actions, findings): (&mut Actions, &mut Findings)) {
        let stopped = known.done.stopped.contains(&self.execution);
        let flaw = self.flaw(known);
        if self.status != "Failed" {
            findings.expect(self.status == "Succeeded" || stopped, || format!("nobody stopped this: {self:#?}"));
            let shows = self.status == "Succeeded" && flaw.is_some_and(|flaw| self.name == shown_by(flaw).0);
            return findings.expect(!shows, || format!("this should fail: {self:#?}"));
        }
        let refusal = REFUSALS.iter().find(|(words, _)| self.message.contains(words));
        match (self.name.as_str(), refusal, flaw) {
            ("Promote", Some((_, kind)), _) if self.code == "RevisionOutOfSync" => {
                *actions.refusals.entry(kind).or_default() += 1;
            }
            (name, _, Some(flaw)) if self.is_told_as_failed() && (name, true) == self.told_as(flaw) => {
                *actions.deserved.entry(shown_by(flaw).1).or_default() += 1;
            }
            _ => findings.expect(stopped, || format!("this should not fail, or not so: {self:#?}")),
        }
    }

    /// Where a worker dies between giving a version up and telling so, the next one finds it given up, and tells why.
    fn is_told_as_failed(&self) -> bool {
        self.code == "JobFailed" || (self.code == "RevisionOutOfSync" && self.message.contains("was given up: "))
    }

    /// Where such a flaw shows, and whether the message tells it.
    fn told_as(&self, flaw: Flaw) -> (&'static str, bool) {
        let (action, words) = shown_by(flaw);
        (action, self.message.contains(words))
    }

    fn flaw(&self, known: &Known<'_>) -> Option<Flaw> {
        let mut versions = known.history.versions.iter();
        let made = versions.find(|(_, version)| version.execution.execution_id == self.execution);
        made.and_then(|(of, _)| known.history.release_of(of, known.done))?.flaw
    }
}

/// The action that fails for such a flaw, and what its message says then.
fn shown_by(flaw: Flaw) -> (&'static str, &'static str) {
    match flaw {
        Flaw::NoStack => ("DeployBlue", "Refused (AWS::SQS::Queue) failed"),
        Flaw::WrongAnswers => ("RunIsolatedTests", "the command ended with exit code 1"),
    }
}
