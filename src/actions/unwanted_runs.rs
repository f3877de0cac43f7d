//! Ends the test runs on this machine whose result nobody waits for any more.
//!
//! An execution may be stopped while its tests run. CodePipeline then offers no further job of it, so no job would ever
//! end the run; it would go on against a stack that is being deleted, and keep its place until its time limit.

use std::collections::BTreeSet;

use super::stop::Stop;
use super::{messages, update};
use crate::ports::Ports;
use crate::release::{RunId, Stage};

/// Ends them, and tells which they were.
///
/// # Errors
/// A sentence that says what could not be read; then no run was ended.
pub async fn end_unwanted_runs(ports: &Ports) -> Result<Vec<RunId>, String> {
    let told = |stop: Stop| messages::sweep_trouble(&stop);
    // First the runs, then the stages: a run is written into its stage before it starts.
    let mut unwanted = ports.test_runs.here().await;
    if unwanted.is_empty() {
        return Ok(unwanted);
    }
    let wanted = wanted(ports).await.map_err(told)?;
    unwanted.retain(|run| !wanted.contains(run));
    for run in &unwanted {
        ports.test_runs.stop(run).await;
    }
    Ok(unwanted)
}

async fn wanted(ports: &Ports) -> Result<BTreeSet<RunId>, Stop> {
    let mut wanted = BTreeSet::new();
    for name in ports.stages.names().await? {
        wanted.extend(newest_runs(&update::read(ports, &name).await?));
    }
    Ok(wanted)
}

/// The newest run of each version that is on its way to going live.
fn newest_runs(stage: &Stage) -> Vec<RunId> {
    let versions = stage.all_versions().map(|(_, version)| version);
    let runs = versions.filter(|version| version.state.is_on_its_way()).filter_map(|version| version.run.as_ref());
    runs.map(|run| run.id.clone()).collect()
}
