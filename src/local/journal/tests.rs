//! What is written is read again, whatever happened in between.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::dice::Dice;
use crate::local::definition::{PipelineDeclaration, RetryMode, Tags};
use crate::local::engine::{
    self, ApprovalResult, Execution, Finished, RetryRequest, RollbackRequest, StartRequest, StopRequest,
    TransitionRequest, Turn,
};
use crate::local::settings::{JobCredentials, Settings};

/// A journal in a directory of its own, and the state that it keeps.
struct Desk {
    place: TempDir,
    found: Option<Found>,
    settings: Settings,
    dice: Dice,
}

fn pipeline(more: &Value) -> PipelineDeclaration {
    let source = json!({"name": "Fetch", "outputArtifacts": [{"name": "Source"}],
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {"S3Bucket": "b", "S3ObjectKey": "k"}});
    let ask = json!({"name": "Ask",
        "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}});
    let mut declaration = json!({"name": "p", "roleArn": "r", "pipelineType": "V2", "executionMode": "PARALLEL",
        "artifactStore": {"type": "S3", "location": "bucket"},
        "stages": [{"name": "Source", "actions": [source]}, {"name": "Gate", "actions": [ask]}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        declaration[name] = value.clone();
    }
    serde_json::from_value(declaration).unwrap()
}

impl Desk {
    fn new() -> Self {
        let secret_access_key = secrecy::SecretString::from("s");
        let credentials = JobCredentials { access_key_id: "a".to_owned(), secret_access_key, session_token: None };
        let place = tempfile::tempdir().unwrap();
        let found = Some(Journal::open(place.path()).unwrap());
        let settings = Settings { history: 5, ..Settings::with_credentials(credentials) };
        Self { place, found, settings, dice: Dice::seeded(3) }
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut State, &Turn<'_>) -> T) -> T {
        let (now, elapsed) = (SystemTime::UNIX_EPOCH, Duration::from_secs(7));
        let (dice, settings) = (&self.dice, &self.settings);
        let turn = Turn { now, elapsed, dice, settings, address: None, events: std::cell::RefCell::default() };
        let Found { journal, state, .. } = self.found.as_mut().unwrap();
        let answer = change(state, &turn);
        engine::settle(state, &turn);
        journal.keep(state, Moment { now, elapsed }).unwrap();
        answer
    }

    fn create(&mut self) {
        self.change(|state, turn| engine::create(state, (pipeline(&json!({})), Tags::default()), turn).map(|_| ()))
            .unwrap();
    }

    fn start(&mut self) -> String {
        let request = StartRequest::by("StartPipelineExecution", "p");
        self.change(|state, turn| engine::start(state, request, turn)).unwrap()
    }

    /// Ends the process without a word, and starts anew.
    fn restart(&mut self) -> io::Result<()> {
        self.found = None;
        self.found = Some(Journal::open(self.place.path())?);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.place.path().join(LOG)
    }

    fn state(&self) -> &State {
        &self.found.as_ref().unwrap().state
    }

    fn execution(&self, id: &str) -> Option<&Execution> {
        self.state().pipelines.get("p")?.execution(id)
    }

    /// Everything that is known, as it would be written.
    fn whole(&self) -> Vec<Value> {
        record::all(self.state()).map(|record| serde_json::to_value(record).unwrap()).collect()
    }
}

#[test]
fn what_was_kept_is_found_again_with_its_declarations() {
    let mut desk = Desk::new();
    desk.create();
    let execution = desk.start();
    let before = desk.whole();
    desk.restart().unwrap();
    assert_eq!(desk.whole(), before);
    let found = desk.execution(&execution).unwrap();
    assert_eq!(found.declaration.name, "p");
    assert_eq!(found.actions[0].declaration.configuration["S3Bucket"], "b");
    assert_eq!(desk.found.as_ref().unwrap().last.unwrap().elapsed, Duration::from_secs(7));
    // The source that was being copied is copied again.
    desk.change(engine::resume);
    assert_eq!(desk.state().errands.len(), 1);
}

#[test]
fn a_torn_line_at_the_end_is_as_if_it_had_never_been() {
    let mut desk = Desk::new();
    desk.create();
    let first = desk.start();
    let whole = fs::read(desk.log()).unwrap();
    let second = desk.start();
    let torn = fs::read(desk.log()).unwrap();
    for length in whole.len()..torn.len() {
        desk.found = None;
        fs::write(desk.log(), &torn[..length]).unwrap();
        desk.restart().unwrap();
        assert!(desk.execution(&first).is_some());
        assert!(desk.execution(&second).is_none(), "cut at {length} of {}", torn.len());
    }
    // And what is written now follows a whole line.
    let third = desk.start();
    desk.restart().unwrap();
    assert!(desk.execution(&third).is_some());
}

#[test]
fn damage_in_the_middle_and_a_newer_form_are_told_with_their_line() {
    let mut desk = Desk::new();
    desk.create();
    desk.found = None;
    let log = fs::read_to_string(desk.log()).unwrap();
    fs::write(desk.log(), log.replace("\"records\"", "\"recorDS\"")).unwrap();
    let damaged = desk.restart().unwrap_err().to_string();
    assert!(damaged.contains("line 2") && damaged.contains("damaged"), "{damaged}");
    fs::write(desk.log(), "{\"form\":99}\n").unwrap();
    let newer = desk.restart().unwrap_err().to_string();
    assert!(newer.contains("form 99"), "{newer}");
}

#[test]
fn a_directory_serves_one_process_at_a_time() {
    let desk = Desk::new();
    let second = Journal::open(desk.place.path()).err().unwrap();
    assert!(second.to_string().contains("another bluestage local"), "{second}");
}

#[test]
fn a_log_that_is_written_anew_says_the_same() {
    let mut desk = Desk::new();
    desk.create();
    for _ in 0..3 {
        desk.start();
    }
    let before = desk.whole();
    let Found { journal, state, .. } = desk.found.as_mut().unwrap();
    let long = journal.0.as_ref().unwrap().bytes;
    let at = Moment { now: SystemTime::UNIX_EPOCH, elapsed: Duration::from_secs(7) };
    journal.0.as_mut().unwrap().write_anew(state, at).unwrap();
    assert!(journal.0.as_ref().unwrap().bytes < long);
    let fourth = desk.start();
    desk.restart().unwrap();
    assert!(desk.execution(&fourth).is_some(), "what follows goes to the new log");
    let now = desk.whole();
    assert!(before.iter().filter(|record| record.get("Execution").is_some()).all(|record| now.contains(record)));
}

#[test]
fn what_is_gone_stays_gone_and_its_name_can_be_used_again() {
    let mut desk = Desk::new();
    desk.create();
    let old = desk.start();
    desk.change(|state, _| engine::delete(state, "p"));
    desk.restart().unwrap();
    assert!(desk.state().pipelines.is_empty());
    desk.change(|state, turn| {
        engine::create(state, (pipeline(&json!({"executionMode": "QUEUED"})), Tags::default()), turn).map(|_| ())
    })
    .unwrap();
    let new = desk.start();
    desk.restart().unwrap();
    assert!(desk.execution(&old).is_none() && desk.execution(&new).is_some());
}

/// A number below `sides`.
fn throw(desk: &Desk, sides: usize) -> usize {
    desk.dice.id(1).bytes().next().map_or(0, usize::from) % sides
}

/// One of the executions.
fn any_execution(desk: &Desk) -> String {
    match &desk.state().pipelines["p"].executions[..] {
        [] => String::new(),
        executions => executions[throw(desk, executions.len())].id.clone(),
    }
}

/// Does one thing of those that people and time do, as the dice fall; what is refused changes nothing.
fn anything(desk: &mut Desk) {
    match throw(desk, 12) {
        0..=2 => {
            let request = StartRequest::by("StartPipelineExecution", "p");
            desk.change(|state, turn| engine::start(state, request, turn).ok());
        }
        3..=5 => desk.change(|state, turn| {
            let errands = std::mem::take(&mut state.errands);
            for errand in errands {
                let revision = Some(("r".to_owned(), "found".to_owned()));
                engine::finish(state, &errand.action, Finished { revision, ..Finished::default() }, turn);
            }
        }),
        6 => answer(desk, true),
        7 => answer(desk, false),
        other => order(desk, other),
    }
}

fn answer(desk: &mut Desk, approved: bool) {
    let execution = any_execution(desk);
    let asked = desk.execution(&execution).and_then(|execution| execution.actions.last());
    let token = asked.and_then(|action| action.token.clone()).unwrap_or_default();
    let (pipeline, stage, action) = ("p".to_owned(), "Gate".to_owned(), "Ask".to_owned());
    let result = ApprovalResult { pipeline, stage, action, approved, summary: "so".to_owned(), token };
    desk.change(|state, turn| engine::put_approval(state, result, turn).ok());
}

fn order(desk: &mut Desk, what: usize) {
    let execution = any_execution(desk);
    let (pipeline, stage) = ("p".to_owned(), "Gate".to_owned());
    match what {
        8 => {
            let request = StopRequest { pipeline, execution, abandon: true, reason: "enough".to_owned() };
            desk.change(|state, turn| engine::stop(state, request, turn).ok());
        }
        9 => {
            let request = RetryRequest { pipeline, execution, stage, mode: RetryMode::AllActions };
            desk.change(|state, turn| engine::retry(state, &request, turn).ok());
        }
        10 => {
            let request = TransitionRequest { pipeline, stage, inbound: true };
            desk.change(|state, turn| engine::close(state, &request, "why".to_owned(), turn).ok());
            desk.change(|state, turn| engine::open(state, &request, turn).ok());
        }
        _ => {
            let request = RollbackRequest { pipeline, stage, target: execution };
            desk.change(|state, turn| engine::roll_back(state, &request, turn).ok());
        }
    }
}

#[test]
fn whatever_happens_what_is_read_is_what_was_known() {
    let sorted = |desk: &Desk| {
        let mut all: Vec<String> = desk.whole().iter().map(Value::to_string).collect();
        all.sort();
        all
    };
    let (mut most, mut ended) = (0, 0);
    for seed in 0..20 {
        let mut desk = Desk::new();
        desk.dice = Dice::seeded(seed);
        let declared = pipeline(&json!({"executionMode": if seed % 2 == 0 { "QUEUED" } else { "SUPERSEDED" }}));
        desk.change(|state, turn| engine::create(state, (declared, Tags::default()), turn).map(|_| ())).unwrap();
        for _ in 0..40 {
            anything(&mut desk);
            let known = sorted(&desk);
            desk.restart().unwrap();
            assert_eq!(sorted(&desk), known, "seed {seed}");
            desk.change(engine::resume);
        }
        let executions = &desk.state().pipelines["p"].executions;
        most = most.max(executions.len());
        ended += executions.iter().filter(|execution| !execution.is_active()).count();
    }
    // That something happened: the history was filled, and executions came to their end.
    assert!(most >= 5 && ended > 20, "{most} {ended}");
}
