//! A stage: its services, what is live, what is on its way, who pins whom; the test runs; what happened last.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::StageSource;
use super::history::execution_link;
use super::layout::{Content, Section, told};
use super::problem::Problem;
use super::words::{Seconds, Status, length, moment, short};
use crate::ports::{RunRecord, RunStatus};
use crate::release::{Event, Moment, Run, RunId, RunOutcome, Stage, StageName, State, Version, VersionRef};
use crate::status::{ServiceReport, StageReport, VersionReport};

/// How many events the time line shows.
const EVENTS: usize = 40;

/// How many test runs are shown, newest first.
const RUNS: usize = 12;

/// Where the names of executions lead.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// To their pages.
    ToPipelines,
    /// Nowhere: this console has no pipelines.
    Nowhere,
}

struct Shown {
    stage: Stage,
    report: StageReport,
    records: BTreeMap<RunId, RunRecord>,
    now: Seconds,
    links: Links,
}

/// All stages.
pub(super) fn all(names: &[StageName]) -> Content {
    let main = html! {
        h1 { "Stages" }
        @if names.is_empty() { p { "Nothing was released into any stage yet." } }
        ul class="plain" { @for name in names { li { a href={ "/console/stages/" (name) } { (name) } } } }
    };
    Content { title: "Stages".to_owned(), section: Section::Stages, main }
}

/// One stage, as it is now.
pub(super) async fn content(
    source: &StageSource,
    name: &str,
    (now, links): (Seconds, Links),
) -> Result<Content, Problem> {
    let absent = || absent(name);
    let name: StageName = name.parse().map_err(|_| absent())?;
    let stage = source.stages.read(&name).await?.ok_or_else(absent)?.stage;
    let mut records = BTreeMap::new();
    for (_, run) in runs(&stage) {
        if let Some(record) = source.runs.read(&name, &run.id).await? {
            records.insert(run.id.clone(), record);
        }
    }
    let report = StageReport::of(&stage);
    let shown = Shown { stage, report, records, now, links };
    Ok(Content { title: format!("Stage {name}"), section: Section::Stages, main: shown.main() })
}

/// There is no stage of this name.
pub(super) fn absent(name: &str) -> Problem {
    Problem::nowhere(format!("Nothing was ever released into a stage {name}."))
}

/// The newest run of each version, newest first.
fn runs(stage: &Stage) -> Vec<(VersionRef, &Run)> {
    let mut runs: Vec<_> = stage.all_versions().filter_map(|(of, version)| Some((of, version.run.as_ref()?))).collect();
    runs.sort_by_key(|(_, run)| std::cmp::Reverse(run.started_at));
    runs.truncate(RUNS);
    runs
}

impl Shown {
    fn main(&self) -> Markup {
        html! {
            nav class="path" aria-label="Path" { a href="/console/stages" { "Stages" } }
            header class="title" { h1 { "Stage " (self.report.stage) } }
            p class="facts" { "Write " (self.report.seq) }
            (told(&self.stage.recent.last().map_or_else(String::new, |event| format!("{} {}", event.of, event.what))))
            (self.services())
            (self.test_runs())
            (self.time_line())
        }
    }

    fn services(&self) -> Markup {
        html! {
            section aria-labelledby="services" {
                h2 id="services" { "Services" }
                table class="services" {
                    thead { tr {
                        th scope="col" { "Service" } th scope="col" { "Live" } th scope="col" { "Blue" }
                        th scope="col" { "Previous and others" } th scope="col" { "Pinned by others" }
                    } }
                    tbody { @for service in &self.report.services { (self.service(service)) } }
                }
            }
        }
    }

    fn service(&self, service: &ServiceReport) -> Markup {
        let kept: Vec<_> = service.previous.iter().chain(&service.others).collect();
        let everything = service.live.iter().chain(&service.blues).chain(kept.iter().copied());
        let pins: Vec<_> = everything.flat_map(|of| of.pinned_by.iter().map(move |by| (&of.version, by))).collect();
        html! {
            tr id={ "service-" (service.service) } {
                th scope="row" { (service.service) (self.held(service)) }
                td class=[none(service.live.is_none())] data-label="Live" { @match &service.live { Some(live) => (self.live(live)), None => "–" } }
                td class=[none(service.blues.is_empty())] data-label="Blue" {
                    @if service.blues.is_empty() { "–" }
                    @for blue in &service.blues { (self.blue(blue)) }
                }
                td class=[none(kept.is_empty())] data-label="Previous and others" {
                    @if kept.is_empty() { "–" }
                    @for version in kept {
                        div class="version over" { (id(version)) " " (state(version.state).shown()) }
                    }
                }
                td class=[none(pins.is_empty())] data-label="Pinned by others" {
                    @if pins.is_empty() { "–" } @else {
                        ul class="pins" { @for (version, by) in pins { li { code { (version) } " by " (by) } } }
                    }
                }
            }
        }
    }

    /// What keeps promotions of a service waiting.
    fn held(&self, service: &ServiceReport) -> Markup {
        let known = self.stage.services.get(&service.service);
        html! {
            @if let Some(barrier) = known.and_then(|known| known.barrier.as_ref()) {
                p class="facts" { "No new view: " (barrier.by) " is being promoted." }
            }
            @if let Some(reserved) = known.and_then(|known| known.reserved.as_ref()) {
                p class="facts" { (reserved.by) " goes first." }
            }
        }
    }

