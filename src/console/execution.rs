//! One execution of a pipeline, with every attempt of every action: variables, artifacts, configuration.

use maud::{Markup, html};

use super::Console;
use super::answers::{self, ActionDetail, Artifact, ExecutionDetail, ExecutionSummary};
use super::history::{revisions, trigger};
use super::layout::{Content, Section, pairs, pipeline_page, told};
use super::pipeline::outcome;
use super::problem::Problem;
use super::words::{Seconds, Status, lasted, moment, seconds, short};

pub(super) fn content(console: &Console, pipeline: &str, id: &str) -> Result<Content, Problem> {
    let local = &console.local;
    let detail = answers::detail(local, pipeline, id)?;
    let mut attempts = answers::attempts(local, pipeline, id)?;
    attempts.reverse();
    let Some(summary) = answers::summary(local, pipeline, id)? else {
        return Err(Problem::nowhere(format!("Pipeline {pipeline} has no execution {id} any more.")));
    };
    let now = seconds(console.clock.now());
    let main = html! {
        nav class="path" aria-label="Path" {
            a href="/console" { "Pipelines" } " / " a href=(pipeline_page(pipeline)) { (pipeline) }
        }
        header class="title" { h1 { "Execution " code { (short(id)) } } (Status::of(&summary.status).shown()) }
        (told(&sentence(&attempts)))
        (facts(&summary, &detail, now))
        section aria-labelledby="actions" {
            h2 id="actions" { "Actions" }
            ol class="attempts" { @for attempt in &attempts { (shown(attempt, now)) } }
        }
    };
    Ok(Content { title: format!("{} of {pipeline}", short(id)), section: Section::Pipelines, main })
}

fn sentence(attempts: &[ActionDetail]) -> String {
    let newest = attempts.last();
    newest
        .map_or_else(String::new, |attempt| format!("{}: {}", attempt.action_name, Status::of(&attempt.status).word()))
}

fn facts(summary: &ExecutionSummary, detail: &ExecutionDetail, now: Seconds) -> Markup {
    let variables = detail.variables.iter().map(|v| (v.name.as_str(), v.resolved_value.as_str()));
    let span = (summary.start_time, summary.last_update_time);
    html! {
        dl class="pairs" {
            dt { "Id" } dd { code { (summary.pipeline_execution_id) } }
            dt { "Started" } dd { (moment(summary.start_time)) ", " (trigger(&summary.trigger)) " " (summary.trigger.trigger_detail) }
            dt { "Took" } dd { (lasted(&summary.status, span, now)) }
            dt { "Source" } dd { (revisions(&summary.source_revisions)) }
            dt { "Pipeline version" } dd { (detail.pipeline_version) }
            @if summary.execution_type == "ROLLBACK" { dt { "Kind" } dd { "Rollback" } }
            @if let Some(stop) = summary.stop_trigger.as_ref().filter(|stop| !stop.reason.is_empty()) {
                dt { "Stopped because" } dd { (stop.reason) }
            }
            @if let Some(told) = &summary.status_summary { dt { "Status" } dd { (told) } }
        }
        (pairs("Variables", variables))
    }
}

fn shown(attempt: &ActionDetail, now: Seconds) -> Markup {
    let status = Status::of(&attempt.status);
    let id = &attempt.input.action_type_id;
    let span = (attempt.start_time, attempt.last_update_time);
    html! {
        li id={ "attempt-" (attempt.action_execution_id) } class={ "card " (status.tone()) } {
            header { h3 { (attempt.stage_name) " / " (attempt.action_name) } (status.shown()) }
            p class="facts" {
                (id.provider) " (" (id.owner) ", " (id.category) ") · " (moment(attempt.start_time)) " · "
                (lasted(&attempt.status, span, now))
            }
            (outcome(attempt))
            (more(attempt))
        }
    }
}

fn more(attempt: &ActionDetail) -> Markup {
    let text = |(name, value): (&'_ String, &'_ String)| (name.clone(), value.clone());
    let configuration: Vec<_> = attempt.input.resolved_configuration.iter().map(text).collect();
    let variables: Vec<_> = attempt.output.output_variables.iter().map(text).collect();
    let title = match &attempt.input.namespace {
        Some(namespace) => format!("Variables of {namespace}"),
        None => "Variables".to_owned(),
    };
    html! {
        (listed(&title, &variables))
        (listed("Input artifacts", &artifacts(&attempt.input.input_artifacts)))
        (listed("Output artifacts", &artifacts(&attempt.output.output_artifacts)))
        (listed("Configuration", &configuration))
    }
}

fn listed(title: &str, all: &[(String, String)]) -> Markup {
    pairs(title, all.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn artifacts(all: &[Artifact]) -> Vec<(String, String)> {
    let place = |artifact: &Artifact| format!("s3://{}/{}", artifact.location.bucket, artifact.location.key);
    all.iter().map(|artifact| (artifact.name.clone(), place(artifact))).collect()
}
