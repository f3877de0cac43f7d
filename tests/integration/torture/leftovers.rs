//! What is there when everything is over: the stacks that somebody may still need, and no process.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use bluestage::release::State;

use super::Findings;
use super::history::needed;
use crate::world::{World, gives_rights};

/// Functions notice by themselves, within seconds, that the world has ended.
const PATIENCE: Duration = Duration::from_secs(20);

/// The stacks that exist are those of the versions that are live, previous, or needed by one of these.
pub(super) async fn check_stacks(world: &World, findings: &mut Findings) {
    let stage = world.stage().await;
    let needed = needed(&stage);
    let mut known = BTreeSet::new();
    for (of, version) in stage.all_versions() {
        known.insert(version.stack.name.clone());
        let kept = matches!(version.state, State::Live | State::Previous);
        findings.expect(kept && needed.contains(&of), || format!("nobody needs {of}: {:?}", version.state));
    }
    let mut pages = world.cloudformation().describe_stacks().into_paginator().items().send();
    let mut there = BTreeSet::new();
    while let Some(stack) = pages.next().await {
        let stack = stack.unwrap();
        let name = stack.stack_name.unwrap();
        if gives_rights(&name) {
            continue;
        }
        there.insert(name);
        let status = stack.stack_status.unwrap();
        let settled = matches!(status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE");
        findings.expect(settled, || format!("a stack is {status}"));
    }
    findings.expect(there == known, || format!("stacks: {there:#?}\nbut the stage knows {known:#?}"));
}

/// Nothing that the world has started is left.
pub(super) async fn check_processes(traces: &[String], findings: &mut Findings) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = processes(traces);
        if left.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            return findings.add(format!("processes are left: {left:#?}"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn processes(traces: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        if traces.iter().any(|trace| environment.contains(trace)) {
            let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            found.push(format!("{} {command}", entry.file_name().display()));
        }
    }
    found
}