    fn live(&self, version: &VersionReport) -> Markup {
        html! {
            div class="version good" {
                (id(version)) " " (state(version.state).shown())
                @if let Some(at) = version.promoted_at { p class="facts" { "for " (self.since(at)) } }
                @if !version.behind.is_empty() { p class="warning" { "Behind: calls " (version.behind.join(", ")) } }
                @if !version.untested_with.is_empty() {
                    p class="warning" { "Not tested with " (version.untested_with.join(", ")) }
                }
            }
        }
    }

    fn blue(&self, version: &VersionReport) -> Markup {
        html! {
            div class="version blue" {
                (id(version)) " " (state(version.state).shown())
                @if let Some(wait) = &version.waits_for { p { "Waits for " (wait) } }
                @if !version.view.is_empty() { p class="facts" { "with " (version.view.join(", ")) } }
            }
        }
    }

    fn test_runs(&self) -> Markup {
        let runs = runs(&self.stage);
        html! {
            section aria-labelledby="runs" {
                h2 id="runs" { "Test runs" }
                @if runs.is_empty() { p { "None yet." } }
                ul class="runs" { @for (of, run) in runs { (self.run(&of, run)) } }
            }
        }
    }

    fn run(&self, of: &VersionRef, run: &Run) -> Markup {
        let status = outcome(run.outcome);
        let record = self.records.get(&run.id);
        html! {
            li id=(run.id) class={ "card " (status.tone()) } {
                header { h3 { (of) } (status.shown()) }
                p class="facts" { (run.id) " · " (moment(in_seconds(run.started_at))) " · " (self.took(run, record)) }
                @match record.map(|record| &record.status) {
                    Some(RunStatus::Running { progress }) if run.outcome == RunOutcome::Running && !progress.is_empty() => {
                        p class="output" { (progress) }
                    },
                    Some(RunStatus::Ended(end)) => {
                        @if let Some(totals) = end.totals {
                            p { (totals.tests) " tests, " (totals.failed) " failed, " (totals.skipped) " skipped" }
                        }
                        @if !end.failed_tests.is_empty() {
                            ul class="failed" { @for test in &end.failed_tests { li { code { (test.name) } " " (test.message) } } }
                        }
                    },
                    _ => {},
                }
            }
        }
    }

    fn took(&self, run: &Run, record: Option<&RunRecord>) -> String {
        match record.map(|record| &record.status) {
            Some(RunStatus::Ended(end)) => length(in_seconds(end.ended_at) - in_seconds(end.started_at)),
            _ if run.outcome == RunOutcome::Running => self.since(run.started_at),
            _ => "ended".to_owned(),
        }
    }

    fn time_line(&self) -> Markup {
        html! {
            section aria-labelledby="events" {
                h2 id="events" { "What happened last" }
                ol class="events" { @for event in self.stage.recent.iter().rev().take(EVENTS) { (self.event(event)) } }
            }
        }
    }

    fn event(&self, event: &Event) -> Markup {
        let by = self.stage.version(&event.of).filter(|version| version.execution.execution_id == event.who);
        html! {
            li class=(tone_of(&event.what)) {
                (moment(in_seconds(event.at))) " " strong { (event.of) } " " (event.what)
                span class="facts" {
                    " by "
                    @match by.map(pipeline_of) {
                        Some(pipeline) if self.links == Links::ToPipelines => { (pipeline) " " (execution_link(pipeline, &event.who)) },
                        Some(pipeline) => { (pipeline) " " code class="id" { (short(&event.who)) } },
                        None => (event.who),
                    }
                }
            }
        }
    }

    fn since(&self, at: Moment) -> String {
        length(self.now - in_seconds(at))
    }
}

/// The class of a cell with nothing in it, which a small screen leaves out.
fn none(nothing: bool) -> Option<&'static str> {
    nothing.then_some("none")
}

fn pipeline_of(version: &Version) -> &str {
    version.execution.pipeline_arn.rsplit(':').next().unwrap_or_default()
}

fn id(version: &VersionReport) -> Markup {
    html! { code class="id" { (version.version) } }
}

fn in_seconds(at: Moment) -> Seconds {
    #[expect(clippy::cast_precision_loss, reason = "an f64 holds whole seconds for millions of years")]
    let seconds = at as f64;
    seconds
}

fn state(state: State) -> Status {
    match state {
        State::Creating => Status::busy("Being deployed".to_owned()),
        State::Blue => Status::busy("Blue".to_owned()),
        State::Tested => Status::busy("Tested".to_owned()),
        State::Promoting => Status::busy("Being promoted".to_owned()),
        State::Live => Status::good("Live".to_owned()),
        State::Previous => Status::over("Previous".to_owned()),
        State::Abandoned => Status::over("Abandoned".to_owned()),
        State::Retiring => Status::over("Being retired".to_owned()),
    }
}

fn outcome(outcome: RunOutcome) -> Status {
    match outcome {
        RunOutcome::Running => Status::busy("Running".to_owned()),
        RunOutcome::Passed => Status::good("Passed".to_owned()),
        RunOutcome::Failed => Status::bad("Failed".to_owned()),
        RunOutcome::Invalid => Status::over("Does not count".to_owned()),
    }
}

/// How an event looks; its words tell it all.
fn tone_of(what: &str) -> &'static str {
    match what {
        "went live" | "passed its tests" => "good",
        "failed its tests" => "bad",
        _ => "idle",
    }
}
