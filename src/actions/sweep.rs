//! The sweep: gives up the blues whose pipeline execution is over, and retires what nobody can reach.
//!
//! One worker at a time is enough, but two are harmless: every step is a transition that may be applied twice, and a
//! stack is deleted only after the document that shows it unreachable says `Retiring`.
//!
//! Every now and then it also looks for stacks that no document knows, see [`super::orphans`].

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::events::{Switchboard, is_handed_to};
use super::removal::{Removed, remove};
use super::retire::retire;
use super::stop::Stop;
use super::{Hold, messages, orphans, seconds, update};
use crate::ports::{Deletion, ExecutionStatus, Ports};
use crate::release::{Execution, StageName, Version, VersionRef};

/// How often a sweeper looks for orphans: that takes calls of which the whole account has few, and they are rare.
const ORPHANS_EVERY: Duration = Duration::from_secs(10 * 60);

/// What a sweep has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Versions that were given up.
    pub abandoned: Vec<VersionRef>,
    /// Versions whose stacks are gone.
    pub retired: Vec<VersionRef>,
    /// Versions whose stacks are still being deleted.
    pub going: Vec<VersionRef>,
    /// Versions whose stacks could not be deleted, each with why.
    pub stuck: Vec<(VersionRef, String)>,
    /// Stacks that no document knew and that are gone.
    pub orphans: Vec<String>,
    /// Stacks that no document knows and that are still there, each with why.
    pub orphans_left: Vec<(String, String)>,
    /// What of stacks that were deleted by force stays, each in a sentence.
    pub left_behind: Vec<String>,
    /// What went wrong otherwise, each in a sentence; the next sweep tries again.
    pub troubles: Vec<String>,
}

/// Sweeps, and remembers since when a pipeline execution is known to have failed. It loses nothing by forgetting:
/// the grace time then begins anew.
pub struct Sweeper {
    /// How long after its pipeline execution failed a blue is kept, for a retry or a look.
    failed_grace: Duration,
    /// Pipeline execution id to the time on this machine's clock at which it was first seen failed.
    failed_since: Mutex<BTreeMap<String, Duration>>,
    /// How far it goes in deleting.
    most: Deletion,
    /// When it looked for orphans last, on this machine's clock.
    orphans_sought: Mutex<Option<Duration>>,
}

impl Sweeper {
    /// A sweeper that keeps the blue of a failed pipeline execution for `failed_grace`.
    #[must_use]
    pub fn new(failed_grace: Duration) -> Self {
        Self { failed_grace, failed_since: Mutex::default(), most: Deletion::Whole, orphans_sought: Mutex::default() }
    }

    /// The same, and it deletes what a worker leaves to a person: stacks whose deletion fails, without what cannot be
    /// deleted, and the stacks of a stage that has no document.
    #[must_use]
    pub fn by_force(self) -> Self {
        Self { most: Deletion::Forced, ..self }
    }

    /// Sweeps every stage once. What goes wrong about one version or one stage keeps no other from being swept: a
    /// single stack that we may not delete would otherwise keep every stack after it for ever.
    ///
    /// # Errors
    /// A sentence that says why the stages could not be listed; nothing was swept.
    pub async fn sweep(&self, ports: &Ports, hold: &Hold) -> Result<Swept, String> {
        let names = ports.stages.names().await;
        let names = names.map_err(|fault| messages::sweep_trouble(&fault.into()))?;
        let mut swept = Swept::default();
        for name in names {
            if let Err(stop) = self.sweep_stage(ports, &name, (hold, &mut swept)).await {
                swept.troubles.push(messages::sweep_trouble(&stop));
            }
        }
        if self.is_to_seek_orphans(ports)
            && let Err(stop) = self.take_orphans_away(ports, hold, &mut swept).await
        {
            swept.troubles.push(messages::sweep_trouble(&stop));
        }
        Ok(swept)
    }

