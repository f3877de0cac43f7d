//! The promises, held against the world after every call: naively, and with nothing of the rules under test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bluestage::ports::PageId;
use bluestage::release::{Green, ServiceName, Stage, State, Version, VersionId, VersionRef};

use super::hosts::LEASE;
use super::reach::{reached, reached_from, to};
use super::time::{Millis, millis};
use super::weather::Sky;
use crate::memory::Memory;
use crate::memory::journal::MemoryJournal;
use crate::memory::runs::Script;
use crate::memory::stacks::MemoryStacks;
use crate::memory::stage_name;
use crate::memory::stages::MemoryStages;

/// What goes live is held against what a version was when its stack became ready.
#[derive(Clone, PartialEq, Eq)]
struct Made {
    stack_id: Option<String>,
    wiring: Vec<String>,
    digest: String,
}

impl Made {
    fn of(version: &Version) -> Self {
        let wiring =
            version.wiring.iter().map(|(service, wire)| format!("{service} {} {:?}", wire.version, wire.outputs));
        Self { stack_id: version.stack.id.clone(), wiring: wiring.collect(), digest: version.template_digest.clone() }
    }
}

struct Known {
    documents: usize,
    events: usize,
    pages: usize,
    /// When each page of the journal moved last.
    moved: BTreeMap<PageId, Millis>,
    stage: Arc<Stage>,
    writers: BTreeSet<String>,
    was_live: BTreeSet<VersionRef>,
    /// What was marked to be deleted, by the stack's name.
    marked: BTreeSet<String>,
    made: BTreeMap<VersionRef, Made>,
}

/// Watches the stage document and the stacks.
pub(crate) struct Promises {
    stages: Arc<MemoryStages>,
    stacks: Arc<MemoryStacks>,
    script: Arc<Script>,
    journal: Arc<MemoryJournal>,
    known: Mutex<Known>,
}

type Broken = Result<(), String>;

impl Promises {
    pub(crate) fn new(memory: &Memory) -> Self {
        let known = Known {
            documents: 0,
            events: 0,
            pages: 0,
            moved: BTreeMap::new(),
            stage: Arc::new(Stage::empty(stage_name())),
            writers: BTreeSet::new(),
            was_live: BTreeSet::new(),
            marked: BTreeSet::new(),
            made: BTreeMap::new(),
        };
        Self {
            stages: Arc::clone(&memory.stages),
            stacks: Arc::clone(&memory.stacks),
            script: Arc::clone(&memory.script),
            journal: Arc::clone(&memory.journal),
            known: Mutex::new(known),
        }
    }

    /// Holds everything that is new against the promises.
    pub(crate) fn look(&self, sky: &Sky) {
        let mut known = self.known.lock().unwrap();
        for after in self.stages.stored_since(known.documents) {
            known.documents += 1;
            if let Err(promise) = self.check_write(&mut known, &after) {
                sky.trace.breaks(promise);
            }
            known.stage = after;
        }
        for event in self.stacks.events_since(known.events) {
            known.events += 1;
            sky.trace.step(sky.time.now(), "stacks", &event);
            if let Err(promise) = self.check_stack(&known, &event) {
                sky.trace.breaks(promise);
            }
        }
        for turned in self.journal.news_since(known.pages) {
            known.pages += 1;
            let now = sky.time.now();
            let moved = known.moved.insert(turned.id.clone(), now);
            if let (Some(moved), Some(from)) = (moved, turned.from.filter(|from| *from != turned.by)) {
                sky.trace.count("adoptions");
                sky.trace.step(now, "journal", &format!("{} takes {} over from {from}", turned.by, turned.id));
                if now - moved < millis(LEASE) {
                    let since = now - moved;
                    sky.trace.breaks(format!("lease: page {} is taken over {since} ms after it moved", turned.id));
                }
            }
        }
    }

