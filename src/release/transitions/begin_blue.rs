//! A new version begins, and becomes ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::release::names::{ServiceName, VersionId, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::stage::{
    Execution, Green, Moment, Outputs, RunOutcome, Service, StackRef, Stage, State, Version, Wire,
};

/// What is asked for when a version begins.
#[derive(Clone, Debug)]
pub struct BlueRequest {
    /// The service.
    pub service: ServiceName,
    /// The execution that begins it.
    pub execution: Execution,
    /// The outputs of other services that its stack is given as parameters.
    pub wired_to: BTreeMap<ServiceName, BTreeSet<String>>,
    /// The services that its tests call beyond those.
    pub depends_on: BTreeSet<ServiceName>,
    /// Whether the template declares the parameter `GreenDeployment`.
    pub declares_green: bool,
    /// The most versions that the stage may hold, each of which has a stack; none for no limit.
    pub most_versions: Option<usize>,
    /// The source revision, if the pipeline tells one.
    pub revision: Option<String>,
    /// SHA-256 of the template, in hex.
    pub template_digest: String,
    /// Now.
    pub at: Moment,
    /// When to give it up if nobody has promoted it by then.
    pub expires_at: Moment,
}

/// A stack that is ready.
#[derive(Clone, Debug)]
pub struct BlueReady {
    /// Its id.
    pub stack_id: String,
    /// When it was last changed, as CloudFormation tells it.
    pub changed_at: Option<String>,
    /// What it gives out.
    pub outputs: Outputs,
    /// Now.
    pub at: Moment,
}

impl Stage {
    /// Writes a new version, its view and so its pins, before anything of it is created.
    ///
    /// Asked again by the same action execution, it answers the version that is there. An older version of the same
    /// pipeline execution that has not gone live is abandoned: the pipeline stage was retried.
    ///
    /// # Errors
    /// When another pipeline owns the service, or a dependency is unknown, not live, lacks the output, or would close
    /// a circle; and when the version of this action execution was given up.
    pub fn begin_blue(&mut self, request: &BlueRequest) -> Result<VersionId, Refusal> {
        self.refuse_other_owners(request)?;
        if let Some(begun) = self.begun_by(request) {
            return begun;
        }
        self.refuse_if_given_up(request)?;
        self.refuse_if_full(request)?;
        let view = self.view_for(request)?;
        self.refuse_if_barred(request, &view)?;
        let wiring = self.wiring_for(request)?;
        self.abandon_older_attempts(request);

        let stage = self.name.clone();
        let service = self.services.entry(request.service.clone()).or_insert_with(|| {
            let next_ordinal = self.forgotten.remove(&request.service).unwrap_or(1);
            Service::new(request.execution.pipeline_arn.clone(), next_ordinal).into()
        });
        let service = Arc::make_mut(service);
        let ordinal = service.next_ordinal;
        let id = VersionId::new(ordinal, &request.execution.action_execution_id);
        let of = of(request, &id);
        let stack_name = of.stack_name(&stage);
        service.next_ordinal += 1;
        service.versions.insert(id.clone(), new_version(request, ordinal, &id, (stack_name, view, wiring)));
        self.reserve_if_it_keeps_losing(&of, request.at);
        self.note(request.at, &of, "began", &request.execution.execution_id);
        Ok(id)
    }

    /// Gives up what the same pipeline execution deployed before, while the version that replaces it waits to begin.
    ///
    /// Nobody will promote it any more. Were it kept until then, a promotion that waits for those that use what is live
    /// would wait for it, while its successor waits for that promotion.
    ///
    /// # Errors
    /// When another pipeline owns the service.
    pub fn give_up_older_attempts(&mut self, request: &BlueRequest) -> Result<(), Refusal> {
        self.refuse_other_owners(request)?;
        self.abandon_older_attempts(request);
        Ok(())
    }

    /// The version's stack is ready: its tests may see it.
    ///
    /// # Errors
    /// When the version is gone or was given up meanwhile.
    pub fn blue_ready(&mut self, of: &VersionRef, ready: &BlueReady) -> Result<(), Refusal> {
        let version = self.version_mut(of)?;
        match version.state {
            State::Creating => {}
            State::Blue | State::Tested | State::Promoting | State::Live | State::Previous => {
                return Ok(());
            }
            State::Abandoned | State::Retiring => return Err(given_up(of, version)),
        }
        version.state = State::Blue;
        version.stack.id = Some(ready.stack_id.clone());
        version.stack.changed_at.clone_from(&ready.changed_at);
        version.outputs.clone_from(&ready.outputs);
        version.view.insert(of.service.clone(), of.version.clone());
        let who = version.execution.execution_id.clone();
        self.note(ready.at, of, "is blue", who);
        Ok(())
    }