    /// What a sweep would do now, a sentence each.
    ///
    /// # Errors
    /// A sentence that says what could not be looked at and why.
    pub async fn plan(&self, ports: &Ports) -> Result<Vec<String>, String> {
        let told = |stop: Stop| messages::sweep_trouble(&stop);
        let mut plan = Vec::new();
        for name in ports.stages.names().await.map_err(|fault| told(fault.into()))? {
            let stage = update::read(ports, &name).await.map_err(told)?;
            let mut then = stage.clone();
            for (of, version) in stage.all_versions().filter(|(_, version)| version.state.is_on_its_way()) {
                let Some(because) = self.why_ended(ports, version).await.map_err(told)? else {
                    continue;
                };
                plan.push(format!("{name}: give {of} up: {because}"));
                // Only to see what nobody could reach then; nothing is written.
                let _ = then.abandon(&of, because, seconds(ports.clock.now()));
            }
            plan.extend(then.unreachable().iter().map(|of| format!("{name}: retire {of}: nobody can reach it")));
        }
        match self.plan_for_orphans(ports).await {
            Ok(orphans) => plan.extend(orphans),
            Err(stop) => plan.push(messages::orphans_not_sought(&stop)),
        }
        if plan.is_empty() {
            plan.push("Nothing to do.".to_owned());
        }
        Ok(plan)
    }

    async fn sweep_stage(
        &self,
        ports: &Ports,
        name: &StageName,
        (hold, swept): (&Hold, &mut Swept),
    ) -> Result<(), Stop> {
        let stage = update::read(ports, name).await?;
        let on_their_way = stage.all_versions().filter(|(_, version)| version.state.is_on_its_way());
        for (of, version) in on_their_way {
            match self.abandon_if_ended(ports, name, (&of, version), hold).await {
                Ok(true) => swept.abandoned.push(of),
                // It is still wanted; or it went live meanwhile, or another sweep was faster.
                Ok(false) | Err(Stop::Refused(_)) => {}
                Err(stop) => swept.troubles.push(messages::sweep_trouble(&stop)),
            }
        }
        if let Err(stop) = self.settle_events(ports, name, hold).await {
            swept.troubles.push(messages::sweep_trouble(&stop));
        }
        if let Err(stop) = self.take_leftovers_away(ports, name, (hold, swept)).await {
            swept.troubles.push(messages::sweep_trouble(&stop));
        }
        for of in update::read(ports, name).await?.unreachable() {
            match retire((ports, name), &of, self.most, hold).await {
                Ok(Removed::Gone) => swept.retired.push(of),
                Ok(Removed::Forced(why)) => {
                    swept.left_behind.push(messages::left_behind(&of.stack_name(name), &why));
                    swept.retired.push(of);
                }
                Ok(Removed::Going) => swept.going.push(of),
                Ok(Removed::Stuck(why)) => swept.stuck.push((of, why)),
                // Somebody has come to need it, or another sweep was faster.
                Err(Stop::Refused(_)) => {}
                Err(stop) => swept.troubles.push(messages::sweep_trouble(&stop)),
            }
        }
        Ok(())
    }

    /// Where no promotion is handing events over, what is live gets them: after a switch back, or a promotion that died.
    async fn settle_events(&self, ports: &Ports, name: &StageName, hold: &Hold) -> Result<(), Stop> {
        let stage = update::read(ports, name).await?;
        let now = seconds(ports.clock.now());
        let switchboard = Switchboard { ports, stage: name, hold };
        for (live, _) in stage.live_versions() {
            let is_handing_over = stage.barrier(&live.service, now).is_some();
            if is_handing_over || is_handed_to(&stage, &live) {
                continue;
            }
            switchboard.hand_to(&live, &live).await?;
        }
        Ok(())
    }

    /// Gives the version up if nobody will promote it any more. Tells whether it did.
    async fn abandon_if_ended(
        &self,
        ports: &Ports,
        stage: &StageName,
        (of, version): (&VersionRef, &Version),
        hold: &Hold,
    ) -> Result<bool, Stop> {
        let Some(because) = self.why_ended(ports, version).await? else {
            return Ok(false);
        };
        let at = seconds(ports.clock.now());
        update::update_within(hold, (ports, stage), |stage| stage.abandon(of, because, at)).await?;
        Ok(true)
    }