    fn check_write(&self, known: &mut Known, after: &Stage) -> Broken {
        let before = Arc::clone(&known.stage);
        let is_next = after.seq == before.seq + 1 && known.writers.insert(after.written_by.clone());
        ensure(is_next, || format!("P4: write {} by {} follows {}", after.seq, after.written_by, before.seq))?;
        for (of, version) in after.all_versions() {
            let was = before.version(&of);
            check_life(&of, was, version)?;
            if was.is_none_or(|was| was.stack.id.is_none()) {
                known.made.insert(of.clone(), Made::of(version));
            }
            if version.state == State::Retiring {
                known.marked.insert(version.stack.name.clone());
            }
            if let Some(tested) = version.tested.as_ref().filter(|_| was.is_none_or(|was| was.tested.is_none())) {
                let newest = version.run.as_ref().is_some_and(|run| run.id == tested.run);
                let passed = self.script.command_of(&tested.run).is_some_and(|command| command.starts_with("pass"));
                ensure(newest && passed, || format!("P5: {of} counts as tested by {}", tested.run))?;
            }
        }
        for (of, _) in before.all_versions().filter(|(of, _)| after.version(of).is_none()) {
            let was = before.version(&of).map(|version| version.state);
            ensure(was == Some(State::Retiring), || format!("P9: {of} was {was:?} and is forgotten"))?;
        }
        self.check_promotions(known, &before, after)?;
        for (of, version) in after.all_versions() {
            let wired = version.wiring.iter().map(|(service, wire)| to(service, &wire.version));
            let viewed = version.view.iter().map(|(service, id)| to(service, id));
            for other in wired.chain(viewed).filter(|other| *other != of) {
                ensure(known.was_live.contains(&other), || format!("P2: {of} sees {other}, which was never live"))?;
            }
        }
        check_reached(after)?;
        check_events(after)
    }

    /// P4 to P7, for each promotion that is in the write, in the order in which the history tells them.
    fn check_promotions(&self, known: &mut Known, before: &Stage, after: &Stage) -> Broken {
        let mut live = live_of(before);
        for of in told_live(before, after) {
            let version = after.version(&of).ok_or_else(|| format!("P4: {of} is live and not there"))?;
            let was = live.insert(of.service.clone(), of.version.clone());
            let old = was.map(|id| to(&of.service, &id));
            let older = old.as_ref().and_then(|old| before.version(old).or_else(|| after.version(old)));
            let is_newer = older.is_none_or(|older| older.ordinal < version.ordinal);
            ensure(is_newer, || format!("P6: {of} replaces a newer version"))?;
            self.check_shipped(known, &of, version)?;
            for (service, id) in version.view.iter().filter(|(service, _)| **service != of.service) {
                let now = live.get(service);
                ensure(now == Some(id), || format!("P7: {of} went live, tested with {service} {id}, live is {now:?}"))?;
            }
            let kept = after.services.get(&of.service).map(|service| (service.live.as_ref(), service.previous.first()));
            let is_kept = kept
                .is_some_and(|(live, kept)| live != Some(&of.version) || kept == old.as_ref().map(|old| &old.version));
            ensure(is_kept, || format!("P4: {of} went live, and what was is not kept"))?;
            known.was_live.insert(of);
        }
        ensure(live == live_of(after), || format!("P4: write {} makes live what its history does not tell", after.seq))
    }

    /// P5: the stack that passed, and nothing else.
    fn check_shipped(&self, known: &Known, of: &VersionRef, version: &Version) -> Broken {
        let tested = version.tested.as_ref().ok_or_else(|| format!("P5: {of} is live and was never tested"))?;
        let there = self.stacks.there();
        let stack = there.iter().find(|stack| stack.id == tested.stack_id && stack.is_ready);
        let is_same = stack.is_some_and(|stack| stack.name == version.stack.name)
            && version.stack.id.as_ref() == Some(&tested.stack_id)
            && tested.template_digest == version.template_digest
            && known.made.get(of) == Some(&Made::of(version));
        ensure(is_same, || format!("P5: what went live as {of} is not what was tested"))
    }

    /// P3, P8, P14: what was just done to a stack.
    fn check_stack(&self, known: &Known, event: &str) -> Broken {
        let stage = &known.stage;
        let words: Vec<&str> = event.split([' ', '/']).collect();
        let name = match words.as_slice() {
            ["deleted", _, name, ..] => {
                let is_marked = known.marked.contains(*name);
                ensure(is_marked, || format!("P8: stack {name} is deleted and was not marked"))?;
                name
            }
            ["set", name, "GreenDeployment=false"] => {
                let is_it = |(_, version): &(VersionRef, &Version)| version.stack.name == **name;
                let Some((of, _)) = stage.all_versions().find(is_it) else {
                    return Ok(());
                };
                return check_quiet(stage, &of);
            }
            ["set", _, "GreenDeployment=true"] => return self.check_subscribers(stage),
            _ => return Ok(()),
        };
        let reached = reached(stage);
        let is_reached = reached.iter().filter_map(|of| stage.version(of)).any(|version| version.stack.name == *name);
        ensure(!is_reached, || format!("P3: stack {name} is deleted, and somebody reaches it"))
    }

