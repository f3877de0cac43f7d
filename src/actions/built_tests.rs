//! Tests that run as a build of CodeBuild (`Runner=codebuild`).
//!
//! The run's record tells which build it is. No worker owns it: whoever plays the next turn asks CodeBuild how it
//! stands, and the first that sees its end writes the record. Where a turn was lost between the start of the build and the
//! record, the next one orders the same build again, and CodeBuild answers with the one that there is.

use std::time::Duration;

use super::Turn;
use super::messages;
use super::properties::{PropertyError, RunIsolatedTests};
use super::resolve::Sources;
use super::run_isolated_tests::{blue, nothing_deployed};
use super::stop::Stop;
use super::tests_environment::Subject;
use super::values::Secrecy;
use super::workspace::Workspace;
use crate::ports::{Build, BuildOrder, BuildVariable, BuildVariableKind, Ports, RunEnd, RunRecord, RunStatus, Start};
use crate::release::{RunId, StageName};

/// How often a build is looked at: its phases take seconds, and the account's calls are shared.
const LOOK: Duration = Duration::from_secs(5);

/// Starts the build of this run and records which it is.
pub(super) async fn start(
    turn: &Turn<'_>,
    properties: &RunIsolatedTests,
    project: &str,
    subject: &Subject<'_>,
) -> Result<Start, Stop> {
    let order = BuildOrder {
        run: subject.run.clone(),
        project: project.to_owned(),
        source: turn.job.inputs.first().ok_or_else(messages::no_input_artifact)?.clone(),
        environment: environment(turn, properties, subject).await?,
    };
    let build = turn.ports.builds.start(&order).await?;
    let record = record(&build.id, RunStatus::Running { progress: messages::build_phase(&build.phase) });
    let created = turn.ports.run_records.create(&properties.stage, subject.run, &record).await?;
    Ok(if created { Start::Started } else { Start::Elsewhere })
}

/// What every test command gets, but for the file with the view: a build has another machine's files.
async fn environment(
    turn: &Turn<'_>,
    properties: &RunIsolatedTests,
    subject: &Subject<'_>,
) -> Result<Vec<BuildVariable>, Stop> {
    let mut workspace = Workspace::new(turn.ports, turn.job)?;
    let sources = Sources { property: "EnvironmentVariables", stage: subject.stage, version: subject.version };
    let plain = |(name, value)| BuildVariable { name, value, kind: BuildVariableKind::Plain };
    let mut variables: Vec<BuildVariable> = subject.variables(None).into_iter().map(plain).collect();
    for given in &properties.environment {
        let kind = match given.secrecy {
            Secrecy::Plain => BuildVariableKind::Plain,
            Secrecy::Parameter => BuildVariableKind::Parameter,
            Secrecy::Secret => BuildVariableKind::Secret,
            Secrecy::Hidden => {
                let why = format!(
                    "gives {} the type SECRET, but everybody who may look at a build sees its variables; take \
                     PARAMETER_STORE or SECRETS_MANAGER",
                    given.name
                );
                return Err(PropertyError::new("EnvironmentVariables", why).into());
            }
        };
        let value = sources.text(&mut workspace, &given.name, &given.value).await?;
        variables.push(BuildVariable { name: given.name.clone(), value, kind });
    }
    Ok(variables)
}

fn record(build: &str, status: RunStatus) -> RunRecord {
    RunRecord { worker: "codebuild".to_owned(), beat: 0, status, build: Some(build.to_owned()) }
}

/// How the build stands when it has ended, or the hold is over.
pub(super) enum Looked {
    /// It has ended.
    Ended(Box<RunEnd>),
    /// It goes on; its phase.
    Running(String),
}

/// Looks at the build until it has ended or the hold is over, and records how it ended.
pub(super) async fn watch(
    turn: &Turn<'_>,
    properties: &RunIsolatedTests,
    (run, id): (&RunId, &str),
) -> Result<Looked, Stop> {
    loop {
        let build = turn.ports.builds.read(id).await?;
        if let Some(end) = end_of(turn, &build) {
            keep(turn, properties, (run, id), &end).await?;
            return Ok(Looked::Ended(Box::new(end)));
        }
        if !turn.hold.pause(LOOK).await {
            return Ok(Looked::Running(messages::build_phase(&build.phase)));
        }
    }
}

/// Stores what the build leaves, then how it ended: who reads that finds everything.
async fn keep(
    turn: &Turn<'_>,
    properties: &RunIsolatedTests,
    (run, id): (&RunId, &str),
    end: &RunEnd,
) -> Result<(), Stop> {
    let (ground, of) = blue(turn, properties).await?;
    let stage = ground.stage();
    let version = stage.version(&of).ok_or_else(|| nothing_deployed(properties))?;
    let certificate = Subject { stage, of: &of, version, run }.view();
    let bundle = turn.ports.test_runs.pack(run, certificate, end).await?;
    turn.ports.run_records.write_bundle(&properties.stage, run, &bundle).await?;
    let ended = record(id, RunStatus::Ended(end.clone()));
    Ok(turn.ports.run_records.write(&properties.stage, run, &ended).await?)
}

fn end_of(turn: &Turn<'_>, build: &Build) -> Option<RunEnd> {
    let ended = build.ended.clone()?;
    Some(RunEnd {
        // It has no exit code of its own: its commands have.
        exit_code: None,
        signal: None,
        exceeded_seconds: None,
        overrun: None,
        totals: build.totals,
        failed_tests: build.failed_tests.clone(),
        report_problem: None,
        tail: String::new(),
        started_at: build.started_at,
        ended_at: build.ended_at.unwrap_or_else(|| turn.now()),
        build: Some(Box::new(ended)),
    })
}

/// Ends the build of this run, if it is one that goes on, and records that it was stopped.
pub(super) async fn stop(ports: &Ports, stage: &StageName, run: &RunId) -> Result<(), Stop> {
    let Some(found) = ports.run_records.read(stage, run).await? else {
        return Ok(());
    };
    let (Some(id), RunStatus::Running { .. }) = (&found.build, &found.status) else {
        return Ok(());
    };
    ports.builds.stop(id).await?;
    ports.run_records.write(stage, run, &record(id, RunStatus::Stopped)).await?;
    tracing::info!(%run, build = %id, "the build of an unwanted run was stopped");
    Ok(())
}
