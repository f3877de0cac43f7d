//! The stage's whole history: every document that was ever written, kept by the bucket's versioning. Each is held against
//! the one before it.

use std::collections::{BTreeMap, BTreeSet};

use bluestage::release::{
    Event, Green, RunId, RunOutcome, ServiceName, Stage, StageName, State, Version, VersionId, VersionRef, document,
};

use super::Findings;
use super::plan::{Plan, Release};
use super::storm::Done;
use crate::world::{STATE_BUCKET, World};

/// What the documents tell together.
#[derive(Default)]
pub(super) struct History {
    pub(super) documents: usize,
    /// Every version that ever was, as it was last.
    pub(super) versions: BTreeMap<VersionRef, Version>,
    /// Every outcome that a run was given.
    pub(super) outcomes: BTreeMap<RunId, RunOutcome>,
    /// Everything that happened, in order.
    pub(super) events: Vec<Event>,
    pub(super) retired: usize,
}

impl History {
    /// The versions that went live by a promotion, one after the other.
    pub(super) fn promoted(&self) -> impl Iterator<Item = &VersionRef> {
        self.events.iter().filter(|event| event.what == "went live").map(|event| &event.of)
    }

    /// What was released as this version.
    pub(super) fn release_of(&self, of: &VersionRef, done: &Done) -> Option<Release> {
        let revision = self.versions.get(of)?.revision.as_ref()?;
        done.releases.get(revision).copied()
    }

    fn note(&mut self, stage: &Stage) {
        self.documents += 1;
        for (of, version) in stage.all_versions() {
            if let Some(run) = &version.run {
                self.outcomes.insert(run.id.clone(), run.outcome);
            }
            self.versions.insert(of, version.clone());
        }
    }
}

/// Reads every document and holds each against the one before it.
pub(super) async fn read(world: &World, plan: &Plan, (done, findings): (&Done, &mut Findings)) -> History {
    let mut documents = documents(world).await;
    documents.sort_by_key(|stage| stage.seq);
    let mut history = History::default();
    let mut before = Stage::empty("test".parse::<StageName>().unwrap());
    for after in documents {
        let step = Step { before: &before, after: &after, plan };
        history.note(&after);
        findings
            .expect(after.seq == before.seq + 1, || format!("a write was lost: {} follows {}", after.seq, before.seq));
        match step.events() {
            Some(events) => {
                step.check_what_is_live(&events, findings);
                history.events.extend(events);
            }
            None => findings.add(format!("document {}: its events do not follow those before", after.seq)),
        }
        step.check_versions(findings);
        history.retired += step.gone().len();
        before = after;
    }
    nothing_broken_went_live(&history, done, findings);
    history
}

async fn documents(world: &World) -> Vec<Stage> {
    let key = "state/stages/test.json";
    let name: StageName = "test".parse().unwrap();
    let (mut documents, mut from) = (Vec::new(), (None, None));
    loop {
        let page = world.s3().list_object_versions().bucket(STATE_BUCKET).prefix(key);
        let page = page.set_key_marker(from.0).set_version_id_marker(from.1).send().await.unwrap();
        for version in page.versions() {
            let got = world.s3().get_object().bucket(STATE_BUCKET).key(key);
            let got = got.set_version_id(version.version_id.clone()).send().await.unwrap();
            let bytes = got.body.collect().await.unwrap().into_bytes();
            documents.push(document::parse(&name, &bytes).unwrap());
        }
        if !page.is_truncated.unwrap_or(false) {
            return documents;
        }
        from = (page.next_key_marker, page.next_version_id_marker);
    }
}

fn nothing_broken_went_live(history: &History, done: &Done, findings: &mut Findings) {
    for (of, version) in &history.versions {
        let Some(release) = history.release_of(of, done) else {
            findings.add(format!("{of} is of a revision that nobody released: {:?}", version.revision));
            continue;
        };
        let passed = version.tested.is_some() || version.promoted_at.is_some();
        findings.expect(!(release.flaw.is_some() && passed), || format!("the broken {of} passed: {version:#?}"));
        for (service, other) in version.view.iter().filter(|(service, _)| **service != of.service) {
            let other = VersionRef { service: service.clone(), version: other.clone() };
            let broken = history.release_of(&other, done).is_none_or(|release| release.flaw.is_some());
            findings.expect(!broken, || format!("{of} was tested with the broken {other}"));
        }
    }
}

/// Two documents, one written right after the other.
struct Step<'a> {
    before: &'a Stage,
    after: &'a Stage,
    plan: &'a Plan,
}