    fn check_subscribers(&self, stage: &Stage) -> Broken {
        let there = self.stacks.there();
        let is_on = |stack: &&crate::memory::account::There| {
            stack.parameters.get("GreenDeployment").is_some_and(|value| value == "true")
        };
        let on: BTreeSet<&str> = there.iter().filter(is_on).map(|stack| stack.name.as_str()).collect();
        for (name, service) in &stage.services {
            let ours = service.versions.values().filter(|version| on.contains(version.stack.name.as_str()));
            let many = ours.count();
            ensure(many <= 1, || format!("P14: {many} stacks of {name} get the events"))?;
        }
        Ok(())
    }
}

/// What is live of each service.
fn live_of(stage: &Stage) -> BTreeMap<ServiceName, VersionId> {
    let live = stage.services.iter().map(|(name, service)| Some((name.clone(), service.live.clone()?)));
    live.flatten().collect()
}

/// What went live in a write, in order, as its history tells. Changes that wait in one worker are stored together.
fn told_live(before: &Stage, after: &Stage) -> Vec<VersionRef> {
    // The history forgets its beginning.
    let is_told = |skip: &usize| after.recent.starts_with(&before.recent[*skip..]);
    let told = (0..=before.recent.len()).find(is_told).map_or(0, |skip| before.recent.len() - skip);
    let new = after.recent[told..].iter();
    new.filter(|event| event.what == "went live").map(|event| event.of.clone()).collect()
}

/// P9, and the life of a version: each state follows from one that leads to it, or from one that leads to that where both
/// changes may wait in one worker and are stored together.
fn check_life(of: &VersionRef, was: Option<&Version>, version: &Version) -> Broken {
    use State::{Abandoned, Blue, Creating, Live, Previous, Promoting, Retiring, Tested};
    let before = was.map(|was| was.state);
    let leads_here = match (before, version.state) {
        // Begun, and given up by the next try of the same pipeline execution.
        (None, now) => matches!(now, Creating | Abandoned),
        (Some(before), now) if before == now => true,
        (Some(before), now) => matches!(
            (before, now),
            (Creating, Blue)
                | (Blue, Tested)
                | (Tested, Blue | Promoting | Live)
                | (Promoting, Live)
                | (Live, Previous)
                // Live, and replaced by the next one.
                | (Tested | Promoting, Previous)
                | (Creating | Blue | Tested | Promoting, Abandoned)
                | (Previous | Abandoned, Retiring)
        ),
    };
    ensure(leads_here, || format!("P9: {of} was {before:?} and is {:?}", version.state))
}

/// P3: everything that somebody reaches is known, and was not given up.
fn check_reached(stage: &Stage) -> Broken {
    for of in reached(stage) {
        let version = stage.version(&of).ok_or_else(|| format!("P3: {of} is reached and forgotten"))?;
        let is_there = !matches!(version.state, State::Retiring);
        ensure(is_there, || format!("P3: {of} is reached and {:?}", version.state))?;
    }
    Ok(())
}

/// P14, as the document has it.
fn check_events(stage: &Stage) -> Broken {
    for (name, service) in &stage.services {
        let may_be_on =
            service.versions.values().filter(|version| version.green.is_some_and(|green| green != Green::Off));
        ensure(may_be_on.count() <= 1, || format!("P14: two versions of {name} may get the events"))?;
    }
    Ok(())
}

/// P3: what is live is turned off only when no blue reaches it but the one that is being promoted.
fn check_quiet(stage: &Stage, of: &VersionRef) -> Broken {
    let service = &stage.services[&of.service];
    if service.live.as_ref() != Some(&of.version) {
        return Ok(());
    }
    let by = service.barrier.as_ref().map(|barrier| &barrier.by);
    for (blue, version) in stage.all_versions() {
        if blue == *of || Some(&blue) == by || !version.state.is_on_its_way() {
            continue;
        }
        let view = version.view.iter().map(|(service, id)| to(service, id)).filter(|other| *other != blue);
        let disturbed = reached_from(stage, view.collect()).contains(of);
        ensure(!disturbed, || format!("P3: {of} is turned off, and {blue} reaches it"))?;
    }
    Ok(())
}

fn ensure(holds: bool, promise: impl FnOnce() -> String) -> Broken {
    if holds { Ok(()) } else { Err(promise()) }
}
