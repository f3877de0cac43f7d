//! All pipelines, each with where it stands.

use maud::{Markup, html};

use super::Console;
use super::answers::{self, Declaration, ExecutionSummary, PipelineState, StageState};
use super::history::{execution_link, trigger};
use super::layout::{Content, Section, pipeline_page, told, unseen};
use super::problem::Problem;
use super::words::{Seconds, Status, lasted, moment, seconds};

struct Shown {
    name: String,
    declaration: Declaration,
    state: PipelineState,
    newest: Option<ExecutionSummary>,
}

pub(super) fn content(console: &Console) -> Result<Content, Problem> {
    let local = &console.local;
    let now = seconds(console.clock.now());
    let mut all = Vec::new();
    for name in answers::names(local)? {
        let (declaration, state) = (answers::declaration(local, &name)?, answers::state(local, &name)?);
        let newest = answers::executions(local, &name)?.into_iter().next();
        all.push(Shown { name, declaration, state, newest });
    }
    let main = html! {
        h1 { "Pipelines" }
        (told(&sentence(&all)))
        @if all.is_empty() { (none()) }
        div class="cards" { @for pipeline in &all { (card(pipeline, now)) } }
    };
    Ok(Content { title: "Pipelines".to_owned(), section: Section::Pipelines, main })
}

fn sentence(all: &[Shown]) -> String {
    let stands = |pipeline: &Shown| format!("{}: {}", pipeline.name, status(pipeline).word());
    all.iter().map(stands).collect::<Vec<_>>().join(", ")
}

fn status(pipeline: &Shown) -> Status {
    pipeline
        .newest
        .as_ref()
        .map_or_else(|| Status::none("Never started".to_owned()), |newest| Status::of(&newest.status))
}

fn none() -> Markup {
    html! {
        p { "There are no pipelines yet. Load some with " code { "bluestage local --pipelines DIR" } ", or create one:" }
        pre { "aws codepipeline create-pipeline --cli-input-json file://pipeline.json" }
    }
}

fn card(pipeline: &Shown, now: Seconds) -> Markup {
    let (name, status) = (&pipeline.name, status(pipeline));
    html! {
        article id={ "pipeline-" (name) } class={ "card " (status.tone()) } aria-labelledby={ "name-" (name) } {
            header {
                h2 id={ "name-" (name) } { a href=(pipeline_page(name)) { (name) } }
                (status.shown())
            }
            ol class="strip" aria-label="Pipeline stages" { @for stage in &pipeline.state.stage_states { (step(stage)) } }
            @if let Some(newest) = &pipeline.newest {
                p class="facts" {
                    (execution_link(name, &newest.pipeline_execution_id)) " · " (trigger(&newest.trigger)) " · "
                    (moment(newest.start_time)) " · "
                    (lasted(&newest.status, (newest.start_time, newest.last_update_time), now))
                }
            }
            (start(name, &pipeline.declaration))
        }
    }
}

/// A pipeline stage in the row of them.
fn step(stage: &StageState) -> Markup {
    let status = stage_status(stage);
    html! {
        li class=(status.tone()) {
            span class="name" { (stage.stage_name) }
            (status.shown())
        }
    }
}

/// How a pipeline stage stands. One that waits for an answer says so: nothing happens there by itself.
pub(super) fn stage_status(stage: &StageState) -> Status {
    let asks = stage
        .action_states
        .iter()
        .any(|action| action.latest_execution.as_ref().is_some_and(|now| now.token.is_some()));
    match &stage.latest_execution {
        Some(_) if asks => Status::asks("Waits for an approval".to_owned()),
        Some(latest) => Status::of(&latest.status),
        None => Status::none("Not run yet".to_owned()),
    }
}

fn start(name: &str, declaration: &Declaration) -> Markup {
    let needs_values = declaration.variables.iter().any(|variable| variable.default_value.is_none());
    html! {
        @if needs_values {
            p { a class="button" href=(pipeline_page(name)) { "Start…" (unseen(&format!(" {name}"))) } }
        } @else {
            form method="post" action={ (pipeline_page(name)) "/start" } {
                button { "Start" (unseen(&format!(" {name}"))) }
            }
        }
    }
}
