//! Carries the plan out: first everything is released once, then the storm.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_codepipeline::types::PipelineExecutionStatus;

use bluestage::release::{Green, Stage};

use super::Findings;
use super::plan::{Deed, Plan, Release};
use super::services;
use crate::world::{Process, World};

/// How long everything together may take after the last deed.
const PATIENCE: Duration = Duration::from_secs(400);

/// What was done, and what is known of it.
#[derive(Default)]
pub(super) struct Done {
    /// The release of each revision.
    pub(super) releases: BTreeMap<String, Release>,
    /// The execution of each release, by its number.
    pub(super) executions: BTreeMap<usize, String>,
    /// The executions that were stopped.
    pub(super) stopped: Vec<String>,
    /// Whether workers die, and test runs with them.
    pub(super) workers_die: bool,
    pub(super) switched_back: usize,
    /// Switch backs of services that kept nothing.
    pub(super) nothing_kept: usize,
    /// Switch backs that a promotion had overtaken when they were written.
    pub(super) overtaken: usize,
    /// The workers that were told to end.
    replaced: Vec<Process>,
}

/// Creates the pipelines and releases every service, each after those that it needs.
pub(super) async fn release_all(world: &World, plan: &Plan, done: &mut Done) {
    for index in 0..plan.services.len() {
        let options = services::pipeline(world, plan, index);
        world.create_pipeline(&plan.services[index].name, &options).await;
    }
    let highest = (0..plan.services.len()).map(|service| plan.level(service)).max();
    for level in 0..=highest.unwrap_or(0) {
        let releases = plan.first.iter().filter(|release| plan.level(release.service) == level);
        let releases: Vec<Release> = releases.copied().collect();
        for release in &releases {
            start(world, plan, (*release, done)).await;
        }
        for release in releases {
            let name = &plan.services[release.service].name;
            let outcome = world.await_execution(name, &done.executions[&release.number]).await;
            outcome.succeeded();
        }
    }
}

/// Releases, and notes what was released.
pub(super) async fn start(world: &World, plan: &Plan, (release, done): (Release, &mut Done)) {
    let (execution, revision) = services::release(world, plan, release).await;
    done.releases.insert(revision, release);
    done.executions.insert(release.number, execution);
}

/// Does what the plan says, when it says it.
pub(super) async fn carry_out(world: &mut World, plan: &Plan, done: &mut Done) -> Vec<String> {
    let began = Instant::now();
    let mut trouble = Vec::new();
    for (at, deed) in &plan.storm {
        tokio::time::sleep(at.saturating_sub(began.elapsed())).await;
        match *deed {
            Deed::Release(release) => start(world, plan, (release, done)).await,
            Deed::Stop { number, abandon } => stop(world, plan, (number, abandon, done)).await,
            Deed::SwitchBack { drawn } => trouble.extend(switch_back(world, drawn, done).await.err()),
            Deed::ReplaceWorker => {
                let oldest = world.workers.remove(0);
                oldest.signal("TERM");
                done.replaced.push(oldest);
                world.start_worker();
            }
        }
    }
    trouble
}

/// One that has ended, or is not in a state to be stopped, is left alone.
async fn stop(world: &World, plan: &Plan, (number, abandon, done): (usize, bool, &mut Done)) {
    let Some(execution) = done.executions.get(&number) else {
        return;
    };
    let release = plan.releases().find(|release| release.number == number).unwrap();
    let stop = world.codepipeline().stop_pipeline_execution();
    let stop = stop.pipeline_name(&plan.services[release.service].name).abandon(abandon);
    if stop.pipeline_execution_id(execution).send().await.is_ok() {
        done.stopped.push(execution.clone());
    }
}

async fn switch_back(world: &World, drawn: usize, done: &mut Done) -> Result<(), String> {
    let stage = world.stage().await;
    let kept = stage.services.iter().filter(|(_, service)| !service.previous.is_empty());
    let names: Vec<&str> = kept.map(|(name, _)| name.as_str()).collect();
    let Some(service) = names.get(drawn % names.len().max(1)) else {
        done.nothing_kept += 1;
        return Ok(());
    };
    let output = world.bluestage(&["switch-back", service, "--stage", "test", "--who", "torture"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() || told.contains("the switch back stands") {
        done.switched_back += 1; // Its events may follow later: a promotion may be handing them over just now.
    } else if told.contains("is not kept") || told.contains("no previous version") {
        done.nothing_kept += 1; // A promotion came first.
    } else if told.contains("has gone live since that was asked for") && went_live_since(world, &stage, service).await {
        done.overtaken += 1;
    } else {
        return Err(format!("{service} could not be switched back: {told}"));
    }
    Ok(())
}

/// Whether another version of the service is live now than then.
async fn went_live_since(world: &World, then: &Stage, service: &str) -> bool {
    let live = |stage: &Stage| stage.services.iter().find(|(name, _)| name.as_str() == service)?.1.live.clone();
    live(&world.stage().await) != live(then)
}

/// Waits until every execution has ended, also those that promotions have started, the sweep has nothing to do, and
/// what is live gets the events.
pub(super) async fn settle(world: &World, plan: &Plan, findings: &mut Findings) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let running = running(world, plan).await;
        let stage = world.stage().await;
        let on_their_way = stage.all_versions().filter(|(_, version)| version.state.is_on_its_way());
        let on_their_way: Vec<_> = on_their_way.map(|(of, version)| format!("{of} {:?}", version.state)).collect();
        let unreachable = stage.unreachable();
        let without_events =
            stage.live_versions().filter(|(_, live)| live.green.is_some_and(|green| green != Green::On));
        let without_events: Vec<String> = without_events.map(|(of, _)| of.to_string()).collect();
        if running.is_empty() && on_their_way.is_empty() && unreachable.is_empty() && without_events.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            findings.add(format!(
                "the storm never ended: executions {running:?}, on their way {on_their_way:?}, unreachable {unreachable:?}, \
                 live without events {without_events:?}"
            ));
            return;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn running(world: &World, plan: &Plan) -> Vec<String> {
    let mut running = Vec::new();
    for (pipeline, execution, status) in executions(world, plan).await {
        if matches!(status, PipelineExecutionStatus::InProgress | PipelineExecutionStatus::Stopping) {
            running.push(format!("{pipeline} {execution} {status}"));
        }
    }
    running
}

/// Every execution of every pipeline: pipeline, id, status.
pub(super) async fn executions(world: &World, plan: &Plan) -> Vec<(String, String, PipelineExecutionStatus)> {
    let mut executions = Vec::new();
    for service in &plan.services {
        let listed = world.codepipeline().list_pipeline_executions().pipeline_name(&service.name);
        let mut pages = listed.into_paginator().items().send();
        while let Some(summary) = pages.next().await {
            let summary = summary.unwrap();
            let id = summary.pipeline_execution_id.unwrap();
            executions.push((service.name.clone(), id, summary.status.unwrap()));
        }
    }
    executions
}

/// Every worker that was told to end has ended well.
pub(super) fn replaced_workers_ended(done: &mut Done, findings: &mut Findings) {
    for worker in &mut done.replaced {
        let code = worker.ended(Duration::from_secs(30)).and_then(|status| status.code());
        let last = worker.last_lines(5);
        findings.expect(code == Some(0), || format!("a worker that was told to end: {code:?}\n{last}"));
    }
}
