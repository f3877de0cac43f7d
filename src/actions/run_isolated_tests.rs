//! run-isolated-tests: the tests of this pipeline execution, against its blue and the versions in its view.
//!
//! A run lives longer than a job, and maybe longer than a worker. Its record tells every worker how it stands; a
//! record whose beat does not move while it is watched belongs to a worker that died, and the run is started anew
//! under a fresh name. Only the newest run's result counts.

use std::time::Duration;

use super::built_tests::{self, Looked};
use super::properties::{PropertyError, RunIsolatedTests, Runner};
use super::resolve::Sources;
use super::stop::{FailedRun, Stop};
use super::tests_environment::{Subject, Variables};
use super::token::CarriedRun;
use super::update::Ground;
use super::values::{Secrecy, Variable};
use super::workspace::Workspace;
use super::{Turn, honesty, messages, test_role};
use crate::ports::{Done, Here, RunEnd, RunRecord, RunSpec, RunStatus, Start, Text, Verdict};
use crate::release::{Refusal, RunId, SeenStacks, Version, VersionRef};

/// How long a run's beat may stand still before its worker is taken for dead: four beats of five seconds. Time is
/// counted only while somebody watches, by the watcher's own clock.
const LEASE: Duration = Duration::from_secs(20);

/// How often another worker's run is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How often a run may be started anew because its worker died or was stopped.
const MOST_ATTEMPTS: u32 = 5;

/// How often a run that does not count is made again. Somebody who changes stacks a third time does so on purpose.
const MOST_INVALID: u32 = 2;

/// The pause before a run is given back for which there was no place: each try downloads the artifact anew, and another
/// worker may have a place.
const PAUSE_WHEN_FULL: Duration = Duration::from_secs(5);

/// How often a run on this machine is looked at for its progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// The most bytes of a variable's value: Linux takes 128 KiB for name and value together.
const MOST_VARIABLE_BYTES: usize = 100_000;

/// One turn of the action.
pub(super) async fn play(turn: &mut Turn<'_>) -> Result<Verdict, Stop> {
    let properties = RunIsolatedTests::of(turn.job)?;
    let Some(run) = turn.carried.run.clone() else {
        return start(turn, &properties, Attempt { number: 1, invalid: 0 }).await;
    };
    let invalid = run.invalid;
    match watch(turn, &properties, run).await? {
        Watched::Ended(run, end) => conclude(turn, &properties, (&run, end)).await,
        Watched::Running(run, progress) => turn.go_on(run.as_str(), messages::tests_running(&progress)),
        Watched::Lost(number) if number < MOST_ATTEMPTS => {
            let next = Attempt { number: number + 1, invalid };
            start(turn, &properties, next).await
        }
        Watched::Lost(attempts) => Err(Stop::RunsLost { attempts }),
    }
}

/// One of several tries to run the same tests.
#[derive(Clone, Copy)]
struct Attempt {
    /// From 1.
    number: u32,
    /// How many before it did not count.
    invalid: u32,
}

impl Attempt {
    /// Its run, which nobody has watched yet.
    fn begins(self, run: &RunId) -> CarriedRun {
        let Self { number, invalid } = self;
        CarriedRun { id: run.clone(), attempt: number, invalid, beat: 0, watched_millis: 0 }
    }
}

/// Ends the run that is going on, because its action gives up.
pub(super) async fn give_up(turn: &mut Turn<'_>) {
    let (Ok(properties), Some(run)) = (RunIsolatedTests::of(turn.job), &turn.carried.run) else {
        return;
    };
    turn.ports.test_runs.stop(&run.id).await;
    if let Err(stop) = built_tests::stop(turn.ports, &properties.stage, &run.id).await {
        tracing::warn!(?stop, run = %run.id, "could not stop the build");
    }
    let Ok((_, of)) = blue(turn, &properties).await else {
        return;
    };
    let at = turn.now();
    let noted = turn.update(&properties.stage, |stage| stage.run_failed(&of, &run.id, at)).await;
    if let Err(stop) = noted {
        tracing::warn!(?stop, run = %run.id, "could not note that the run has ended");
    }
}

/// Starts a fresh run and answers at once, so that the console shows within seconds that the tests run.
async fn start(turn: &mut Turn<'_>, properties: &RunIsolatedTests, attempt: Attempt) -> Result<Verdict, Stop> {
    let run = RunId::new(&turn.job.pipeline.execution.action_execution_id, attempt.number);
    let (ground, of) = blue(turn, properties).await?;
    // A job may be played again, by another worker or late: what it has started is not started, or put before its
    // successors, once more.
    if turn.ports.run_records.read(&properties.stage, &run).await?.is_some() {
        return watch_from_now_on(turn, run, attempt);
    }
    let seen = honesty::look(turn, ground.stage(), &of).await?;
    let at = turn.now();
    let noting = (&properties.stage, Some(ground));
    let started = turn.update_on(noting, |stage| stage.run_started(&of, &run, &seen, at));
    let (stage, ()) = started.await?;
    let version = stage.version(&of).ok_or_else(|| nothing_deployed(properties))?;
    let subject = Subject { stage: &stage, of: &of, version, run: &run };
    let started = match &properties.runner {
        Runner::CodeBuild(project) => built_tests::start(turn, properties, project, &subject).await?,
        Runner::Command(command) => {
            let spec = prepare(turn, (properties, command), &subject).await?;
            turn.ports.test_runs.start(spec).await?
        }
    };
    match started {
        Start::Full => {
            turn.hold.pause(PAUSE_WHEN_FULL).await;
            turn.go_on(run.as_str(), messages::no_free_place())
        }
        Start::Elsewhere => watch_from_now_on(turn, run, attempt),
        Start::Started => {
            turn.carried.run = Some(attempt.begins(&run));
            turn.go_on(run.as_str(), messages::tests_started(&of, &against(&subject)))
        }
    }
}

