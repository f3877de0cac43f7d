//! The small worlds that are walked through: which services, wired how, released how often, and what may go wrong.

use std::collections::{BTreeMap, BTreeSet};

use bluestage::release::{BlueRequest, Execution, Moment, OnSkew, ServiceName, Stage, VersionRef};

use super::task::Job;
use super::world::{At, Document, LATE, Left, World};

/// One pipeline execution.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    pub(super) service: &'static str,
    pub(super) wired_to: &'static [&'static str],
    pub(super) depends_on: &'static [&'static str],
    pub(super) has_events: bool,
    pub(super) reports_skew: bool,
    pub(super) may_fail: bool,
    /// The execution, by its place, that this one is the second attempt of: it begins when that one has failed.
    pub(super) retries: Option<usize>,
    /// It was over before the model begins.
    pub(super) is_done: bool,
}

/// A world to walk through.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) executions: Vec<Plan>,
    pub(super) keep: usize,
    pub(super) left: Left,
    /// Workers that sweep, beside the two that have jobs.
    pub(super) sweepers: usize,
    /// Whether a stack is changed by a change set that was made before the intent was written.
    pub(super) fences: bool,
    /// Whether the sweep looks for stacks that are in no document.
    pub(super) finds_orphans: bool,
}

pub(super) const NOTHING_GOES_WRONG: Left =
    Left { faults: 0, redeliveries: 0, expiries: 0, tamperings: 0, pauses: 0, switches: 0 };

impl Plan {
    pub(super) fn service(&self) -> ServiceName {
        self.service.parse().expect("a service name")
    }
}

impl Scenario {
    /// The pipeline execution of this place; a retry has that of the execution it retries.
    pub(super) fn execution_id(&self, execution: usize) -> String {
        let first = self.executions[execution].retries.unwrap_or(execution);
        format!("execution-{first}")
    }

    pub(super) fn on_skew(&self, of: &VersionRef) -> OnSkew {
        let reports = self.executions.iter().any(|plan| plan.service == of.service.as_str() && plan.reports_skew);
        if reports { OnSkew::Report } else { OnSkew::Block }
    }

    pub(super) fn request(&self, job: Job, at: Moment) -> BlueRequest {
        let Job::Action(execution, _) = job else { unreachable!("only an action begins a version") };
        let plan = &self.executions[execution];
        let names = |names: &[&str]| -> BTreeSet<ServiceName> {
            names.iter().map(|name| name.parse().expect("a service name")).collect()
        };
        let url = BTreeSet::from(["Url".to_owned()]);
        BlueRequest {
            service: plan.service(),
            execution: Execution {
                pipeline_arn: format!("arn:{}", plan.service),
                execution_id: self.execution_id(execution),
                action_execution_id: format!("a{execution}"),
            },
            wired_to: names(plan.wired_to).into_iter().map(|name| (name, url.clone())).collect::<BTreeMap<_, _>>(),
            depends_on: names(plan.depends_on),
            declares_green: plan.has_events,
            most_versions: None,
            revision: None,
            template_digest: format!("digest-{execution}"),
            at,
            expires_at: LATE,
        }
    }

    /// The world before anything happens: every execution that is done has been played from its beginning to its end.
    pub(super) fn begin(&self) -> World {
        let mut world = World {
            document: Document::of(Stage::empty("test".parse().expect("a stage name"))),
            stacks: BTreeMap::new(),
            executions: vec![At::DeployBlue; self.executions.len()],
            workers: vec![None; 2 + self.sweepers],
            now: 0,
            left: NOTHING_GOES_WRONG,
            promoted: BTreeSet::new(),
            broken: None,
        };
        for (execution, _) in self.executions.iter().enumerate().filter(|(_, plan)| plan.is_done) {
            while !world.executions[execution].is_over() {
                super::walk::take_up(self, &mut world, (0, execution));
                while world.workers[0].is_some() {
                    super::story::play(self, &mut world, (0, super::story::How::Well)).expect("a step that goes well");
                }
            }
        }
        world.left = self.left;
        world
    }
}