    /// Why nobody will promote the version any more, if so.
    async fn why_ended(&self, ports: &Ports, version: &Version) -> Result<Option<&'static str>, Stop> {
        if seconds(ports.clock.now()) >= version.expires_at {
            return Ok(Some("nobody promoted it in time"));
        }
        let status = ports.jobs.execution(&version.execution).await?;
        if status != ExecutionStatus::Failed {
            self.forget(&version.execution);
        }
        Ok(match status {
            ExecutionStatus::Running => None,
            ExecutionStatus::Succeeded => Some("its pipeline execution ended without promoting it"),
            ExecutionStatus::Over => Some("its pipeline execution was stopped or superseded"),
            ExecutionStatus::Unknown => Some("CodePipeline does not know its pipeline execution any more"),
            ExecutionStatus::Failed if self.grace_is_over(ports, &version.execution) => {
                Some("its pipeline execution failed and was not retried")
            }
            ExecutionStatus::Failed => None,
        })
    }

    fn grace_is_over(&self, ports: &Ports, execution: &Execution) -> bool {
        let now = ports.clock.elapsed();
        let Ok(mut failed_since) = self.failed_since.lock() else {
            return false;
        };
        let since = failed_since.entry(execution.execution_id.clone()).or_insert(now);
        now.saturating_sub(*since) >= self.failed_grace
    }

    fn forget(&self, execution: &Execution) {
        if let Ok(mut failed_since) = self.failed_since.lock() {
            failed_since.remove(&execution.execution_id);
        }
    }

    /// Deletes the stacks that updates left over, and forgets those that are gone.
    async fn take_leftovers_away(
        &self,
        ports: &Ports,
        name: &StageName,
        (hold, swept): (&Hold, &mut Swept),
    ) -> Result<(), Stop> {
        for stack in update::read(ports, name).await?.leftovers() {
            match remove(ports, &stack, self.most, hold).await? {
                Removed::Going => continue,
                Removed::Stuck(why) => {
                    swept.troubles.push(messages::leftover_stuck(&stack.name, &why));
                    continue;
                }
                Removed::Forced(why) => swept.left_behind.push(messages::left_behind(&stack.name, &why)),
                Removed::Gone => {}
            }
            update::update_within(hold, (ports, name), |stage| stage.forget_leftover(&stack.name)).await?;
        }
        Ok(())
    }

    /// Tells whether it is time for that, and that it is done now.
    fn is_to_seek_orphans(&self, ports: &Ports) -> bool {
        let now = ports.clock.elapsed();
        let Ok(mut sought) = self.orphans_sought.lock() else {
            return false;
        };
        let is_time = sought.is_none_or(|last| now.saturating_sub(last) >= ORPHANS_EVERY);
        if is_time {
            *sought = Some(now);
        }
        is_time
    }

    /// Deletes the stacks that no document knows.
    async fn take_orphans_away(&self, ports: &Ports, hold: &Hold, swept: &mut Swept) -> Result<(), Stop> {
        let found = orphans::find(ports, self.most).await?;
        for orphan in found.orphans {
            let name = orphan.stack.name.clone();
            match orphans::take_away(ports, &orphan, self.most, hold).await {
                Ok(Removed::Gone) => swept.orphans.push(name),
                Ok(Removed::Forced(why)) => {
                    swept.left_behind.push(messages::left_behind(&name, &why));
                    swept.orphans.push(name);
                }
                Ok(Removed::Going) => swept.orphans_left.push((name, messages::still_being_deleted())),
                Ok(Removed::Stuck(why)) => swept.orphans_left.push((name, messages::not_deleted(&why))),
                Err(stop) => swept.troubles.push(messages::sweep_trouble(&stop)),
            }
        }
        let left = found.left.into_iter().filter(|(_, why)| why.needs_a_person());
        swept.orphans_left.extend(left.map(|(found, why)| (found.stack.name, messages::left(&why))));
        Ok(())
    }

    async fn plan_for_orphans(&self, ports: &Ports) -> Result<Vec<String>, Stop> {
        let found = orphans::find(ports, self.most).await?;
        let mut plan: Vec<String> =
            found.orphans.iter().map(|orphan| messages::orphan_to_go(&orphan.stack.name)).collect();
        let left = found.left.iter();
        plan.extend(left.map(|(left, why)| format!("leave stack {}: {}", left.stack.name, messages::left(why))));
        plan.extend(found.elsewhere.iter().map(|(place, count)| messages::elsewhere(place, *count)));
        Ok(plan)
    }
}
