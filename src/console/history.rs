//! The executions of a pipeline as a table, and what is said of one anywhere.

use maud::{Markup, html};

use super::answers::{ExecutionSummary, SourceRevision, Trigger};
use super::layout::{execution_page, unseen};
use super::words::{Seconds, Status, lasted, moment, short, spaced};

/// The last executions, newest first.
pub(super) fn table(pipeline: &str, executions: &[ExecutionSummary], now: Seconds) -> Markup {
    html! {
        section aria-labelledby="history" {
            h2 id="history" { "Executions" }
            @if executions.is_empty() {
                p { "None yet." }
            } @else {
                div class="scroll" tabindex="0" role="region" aria-label="Table of executions" {
                    table {
                        thead { tr {
                            th scope="col" { "Execution" } th scope="col" { "Status" } th scope="col" { "Source" }
                            th scope="col" { "Trigger" } th scope="col" { "Started" } th scope="col" { "Took" }
                        } }
                        tbody { @for execution in executions { (row(pipeline, execution, now)) } }
                    }
                }
            }
        }
    }
}

fn row(pipeline: &str, execution: &ExecutionSummary, now: Seconds) -> Markup {
    html! {
        tr id={ "row-" (execution.pipeline_execution_id) } {
            th scope="row" { (execution_link(pipeline, &execution.pipeline_execution_id)) }
            td { (Status::of(&execution.status).shown()) }
            td { (revisions(&execution.source_revisions)) }
            td { (trigger(&execution.trigger)) }
            td { (moment(execution.start_time)) }
            td { (lasted(&execution.status, (execution.start_time, execution.last_update_time), now)) }
        }
    }
}

/// The source revisions, each by its action.
pub(super) fn revisions(revisions: &[SourceRevision]) -> Markup {
    html! {
        @if revisions.is_empty() { "–" }
        @for (index, revision) in revisions.iter().enumerate() {
            @if index > 0 { br; }
            (revision.action_name) ": " code { (short(&revision.revision_id)) }
            @if let Some(summary) = revision.revision_summary.as_ref().filter(|told| !told.contains(&revision.revision_id)) {
                " " (summary)
            }
        }
    }
}

/// Why an execution started.
pub(super) fn trigger(trigger: &Trigger) -> String {
    match trigger.trigger_type.as_str() {
        "StartPipelineExecution" => "By hand".to_owned(),
        "CreatePipeline" => "When it was created".to_owned(),
        other => spaced(other),
    }
}

/// An execution by the beginning of its id, leading to its page.
pub(super) fn execution_link(pipeline: &str, execution: &str) -> Markup {
    html! {
        a class="id" href=(execution_page(pipeline, execution)) { (unseen("Execution ")) (short(execution)) }
    }
}
