//! One run from its start to its last record.

use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Settings;
use super::bundle::{Draft, Left, certificate};
use super::group::Group;
use super::home::clear;
use super::journal::Journal;
use super::order::Ended;
use super::output::Capture;
use super::page::Page;
use super::reports::{self, Before, Findings};
use super::running::Slot;
use super::secrets::Secrets;
use crate::ports::{RunEnd, RunSpec, RunStatus};
use crate::release::{Moment, RunId};

/// A run whose command has been started.
pub(super) struct Supervised {
    spec: RunSpec,
    journal: Arc<Journal>,
    group: Group,
    capture: Capture,
    draft: Draft,
    secrets: Secrets,
    before: Before,
    started_at: Moment,
    /// Last, so that the place is given back only after everything else of the run is gone.
    slot: Slot,
}

/// How the command ended.
struct Over {
    ended: Ended,
    why: Why,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    ByItself,
    TimeLimit,
    Stopped,
}

impl Supervised {
    /// Starts the command.
    pub(super) async fn start(
        spec: RunSpec,
        settings: &Settings,
        journal: Arc<Journal>,
        slot: Slot,
    ) -> io::Result<Self> {
        let before = match &spec.reports {
            Some(pattern) => {
                let (work, pattern) = (spec.work.clone(), pattern.clone());
                spawn_blocking(move || reports::before(&work, &pattern)).await.unwrap_or_default()
            }
            None => Before::new(),
        };
        let secrets = Secrets::of(&spec).map_err(io::Error::other)?;
        let (group, capture, draft) = start_command(&spec, settings, &slot, &secrets).await?;
        let started_at = moment(journal.clock.now());
        Ok(Self { spec, journal, group, capture, draft, secrets, before, started_at, slot })
    }

    /// Which run it is.
    pub(super) fn run(&self) -> &RunId {
        &self.slot.run
    }

    /// Follows the run to its end and records it.
    pub(super) async fn finish(mut self) {
        let journal = Arc::clone(&self.journal);
        let over = CancellationToken::new();
        // The beat goes on while reports are read and stored: the run is not over for others before its last record.
        let outcome = async {
            // However the run ends, its beat must end with it.
            let _over = over.clone().drop_guard();
            let ended = self.until_over().await;
            if ended.why == Why::Stopped {
                return (RunStatus::Stopped, self.leave());
            }
            self.wind_up(ended).await
        };
        let ((status, remains), beat) = tokio::join!(outcome, journal.beat(&over));
        let passed = match &status {
            RunStatus::Ended(end) => Some(end.passed()),
            RunStatus::Running { .. } | RunStatus::Stopped => None,
        };
        journal.end(beat + 1, status).await;
        info!(run = %journal.run, passed, "a test run is over");
        remains.clear().await;
    }

    async fn until_over(&mut self) -> Over {
        let Self { group, capture, journal, .. } = self;
        let (clock, pace) = (&*journal.clock, journal.pace);
        let why = tokio::select! {
            biased;
            _ = group.ended() => Why::ByItself,
            () = journal.stop.cancelled() => Why::Stopped,
            () = clock.sleep(self.spec.time_limit) => Why::TimeLimit,
        };
        let grace = match why {
            Why::ByItself => None,
            Why::TimeLimit => Some(pace.grace_at_limit),
            Why::Stopped => Some(pace.grace_at_stop),
        };
        if let Some(grace) = grace {
            group.ask_to_end().await;
            // The shell ends at once and its children clean up: they are done when nobody can print any more.
            let done = async { tokio::join!(group.ended(), capture.drained()) };
            tokio::select! {
                _ = done => {}
                () = clock.sleep(grace) => {}
            }
        }
        let ended = group.kill(clock).await;
        // Whom the kernel holds may hold the pipe open for ever.
        tokio::select! {
            () = capture.drained() => {}
            () = clock.sleep(pace.drain) => capture.stop().await,
        }
        Over { ended, why }
    }

    /// Reads the reports and stores what the run leaves.
    async fn wind_up(self, over: Over) -> (RunStatus, Remains) {
        let findings = self.findings(over.ended.code == Some(0)).await;
        let end = self.end(&over, findings.as_ref());
        let findings = findings.unwrap_or_default();
        let Self { mut spec, journal, draft, secrets, slot, .. } = self;
        let tested = certificate(std::mem::take(&mut spec.certificate), &slot.run, &end);
        let (work, page) = (spec.work.clone(), Page::new((&tested, &end), &findings, &slot.printed.text()).html());
        let left = Left { certificate: tested, page, reports: findings.files, work };
        match spawn_blocking(move || draft.finish(&left, &secrets)).await {
            Ok(Ok(bundle)) => journal.store(&bundle).await,
            Ok(Err(error)) => warn!(run = %slot.run, %error, "a test run's bundle was not packed"),
            Err(error) => warn!(run = %slot.run, %error, "a test run's bundle was not packed"),
        }
        (RunStatus::Ended(end), Remains { spec, slot })
    }

    fn leave(self) -> Remains {
        Remains { spec: self.spec, slot: self.slot }
    }

    async fn findings(&self, ended_well: bool) -> Option<Findings> {
        let pattern = self.spec.reports.clone()?;
        let (work, before, secrets) = (self.spec.work.clone(), self.before.clone(), self.secrets.clone());
        let read = spawn_blocking(move || reports::read_all((&work, &pattern), &before, &secrets, ended_well));
        Some(read.await.unwrap_or_else(|error| Findings {
            problem: Some(format!("the reports could not be read: {error}")),
            ..Findings::default()
        }))
    }

    fn end(&self, over: &Over, findings: Option<&Findings>) -> RunEnd {
        let exceeded = (over.why == Why::TimeLimit).then_some(self.spec.time_limit.as_secs());
        RunEnd {
            exit_code: over.ended.code,
            signal: over.ended.signal,
            exceeded_seconds: exceeded,
            overrun: over.ended.overrun,
            totals: findings.map(|findings| findings.totals),
            failed_tests: findings.map_or_else(Vec::new, Findings::failed_tests),
            report_problem: findings.and_then(|findings| findings.problem.clone()),
            tail: self.slot.printed.tail(),
            started_at: self.started_at,
            ended_at: moment(self.journal.clock.now()),
            build: None,
        }
    }
}

/// What there still is of a run when its last record is to be written.
struct Remains {
    spec: RunSpec,
    slot: Slot,
}

impl Remains {
    /// Deletes the run's home, then gives its place back.
    async fn clear(self) {
        let Self { spec, slot } = self;
        if let Err(error) = spawn_blocking(move || clear(spec.home)).await {
            warn!(run = %slot.run, %error, "a test run's files were not deleted");
        }
    }
}

async fn start_command(
    spec: &RunSpec,
    settings: &Settings,
    slot: &Slot,
    secrets: &Secrets,
) -> io::Result<(Group, Capture, Draft)> {
    let draft = Draft::new(spec.home.path().parent())?;
    let (group, pipe) = Group::start(spec, settings).await?;
    let log = (draft.log(), settings.pace.log_bytes);
    let capture = Capture::start(pipe, log, Arc::clone(&slot.printed), secrets.stream())?;
    Ok((group, capture, draft))
}

fn moment(time: SystemTime) -> Moment {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