    fn refuse_other_owners(&self, request: &BlueRequest) -> Result<(), Refusal> {
        match self.services.get(&request.service) {
            Some(service) if service.owner != request.execution.pipeline_arn => {
                Err(Refusal::OwnedByAnother { service: request.service.clone(), owner: service.owner.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn refuse_if_full(&self, request: &BlueRequest) -> Result<(), Refusal> {
        let there: usize = self.services.values().map(|service| service.versions.len()).sum();
        match request.most_versions {
            Some(most) if there >= most => Err(Refusal::StageFull {
                service: request.service.clone(),
                most,
                held_by: self.services.iter().map(|(name, service)| (name.clone(), service.versions.len())).collect(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// No new view may reach, not even through wiring, a live version that a barrier protects, or whose stack is being
    /// changed although its barrier has fallen.
    fn refuse_if_barred(&self, request: &BlueRequest, view: &BTreeMap<ServiceName, VersionId>) -> Result<(), Refusal> {
        for reached in self.closure_of_view(view) {
            let barrier = self.barrier(&reached.service, request.at);
            let green = self.version(&reached).and_then(|version| version.green);
            if barrier.is_none() && !matches!(green, Some(Green::TurningOn | Green::TurningOff)) {
                continue;
            }
            let is_live = self.live(&reached.service).is_some_and(|live| live.id == reached.version);
            if is_live {
                return Err(Refusal::Barred {
                    service: request.service.clone(),
                    dependency: reached.service.clone(),
                    until: barrier.map_or(request.at, |barrier| barrier.until),
                    by: barrier.map_or(reached, |barrier| barrier.by.clone()),
                });
            }
        }
        Ok(())
    }

    /// The version that this very action execution began before, if it did.
    fn begun_by(&self, request: &BlueRequest) -> Option<Result<VersionId, Refusal>> {
        let service = self.services.get(&request.service)?;
        let version = service
            .versions
            .values()
            .find(|version| version.execution.action_execution_id == request.execution.action_execution_id)?;
        Some(match version.state {
            State::Abandoned | State::Retiring => Err(given_up(&of(request, &version.id), version)),
            State::Creating | State::Blue | State::Tested | State::Promoting | State::Live | State::Previous => {
                Ok(version.id.clone())
            }
        })
    }

    /// The live version of everything that it is wired to or tested with.
    fn view_for(&self, request: &BlueRequest) -> Result<BTreeMap<ServiceName, VersionId>, Refusal> {
        let wired_to: BTreeSet<ServiceName> = request.wired_to.keys().cloned().collect();
        if let Some(path) = self.circle_through(&request.service, &wired_to) {
            return Err(Refusal::Circle { path });
        }
        let others = wired_to.union(&request.depends_on).filter(|other| **other != request.service);
        others
            .map(|dependency| Ok((dependency.clone(), self.live_dependency(request, dependency)?.id.clone())))
            .collect()
    }

    fn live_dependency(&self, request: &BlueRequest, dependency: &ServiceName) -> Result<&Version, Refusal> {
        let Some(known) = self.services.get(dependency) else {
            return Err(Refusal::UnknownDependency {
                service: request.service.clone(),
                dependency: dependency.clone(),
                known: self.services.keys().cloned().collect(),
            });
        };
        // One whose tests failed gets no further by itself.
        let on_their_way = known.versions.values().filter(|version| {
            let failed = version.run.as_ref().is_some_and(|run| run.outcome == RunOutcome::Failed);
            version.state.is_on_its_way() && !failed
        });
        self.live(dependency).ok_or_else(|| Refusal::NotLiveYet {
            service: request.service.clone(),
            dependency: dependency.clone(),
            on_their_way: on_their_way.map(|version| version.id.clone()).collect(),
        })
    }

    fn wiring_for(&self, request: &BlueRequest) -> Result<BTreeMap<ServiceName, Wire>, Refusal> {
        let mut wiring = BTreeMap::new();
        for (dependency, wanted) in &request.wired_to {
            let live = self.live_dependency(request, dependency)?;
            let outputs = wanted.iter().map(|output| output_of(dependency, live, output));
            let wire = Wire { version: live.id.clone(), outputs: outputs.collect::<Result<_, _>>()? };
            wiring.insert(dependency.clone(), wire);
        }
        Ok(wiring)
    }

    fn abandon_older_attempts(&mut self, request: &BlueRequest) {
        let older: Vec<VersionRef> = self
            .versions_of(&request.service)
            .filter(|(_, version)| {
                version.execution.execution_id == request.execution.execution_id
                    && version.state.is_on_its_way()
                    && version.execution.action_execution_id != request.execution.action_execution_id
            })
            .map(|(older, _)| older)
            .collect();
        for older in older {
            // It is on its way, so it can be abandoned.
            let _ = self.abandon(&older, "its pipeline execution deployed the service again", request.at);
        }
    }
}

type Bound = (String, BTreeMap<ServiceName, VersionId>, BTreeMap<ServiceName, Wire>);

fn new_version(request: &BlueRequest, ordinal: u64, id: &VersionId, (stack_name, mut view, wiring): Bound) -> Version {
    view.insert(request.service.clone(), id.clone());
    Version {
        id: id.clone(),
        ordinal,
        state: State::Creating,
        stack: StackRef { name: stack_name, id: None, changed_at: None },
        leftovers: Vec::new(),
        outputs: Outputs::new(),
        wiring,
        view,
        execution: request.execution.clone(),
        revision: request.revision.clone(),
        template_digest: request.template_digest.clone(),
        green: request.declares_green.then_some(Green::Off),
        run: None,
        tested: None,
        abandoned_because: None,
        lost: false,
        promoted_at: None,
        created_at: request.at,
        expires_at: request.expires_at,
    }
}

fn of(request: &BlueRequest, version: &VersionId) -> VersionRef {
    VersionRef { service: request.service.clone(), version: version.clone() }
}

fn output_of(dependency: &ServiceName, live: &Version, output: &str) -> Result<(String, String), Refusal> {
    match live.outputs.get(output) {
        Some(value) => Ok((output.to_owned(), value.clone())),
        None => Err(Refusal::UnknownOutput {
            dependency: VersionRef { service: dependency.clone(), version: live.id.clone() },
            output: output.to_owned(),
            available: live.outputs.keys().cloned().collect(),
        }),
    }
}

/// The refusal for a version that was given up.
pub(super) fn given_up(of: &VersionRef, version: &Version) -> Refusal {
    Refusal::Abandoned {
        of: of.clone(),
        because: version.abandoned_because.clone().unwrap_or_else(|| "nobody could reach it".to_owned()),
    }
}
