//! The sweep: gives up the blues whose pipeline execution is over, and retires what nobody can reach.
//!
//! One worker at a time is enough, but two are harmless: every step is a transition that may be applied twice, and a
//! stack is deleted only after the document that shows it unreachable says `Retiring`.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use super::events::{Switchboard, is_handed_to};
use super::retire::{Retired, retire};
use super::stop::Stop;
use super::{Hold, seconds, update};
use crate::ports::{ExecutionStatus, Ports};
use crate::release::{Execution, Stage, StageName, VersionRef};

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
}

/// Sweeps, and remembers since when a pipeline execution is known to have failed. It loses nothing by forgetting:
/// the grace time then begins anew.
pub struct Sweeper {
    /// How long after its pipeline execution failed a blue is kept, for a retry or a look.
    failed_grace: Duration,
    /// Pipeline execution id to the time on this machine's clock at which it was first seen failed.
    failed_since: Mutex<HashMap<String, Duration>>,
}

impl Sweeper {
    /// A sweeper that keeps the blue of a failed pipeline execution for `failed_grace`.
    #[must_use]
    pub fn new(failed_grace: Duration) -> Self {
        Self {
            failed_grace,
            failed_since: Mutex::default(),
        }
    }

    /// Sweeps every stage once.
    ///
    /// # Errors
    /// A sentence that says which stage could not be swept and why; stages before it were swept.
    pub async fn sweep(&self, ports: &Ports, hold: &Hold) -> Result<Swept, String> {
        let mut swept = Swept::default();
        let told = |stop: Stop| super::messages::sweep_stopped(&stop);
        for stage in ports
            .stages
            .names()
            .await
            .map_err(|fault| told(fault.into()))?
        {
            self.sweep_stage(ports, &stage, (hold, &mut swept))
                .await
                .map_err(told)?;
        }
        Ok(swept)
    }

    /// What a sweep would do now, a sentence each.
    ///
    /// # Errors
    /// A sentence that says what could not be looked at and why.
    pub async fn plan(&self, ports: &Ports) -> Result<Vec<String>, String> {
        let told = |stop: Stop| super::messages::sweep_stopped(&stop);
        let mut plan = Vec::new();
        for name in ports.stages.names().await.map_err(|fault| told(fault.into()))? {
            let mut stage = update::read(ports, &name).await.map_err(told)?;
            for (of, because) in self.ended(ports, &stage).await.map_err(told)? {
                plan.push(format!("{name}: give {of} up: {because}"));
                // Only to see what nobody could reach then; nothing is written.
                let _ = stage.abandon(&of, because, seconds(ports.clock.now()));
            }
            plan.extend(stage.unreachable().iter().map(|of| format!("{name}: retire {of}: nobody can reach it")));
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
        for (of, because) in self.ended(ports, &stage).await? {
            let at = seconds(ports.clock.now());
            update::update_within(hold, (ports, name), |stage| stage.abandon(&of, because, at)).await?;
            swept.abandoned.push(of);
        }
        self.settle_events(ports, name, hold).await?;
        for of in update::read(ports, name).await?.unreachable() {
            match retire(ports, name, &of, hold).await {
                Ok(Retired::Gone) => swept.retired.push(of),
                Ok(Retired::Going) => swept.going.push(of),
                Ok(Retired::Stuck(why)) => swept.stuck.push((of, why)),
                // Somebody has come to need it, or another sweep was faster.
                Err(Stop::Refused(_)) => {}
                Err(stop) => return Err(stop),
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
            switchboard.hand_to(&live).await?;
        }
        Ok(())
    }

    /// The blues that nobody will promote any more, each with why.
    async fn ended(
        &self,
        ports: &Ports,
        stage: &Stage,
    ) -> Result<Vec<(VersionRef, &'static str)>, Stop> {
        let mut ended = Vec::new();
        let now = seconds(ports.clock.now());
        for (of, version) in stage
            .all_versions()
            .filter(|(_, version)| version.state.is_on_its_way())
        {
            let status = ports.jobs.execution(&version.execution).await?;
            let because = match status {
                _ if now >= version.expires_at => Some("nobody promoted it in time"),
                ExecutionStatus::Running => None,
                ExecutionStatus::Succeeded => {
                    Some("its pipeline execution ended without promoting it")
                }
                ExecutionStatus::Over => Some("its pipeline execution was stopped or superseded"),
                ExecutionStatus::Unknown => {
                    Some("CodePipeline does not know its pipeline execution any more")
                }
                ExecutionStatus::Failed if self.grace_is_over(ports, &version.execution) => {
                    Some("its pipeline execution failed and was not retried")
                }
                ExecutionStatus::Failed => None,
            };
            if status != ExecutionStatus::Failed {
                self.forget(&version.execution);
            }
            ended.extend(because.map(|because| (of, because)));
        }
        Ok(ended)
    }

    fn grace_is_over(&self, ports: &Ports, execution: &Execution) -> bool {
        let now = ports.clock.elapsed();
        let Ok(mut failed_since) = self.failed_since.lock() else {
            return false;
        };
        let since = failed_since
            .entry(execution.execution_id.clone())
            .or_insert(now);
        now.saturating_sub(*since) >= self.failed_grace
    }

    fn forget(&self, execution: &Execution) {
        if let Ok(mut failed_since) = self.failed_since.lock() {
            failed_since.remove(&execution.execution_id);
        }
    }
}