impl Step<'_> {
    /// What happened between the two; none when that cannot be told.
    fn events(&self) -> Option<Vec<Event>> {
        let (before, after) = (&self.before.recent, &self.after.recent);
        // Old events fall out at the front, new ones come in at the end.
        let follows = |new: &usize| before.ends_with(&after[..after.len() - new]);
        let new = (0..=after.len()).find(follows)?;
        (new < 100).then(|| after[after.len() - new..].to_vec())
    }

    fn check_what_is_live(&self, events: &[Event], findings: &mut Findings) {
        let seq = self.after.seq;
        let mut changed: BTreeSet<&ServiceName> = self.after.services.keys().collect();
        changed.retain(|name| live(self.before, name) != live(self.after, name));
        for event in events {
            let VersionRef { service, version } = &event.of;
            let promoted = event.what == "went live";
            if !promoted && !event.what.starts_with("was switched back to") {
                continue;
            }
            let is_live = live(self.after, service) == Some(version);
            findings.expect(changed.remove(service) && is_live, || format!("document {seq} does not show: {event:?}"));
            if promoted {
                self.check_promotion(&event.of, findings);
            }
        }
        findings.expect(changed.is_empty(), || format!("document {seq}: what is live changed by itself: {changed:?}"));
    }

    fn check_promotion(&self, of: &VersionRef, findings: &mut Findings) {
        let (old, new) = (self.before.live(&of.service), self.after.version(of).unwrap());
        findings.expect(old.is_none_or(|old| old.ordinal < new.ordinal), || {
            format!("{of} replaced a newer one, {}", old.unwrap().id)
        });
        let same = new.tested.as_ref().is_some_and(|tested| {
            Some(&tested.stack_id) == new.stack.id.as_ref() && tested.template_digest == new.template_digest
        });
        findings.expect(same, || format!("{of} went live and is not what was tested: {new:#?}"));
        let planned = self.plan.services.iter().find(|service| service.name == of.service.as_str());
        let skew = self.before.skew_of(of);
        findings.expect(!planned.is_some_and(|service| service.blocks_skew) || skew.is_empty(), || {
            format!("{of} went live although it was tested with others: {skew:?}")
        });
    }

    fn check_versions(&self, findings: &mut Findings) {
        let seq = self.after.seq;
        let needed = needed(self.after);
        for (of, version) in self.after.all_versions() {
            match self.before.version(&of) {
                None => self.check_beginning(&of, version, findings),
                Some(before) => findings.expect(before.wiring == version.wiring && before.view == version.view, || {
                    format!("document {seq}: the wiring or the view of {of} changed")
                }),
            }
            findings.expect(version.state != State::Retiring || !needed.contains(&of), || {
                format!("document {seq}: {of} is being retired and still needed")
            });
        }
        for reached in &needed {
            findings.expect(self.after.version(reached).is_some(), || {
                format!("document {seq}: {reached} is needed and gone")
            });
        }
        for (name, service) in &self.after.services {
            let subscribers =
                service.versions.values().filter(|version| version.green.is_some_and(|green| green != Green::Off));
            findings.expect(subscribers.count() <= 1, || format!("document {seq}: two of {name} get the events"));
        }
    }

    /// The view of a version that begins is what is live at that very moment.
    fn check_beginning(&self, of: &VersionRef, version: &Version, findings: &mut Findings) {
        for (service, other) in version.view.iter().filter(|(service, _)| **service != of.service) {
            findings.expect(live(self.before, service) == Some(other), || {
                format!("{of} began with {service} {other}, which was not live")
            });
        }
        for (service, wire) in &version.wiring {
            findings.expect(version.view.get(service) == Some(&wire.version), || {
                format!("{of} is wired to what is not in its view")
            });
        }
    }

    /// The versions that were forgotten; their stacks are gone.
    fn gone(&self) -> Vec<VersionRef> {
        let before = self.before.all_versions().map(|(of, _)| of);
        before.filter(|of| self.after.version(of).is_none()).collect()
    }
}

fn live<'a>(stage: &'a Stage, service: &ServiceName) -> Option<&'a VersionId> {
    stage.live(service).map(|live| &live.id)
}

/// Every version that somebody may still call, found without the rules that are under test: what is live or kept, what is
/// on its way with its view, and whatever these are wired to.
pub(super) fn needed(stage: &Stage) -> BTreeSet<VersionRef> {
    let of =
        |service: &ServiceName, version: &VersionId| VersionRef { service: service.clone(), version: version.clone() };
    let mut open = Vec::new();
    for (name, service) in &stage.services {
        open.extend(service.live.iter().chain(&service.previous).map(|id| of(name, id)));
        let on_their_way = service.versions.values().filter(|version| {
            matches!(version.state, State::Creating | State::Blue | State::Tested | State::Promoting)
        });
        let views = on_their_way.flat_map(|version| &version.view);
        open.extend(views.map(|(service, id)| of(service, id)));
    }
    let mut needed = BTreeSet::new();
    while let Some(next) = open.pop() {
        let wiring = stage.version(&next).map(|version| &version.wiring);
        open.extend(wiring.into_iter().flatten().map(|(service, wire)| of(service, &wire.version)));
        needed.insert(next);
    }
    needed
}
