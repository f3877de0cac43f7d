//! What is fuzzed of the rules: a stage document that somebody else wrote. Built for `cargo fuzz` and for the test that
//! replays what it found, and never into the program.

#![expect(missing_docs, reason = "the name of each function says which input it reads")]

use std::collections::{BTreeMap, BTreeSet};

use super::{
    BlueRequest, Execution, Moment, OnSkew, Promotion, RunId, StackSeen, Stage, StageName, VersionRef, document,
};

const NOW: Moment = 1_800_000_000;

pub fn stage_document(bytes: &[u8]) {
    let name = StageName::try_from("test".to_owned()).expect("a name");
    let Ok(stage) = document::parse(&name, bytes) else {
        return;
    };
    let again = document::parse(&name, &document::render(&stage)).expect("what we wrote is read again");
    assert_eq!(again, stage);
    asked(&stage);
    for (of, version) in stage.all_versions() {
        changed(&stage, &of);
        if let (Some(live), Some(id)) = (stage.live(&of.service), &version.stack.id) {
            let seen = StackSeen { id: id.clone(), changed_at: version.stack.changed_at.clone() };
            let terms = Promotion { on_skew: OnSkew::Report, keep: 1, at: NOW };
            let (live, mut after) = (live.id.clone(), stage.clone());
            if after.begin_promotion(&of, &seen, terms).is_ok() && after.finish_promotion(&of, terms).is_ok() {
                let is_live = after.live(&of.service).map(|version| &version.id);
                assert!(is_live == Some(&of.version) || is_live == Some(&live));
            }
        }
    }
}

/// Every question that a page or a sweep asks.
fn asked(stage: &Stage) {
    for of in stage.unreachable() {
        assert!(!stage.is_pinned(&of), "{of} is said to be both unreachable and pinned");
    }
    let _ = stage.behind();
    let _ = stage.debts();
    let _ = stage.leftovers();
    for (of, _) in stage.all_versions() {
        let _ = stage.skew_of(&of);
        let _ = stage.closure_of(&of);
        let _ = stage.holders(&of);
        let _ = stage.next_turn(&of);
        let _ = stage.switch_back_target(&of.service);
    }
}

/// Every change that a worker makes to a version, each of them twice. A refusal is an answer, a panic is not.
fn changed(stage: &Stage, of: &VersionRef) {
    let run = RunId::new("0a1b2c3d", 1);
    twice(stage, |stage| stage.abandon(of, "why", NOW).is_ok());
    twice(stage, |stage| stage.retire(of, NOW).is_ok());
    twice(stage, |stage| stage.forget(of, NOW).is_ok());
    twice(stage, |stage| stage.note_loss(of, NOW).is_ok());
    twice(stage, |stage| stage.turn_green(of, true).is_ok());
    twice(stage, |stage| stage.raise_barrier(of, NOW + 1, NOW).is_ok());
    twice(stage, |stage| stage.lower_barrier(of, NOW).is_ok());
    twice(stage, |stage| stage.run_passed(of, &run, NOW).is_ok());
    twice(stage, |stage| stage.run_failed(of, &run, NOW).is_ok());
    let mut begun = stage.clone();
    let request = request(of);
    if let Ok(first) = begun.begin_blue(&request) {
        assert_eq!(begun.begin_blue(&request).ok(), Some(first), "the same request began two versions");
    }
}

fn twice(stage: &Stage, change: impl Fn(&mut Stage) -> bool) {
    let mut after = stage.clone();
    if change(&mut after) {
        change(&mut after);
    }
}

fn request(of: &VersionRef) -> BlueRequest {
    BlueRequest {
        service: of.service.clone(),
        execution: Execution {
            pipeline_arn: "arn".to_owned(),
            execution_id: "e-9".to_owned(),
            action_execution_id: "a-9".to_owned(),
        },
        wired_to: BTreeMap::new(),
        depends_on: BTreeSet::new(),
        declares_green: false,
        most_versions: None,
        revision: None,
        template_digest: String::new(),
        at: NOW,
        expires_at: NOW + 1,
    }
}