/// The run was started by another turn of this action execution, wherever: the next one looks how it stands.
fn watch_from_now_on(turn: &mut Turn<'_>, run: RunId, attempt: Attempt) -> Result<Verdict, Stop> {
    turn.carried.run = Some(attempt.begins(&run));
    turn.go_on(run.as_str(), messages::tests_running(""))
}

async fn prepare(
    turn: &Turn<'_>,
    (properties, command): (&RunIsolatedTests, &str),
    subject: &Subject<'_>,
) -> Result<RunSpec, Stop> {
    let mut workspace = Workspace::new(turn.ports, turn.job)?;
    let sources = Sources { property: "EnvironmentVariables", stage: subject.stage, version: subject.version };
    let own = own_variables(&sources, &mut workspace, &properties.environment).await?;
    let role = test_role::variables(turn, properties, subject).await?;
    let source = turn.job.inputs.first().ok_or_else(messages::no_input_artifact)?;
    let work = workspace.directory(source).await?;
    let home = workspace.into_home();
    let view_file = home.path().join("view.json");
    let view = subject.view();
    tokio::fs::write(&view_file, serde_json::Value::Object(view.clone()).to_string()).await?;
    let mut environment = subject.variables(Some(&view_file));
    environment.extend(role.plain);
    environment.extend(own.plain);
    Ok(RunSpec {
        stage: properties.stage.clone(),
        run: subject.run.clone(),
        home,
        work,
        command: command.to_owned(),
        environment,
        secrets: role.secret.into_iter().chain(own.secret).collect(),
        reports: properties.reports.clone(),
        time_limit: turn.time_left(),
        certificate: view,
    })
}

/// The variables that the pipeline's author gives the tests.
async fn own_variables(
    sources: &Sources<'_>,
    workspace: &mut Workspace<'_>,
    given: &[Variable],
) -> Result<Variables, Stop> {
    let mut own = Variables::default();
    for Variable { name, value, secrecy } in given {
        let text = sources.text(workspace, name, value).await?;
        if text.contains('\0') || text.len() > MOST_VARIABLE_BYTES {
            let most = MOST_VARIABLE_BYTES;
            let why =
                format!("gives {name} a value that no process can be given: at most {most} bytes, none of them zero");
            return Err(PropertyError::new(sources.property, why).into());
        }
        match secrecy {
            Secrecy::Plain => own.plain.push((name.clone(), text)),
            Secrecy::Hidden => own.secret.push((name.clone(), text.into())),
            Secrecy::Parameter | Secrecy::Secret => {
                let why = format!("gives {name} a type that only CodeBuild reads; with Runner=command take SECRET");
                return Err(PropertyError::new(sources.property, why).into());
            }
        }
    }
    Ok(own)
}

/// What watching a run for one hold came to.
enum Watched {
    /// It ended.
    Ended(RunId, RunEnd),
    /// It runs; the last thing it printed.
    Running(RunId, String),
    /// Nobody runs it any more; which attempt it was.
    Lost(u32),
}

async fn watch(turn: &mut Turn<'_>, properties: &RunIsolatedTests, run: CarriedRun) -> Result<Watched, Stop> {
    let mut run = run;
    loop {
        let patience = PROGRESS.min(turn.hold.left());
        if let Here::Running(progress) = turn.ports.test_runs.wait(&run.id, patience).await {
            if turn.hold.left().is_zero() {
                return Ok(Watched::Running(run.id, progress));
            }
            continue;
        }
        let record = turn.ports.run_records.read(&properties.stage, &run.id).await?;
        if let Some(RunRecord { build: Some(build), status: RunStatus::Running { .. }, .. }) = &record {
            return watch_build(turn, properties, (run, build)).await;
        }
        let progress = match record.map(|record| (record.beat, record.status)) {
            Some((_, RunStatus::Ended(end))) => return Ok(Watched::Ended(run.id, end)),
            Some((_, RunStatus::Stopped)) | None => return Ok(Watched::Lost(run.attempt)),
            Some((beat, RunStatus::Running { progress })) => {
                if beat != run.beat {
                    (run.beat, run.watched_millis) = (beat, 0);
                }
                progress
            }
        };
        if u128::from(run.watched_millis) >= LEASE.as_millis() {
            return Ok(Watched::Lost(run.attempt));
        }
        let before = turn.ports.clock.elapsed();
        let again = turn.hold.pause(LOOK).await;
        let watched = turn.ports.clock.elapsed().saturating_sub(before);
        let watched = u64::try_from(watched.as_millis()).unwrap_or(u64::MAX);
        run.watched_millis = run.watched_millis.saturating_add(watched);
        turn.carried.run = Some(run.clone());
        if !again {
            return Ok(Watched::Running(run.id, progress));
        }
    }
}

