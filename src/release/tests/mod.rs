//! Every transition, every refusal, and "twice changes nothing".

mod attempt;
mod barrier;
mod begin;
mod disturbance;
mod green;
mod hostile;
mod promote;
mod random;
mod reaching;
mod reserve;
mod retire;
mod switch_back;
mod testing;
mod updating;

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A stage in which a few lines of a test tell what happened.
pub(super) struct World {
    pub(super) stage: Stage,
    clock: Moment,
}

pub(super) fn service(name: &str) -> ServiceName {
    name.parse().unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        Self { stage: Stage::empty("test".parse().unwrap()), clock: 1_000 }
    }

    /// A request of pipeline execution `execution` of the service's own pipeline, wired to the `Url` of `wired_to`.
    pub(super) fn request(&mut self, name: &str, execution: &str, wired_to: &[&str]) -> BlueRequest {
        self.clock += 1;
        let wire = |dependency: &&str| (service(dependency), BTreeSet::from(["Url".to_owned()]));
        BlueRequest {
            service: service(name),
            execution: Execution {
                pipeline_arn: format!("arn:aws:codepipeline:us-east-1:000000000000:{name}"),
                execution_id: execution.to_owned(),
                action_execution_id: format!("{execution}-deploy"),
            },
            wired_to: wired_to.iter().map(wire).collect(),
            depends_on: BTreeSet::new(),
            declares_green: false,
            most_versions: None,
            revision: None,
            template_digest: format!("digest-{execution}"),
            at: self.clock,
            expires_at: self.clock + 100_000,
        }
    }

    pub(super) fn begin(&mut self, request: &BlueRequest) -> Result<VersionRef, Refusal> {
        let version = twice(&mut self.stage, |stage| stage.begin_blue(request))?;
        Ok(VersionRef { service: request.service.clone(), version })
    }

    pub(super) fn make_ready(&mut self, of: &VersionRef) {
        let ready = ready(of);
        twice(&mut self.stage, |stage| stage.blue_ready(of, &ready)).unwrap();
    }

    /// A version of `name` that is blue.
    pub(super) fn blue(&mut self, name: &str, execution: &str, wired_to: &[&str]) -> VersionRef {
        let request = self.request(name, execution, wired_to);
        let of = self.begin(&request).unwrap();
        self.make_ready(&of);
        of
    }

    pub(super) fn pass(&mut self, of: &VersionRef) {
        let run = run_of(of);
        let at = self.clock;
        twice(&mut self.stage, |stage| stage.run_started(of, &run, &BTreeMap::new(), at)).unwrap();
        twice(&mut self.stage, |stage| stage.run_passed(of, &run, at)).unwrap();
    }

    pub(super) fn tested(&mut self, name: &str, execution: &str, wired_to: &[&str]) -> VersionRef {
        let of = self.blue(name, execution, wired_to);
        self.pass(&of);
        of
    }

    pub(super) fn promote(&mut self, of: &VersionRef, on_skew: OnSkew) -> Result<(), Refusal> {
        let terms = self.terms(on_skew);
        let seen = seen(of);
        twice(&mut self.stage, |stage| stage.begin_promotion(of, &seen, terms))?;
        twice(&mut self.stage, |stage| stage.finish_promotion(of, terms))
    }

    pub(super) fn live(&mut self, name: &str, execution: &str, wired_to: &[&str]) -> VersionRef {
        let of = self.tested(name, execution, wired_to);
        self.promote(&of, OnSkew::Block).unwrap();
        of
    }

    pub(super) fn terms(&self, on_skew: OnSkew) -> Promotion {
        Promotion { on_skew, keep: 1, at: self.clock }
    }

    pub(super) fn state(&self, of: &VersionRef) -> State {
        self.stage.version(of).unwrap().state
    }

    pub(super) fn live_version(&self, name: &str) -> Option<VersionId> {
        self.stage.live(&service(name)).map(|version| version.id.clone())
    }
}

pub(super) fn run_of(of: &VersionRef) -> RunId {
    RunId::new(&format!("{}{}", of.service, of.version), 1)
}

pub(super) fn ready(of: &VersionRef) -> BlueReady {
    BlueReady {
        stack_id: format!("stack/{of}"),
        changed_at: Some("then".to_owned()),
        outputs: BTreeMap::from([("Url".to_owned(), format!("http://{}/{}", of.service, of.version))]),
        at: 1_000,
    }
}

/// The stack exactly as [`ready`] said it was.
pub(super) fn seen(of: &VersionRef) -> StackSeen {
    StackSeen { id: format!("stack/{of}"), changed_at: Some("then".to_owned()) }
}

/// Applies the transition, and again to its own result, which must change nothing and answer the same. A refused
/// transition must leave the stage as it was.
pub(super) fn twice<T: PartialEq + std::fmt::Debug>(
    stage: &mut Stage,
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut once = stage.clone();
    let answer = transition(&mut once)?;
    let mut again = once.clone();
    assert_eq!(transition(&mut again).as_ref(), Ok(&answer), "the same answer twice");
    assert_eq!(again, once, "twice changes nothing");
    *stage = once;
    Ok(answer)
}