async fn watch_build(
    turn: &mut Turn<'_>,
    properties: &RunIsolatedTests,
    (run, build): (CarriedRun, &str),
) -> Result<Watched, Stop> {
    turn.carried.run = Some(run.clone());
    Ok(match built_tests::watch(turn, properties, (&run.id, build)).await? {
        Looked::Ended(end) => Watched::Ended(run.id, *end),
        Looked::Running(phase) => Watched::Running(run.id, phase),
    })
}

async fn conclude(
    turn: &mut Turn<'_>,
    properties: &RunIsolatedTests,
    (run, end): (&RunId, RunEnd),
) -> Result<Verdict, Stop> {
    let (ground, of) = blue(turn, properties).await?;
    let version = ground.stage().version(&of).ok_or_else(|| nothing_deployed(properties))?;
    let subject = Subject { stage: ground.stage(), of: &of, version, run };
    let against = against(&subject);
    let changed = honesty::changes(turn, &seen_by(version)).await?;
    if !changed.is_empty() {
        return not_counted(turn, properties, (&of, run, changed)).await;
    }
    hand_out_bundle(turn, properties, run).await?;
    let at = turn.now();
    let noting = (&properties.stage, Some(ground));
    if !end.passed() {
        turn.update_on(noting, |stage| stage.run_failed(&of, run, at)).await?;
        return Err(Stop::TestsFailed(Box::new(FailedRun {
            of,
            against,
            run: run.clone(),
            end,
            kept_at: turn.ports.run_records.place(&properties.stage, run),
        })));
    }
    turn.update_on(noting, |stage| stage.run_passed(&of, run, at)).await?;
    Ok(passed(run, &end, messages::tests_passed(&of, &against, &end)))
}

/// A run that does not count is made again, at most twice.
async fn not_counted(
    turn: &mut Turn<'_>,
    properties: &RunIsolatedTests,
    (of, run, changed): (&VersionRef, &RunId, Vec<String>),
) -> Result<Verdict, Stop> {
    let at = turn.now();
    turn.update(&properties.stage, |stage| stage.run_invalid(of, run, at)).await?;
    tracing::warn!(%run, ?changed, "something outside changed a stack under the tests; the run does not count");
    match &turn.carried.run {
        Some(carried) if carried.invalid < MOST_INVALID => {
            let next = Attempt { number: carried.attempt.saturating_add(1), invalid: carried.invalid + 1 };
            start(turn, properties, next).await
        }
        Some(_) | None => Err(Stop::RunsInvalid { changed }),
    }
}

/// What was in reach as the version's newest run began.
fn seen_by(version: &Version) -> SeenStacks {
    version.run.as_ref().map(|run| run.seen.clone()).unwrap_or_default()
}

fn passed(run: &RunId, end: &RunEnd, summary: String) -> Verdict {
    let totals = end.totals.unwrap_or_default();
    let variables = [
        ("Run", run.to_string()),
        ("TestsTotal", totals.tests.to_string()),
        ("TestsFailed", totals.failed.to_string()),
    ];
    Verdict::Done(Done {
        external_id: Text::cut(run.to_string()),
        summary: Text::cut(summary),
        variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    })
}

/// Puts what the run left into the action's output artifact, if it has one.
async fn hand_out_bundle(turn: &Turn<'_>, properties: &RunIsolatedTests, run: &RunId) -> Result<(), Stop> {
    let Some(output) = turn.job.outputs.first() else {
        return Ok(());
    };
    if let Some(bundle) = turn.ports.run_records.read_bundle(&properties.stage, run).await? {
        turn.ports.artifacts.upload(turn.job, output, &bundle.file).await?;
    }
    Ok(())
}

/// The stage, and the version in it that this pipeline execution has made.
pub(super) async fn blue(turn: &Turn<'_>, properties: &RunIsolatedTests) -> Result<(Ground, VersionRef), Stop> {
    let ground = turn.ground(&properties.stage).await?;
    let stage = ground.stage();
    let execution_id = &turn.job.pipeline.execution.execution_id;
    let made = stage.made_by(&properties.service, execution_id);
    let version = made.ok_or_else(|| stage.absence_of(&properties.service, execution_id))?;
    let of = VersionRef { service: properties.service.clone(), version: version.id.clone() };
    turn.is_about(&of);
    Ok((ground, of))
}

fn against(subject: &Subject<'_>) -> Vec<VersionRef> {
    let of = |(service, version): (&crate::release::ServiceName, &Version)| VersionRef {
        service: service.clone(),
        version: version.id.clone(),
    };
    subject.others().map(of).collect()
}

pub(super) fn nothing_deployed(properties: &RunIsolatedTests) -> Stop {
    Stop::Refused(Refusal::NothingDeployed { service: properties.service.clone() })
}
