//! One pipeline: its pipeline stages with their actions, what can be done now, and its executions.

use std::collections::HashMap;

use maud::{Markup, html};

use super::Console;
use super::answers::{
    self, ActionDetail, ActionNow, ConditionState, Declaration, DeclaredAction, DeclaredVariable, ExecutionSummary,
    PipelineState, StageState,
};
use super::history::{self, execution_link};
use super::layout::{Content, Section, execution_page, outside, pipeline_page, told, unseen};
use super::pipelines::stage_status;
use super::problem::Problem;
use super::requests::VARIABLE;
use super::words::{Seconds, Status, is_going_on, lasted, seconds, spaced};

/// The longest comment of an approval, and the longest reason of a stop that the service takes.
const LONGEST_COMMENT: u32 = 512;
const LONGEST_REASON: u32 = 200;

struct Shown<'a> {
    name: &'a str,
    declaration: Declaration,
    state: PipelineState,
    executions: Vec<ExecutionSummary>,
    /// Attempts by their ids.
    attempts: HashMap<String, ActionDetail>,
    now: Seconds,
}

pub(super) fn content(console: &Console, name: &str) -> Result<Content, Problem> {
    let local = &console.local;
    let (declaration, state) = (answers::declaration(local, name)?, answers::state(local, name)?);
    let mut shown: Vec<&str> = Vec::new();
    let mut attempts = HashMap::new();
    for latest in state.stage_states.iter().filter_map(|stage| stage.latest_execution.as_ref()) {
        let id = latest.pipeline_execution_id.as_str();
        if !shown.contains(&id) {
            shown.push(id);
            let of_one = answers::attempts(local, name, id)?;
            attempts.extend(of_one.into_iter().map(|attempt| (attempt.action_execution_id.clone(), attempt)));
        }
    }
    let executions = answers::executions(local, name)?;
    let now = seconds(console.clock.now());
    let pipeline = Shown { name, declaration, attempts, executions, now, state };
    Ok(Content { title: name.to_owned(), section: Section::Pipelines, main: pipeline.main() })
}

impl Shown<'_> {
    fn main(&self) -> Markup {
        let status = self
            .executions
            .first()
            .map_or_else(|| Status::none("Never started".to_owned()), |newest| Status::of(&newest.status));
        let steps = self.declaration.stages.iter().zip(&self.state.stage_states);
        html! {
            nav class="path" aria-label="Path" { a href="/console" { "Pipelines" } }
            header class="title" { h1 { (self.name) } (status.shown()) }
            p class="facts" {
                "Version " (self.declaration.version) " · " (spaced(&titled(&self.declaration.execution_mode))) " mode"
            }
            (told(&self.sentence()))
            (start(self.name, &self.declaration.variables))
            (self.in_progress())
            div class="stages" {
                @for (declared, state) in steps { (self.stage(&declared.actions, state)) }
            }
            (history::table(self.name, &self.executions, self.now))
        }
    }

    /// What is read out when it changes.
    fn sentence(&self) -> String {
        let stands = |stage: &StageState| format!("{}: {}", stage.stage_name, stage_status(stage).word());
        self.state.stage_states.iter().map(stands).collect::<Vec<_>>().join(", ")
    }

    fn in_progress(&self) -> Markup {
        let active: Vec<_> = self.executions.iter().filter(|execution| is_going_on(&execution.status)).collect();
        html! {
            @if !active.is_empty() {
                section class="active" aria-labelledby="active" {
                    h2 id="active" { "In progress" }
                    ul { @for execution in active {
                        li id={ "active-" (execution.pipeline_execution_id) } {
                            p {
                                (execution_link(self.name, &execution.pipeline_execution_id)) " "
                                (Status::of(&execution.status).shown()) " for "
                                (lasted(&execution.status, (execution.start_time, 0.0), self.now))
                            }
                            (stop(self.name, execution))
                        }
                    } }
                }
            }
        }
    }

    fn stage(&self, declared: &[DeclaredAction], stage: &StageState) -> Markup {
        let (name, status) = (&stage.stage_name, stage_status(stage));
        html! {
            (transition(stage))
            section id={ "stage-" (name) } class={ "card stage " (status.tone()) } aria-labelledby={ "stage-name-" (name) } {
                header {
                    h2 id={ "stage-name-" (name) } { (unseen("Pipeline stage ")) (name) }
                    (status.shown())
                    @if let Some(latest) = &stage.latest_execution {
                        p class="facts" { (execution_link(self.name, &latest.pipeline_execution_id)) }
                    }
                }
                (conditions(stage))
                ol class="actions" { @for action in declared { (self.action(stage, action)) } }
                (self.retry(stage))
            }
        }
    }

    fn action(&self, stage: &StageState, declared: &DeclaredAction) -> Markup {
        let states = stage.action_states.iter();
        let now = states.filter(|state| state.action_name == declared.name).find_map(|s| s.latest_execution.as_ref());
        let attempt = now.and_then(|now| self.attempts.get(&now.action_execution_id));
        let asks = now.and_then(|now| now.token.as_deref());
        let status = match (attempt, asks) {
            (_, Some(_)) => Status::asks("Waits for an approval".to_owned()),
            (Some(attempt), None) => Status::of(&attempt.status),
            (None, None) => Status::none("Not run yet".to_owned()),
        };
        html! {
            li class={ "action " (status.tone()) } {
                h3 { (declared.name) }
                p class="facts" { (kind(declared)) " · step " (declared.run_order) }
                p { (status.shown()) @if let Some(attempt) = attempt { " " (took(attempt, self.now)) } }
                @if let (Some(now), Some(attempt)) = (now, attempt) { (progress(now, attempt)) }
                @if let Some(attempt) = attempt { (outcome(attempt)) }
                @if let Some(token) = asks { (approval(self.name, (&stage.stage_name, &declared.name), token)) }
            }
        }
    }

    /// The buttons that make a pipeline stage again, when that can be asked.
    fn retry(&self, stage: &StageState) -> Markup {
        let ended = stage.latest_execution.as_ref();
        let ended = ended.filter(|latest| matches!(latest.status.as_str(), "Failed" | "Stopped"));
        html! {
            @if let Some(latest) = ended {
                form class="row" method="post" action={ (execution_page(self.name, &latest.pipeline_execution_id)) "/retry" } {
                    input type="hidden" name="stage" value=(stage.stage_name);
                    button name="mode" value="FAILED_ACTIONS" { "Retry failed actions" }
                    button class="quiet" name="mode" value="ALL_ACTIONS" { "Retry all actions" }
                }
            }
        }
    }
}

/// `SUPERSEDED` as `Superseded`.
fn titled(mode: &str) -> String {
    let (first, rest) = mode.split_at_checked(1).unwrap_or((mode, ""));
    format!("{first}{}", rest.to_lowercase())
}

fn kind(declared: &DeclaredAction) -> Markup {
    let id = &declared.action_type_id;
    html! { (id.provider) " (" (id.owner) ", " (id.category) ")" }
}

fn took(attempt: &ActionDetail, now: Seconds) -> Markup {
    let span = (attempt.start_time, attempt.last_update_time);
    html! { span class="facts" { (lasted(&attempt.status, span, now)) } }
}

fn progress(now: &ActionNow, attempt: &ActionDetail) -> Markup {
    let percent = now.percent_complete.filter(|_| is_going_on(&attempt.status));
    html! {
        @if let Some(percent) = percent {
            progress max="100" value=(percent) aria-label={ "Progress of " (attempt.action_name) } { (percent) " %" }
        }
    }
}

/// What an attempt has told: summary, error, link.
pub(super) fn outcome(attempt: &ActionDetail) -> Markup {
    let result = &attempt.output.execution_result;
    let error = result.error_details.as_ref();
    // What was told last before it went wrong is no longer so.
    let summary = result.external_execution_summary.as_ref().filter(|_| error.is_none());
    html! {
        @if let Some(summary) = summary { p class="summary" { (summary) } }
        @if let Some(error) = error {
            div class="error" { p { strong { (spaced(&error.code)) } } p class="message" { (error.message) } }
        }
        @if let Some(url) = &result.external_execution_url {
            p { (outside(url, &html! { "Details" (unseen(&format!(" of {}", attempt.action_name))) })) }
        }
    }
}

fn transition(stage: &StageState) -> Markup {
    let waiting = &stage.inbound_executions;
    html! {
        @if !stage.inbound_transition_state.enabled {
            p class="transition" {
                strong { "Nobody may enter " (stage.stage_name) ": the transition is disabled." }
                @if let Some(reason) = &stage.inbound_transition_state.disabled_reason { " " (reason) }
            }
        }
        @if !waiting.is_empty() {
            p class="transition" {
                @if waiting.len() == 1 { "One execution waits" } @else { (waiting.len()) " executions wait" }
                " to enter " (stage.stage_name) "."
            }
        }
    }
}

fn conditions(stage: &StageState) -> Markup {
    let kinds: [(&str, &Option<ConditionState>); 3] = [
        ("Condition before entry", &stage.before_entry_condition_state),
        ("Condition on success", &stage.on_success_condition_state),
        ("Condition on failure", &stage.on_failure_condition_state),
    ];
    html! {
        @for (name, state) in kinds {
            @if let Some(state) = state {
                p { (name) ": " (Status::of(&state.latest_execution.status).shown())
                    @if let Some(summary) = &state.latest_execution.summary { " " (summary) } }
            }
        }
    }
}

fn approval(pipeline: &str, (stage, action): (&str, &str), token: &str) -> Markup {
    let field = format!("comment-{action}");
    html! {
        form class="ask" method="post" action={ (pipeline_page(pipeline)) "/approve" } {
            input type="hidden" name="stage" value=(stage);
            input type="hidden" name="action" value=(action);
            input type="hidden" name="token" value=(token);
            label for=(field) { "Comment" }
            input id=(field) name="summary" maxlength=(LONGEST_COMMENT) autocomplete="off";
            div class="row" {
                button name="status" value="Approved" { "Approve" (unseen(&format!(" {action}"))) }
                button class="quiet" name="status" value="Rejected" { "Reject" (unseen(&format!(" {action}"))) }
            }
        }
    }
}

fn start(pipeline: &str, variables: &[DeclaredVariable]) -> Markup {
    html! {
        form class="start" method="post" action={ (pipeline_page(pipeline)) "/start" } {
            @for variable in variables {
                div class="field" {
                    label for={ "variable-" (variable.name) } { (variable.name) }
                    @if let Some(description) = &variable.description { p class="facts" { (description) } }
                    input id={ "variable-" (variable.name) } name={ (VARIABLE) (variable.name) } autocomplete="off"
                        value=[variable.default_value.as_deref()] required[variable.default_value.is_none()];
                }
            }
            button { "Start" (unseen(&format!(" {pipeline}"))) }
        }
    }
}

/// The form that stops an execution. Waiting can be turned into abandoning, but not the other way round.
fn stop(pipeline: &str, execution: &ExecutionSummary) -> Markup {
    let id = &execution.pipeline_execution_id;
    html! {
        details {
            summary { "Stop" (unseen(&format!(" execution {id}"))) "…" }
            form class="ask" method="post" action={ (execution_page(pipeline, id)) "/stop" } {
                label for={ "reason-" (id) } { "Reason" }
                input id={ "reason-" (id) } name="reason" maxlength=(LONGEST_REASON) autocomplete="off";
                div class="row" {
                    @if execution.status == "InProgress" {
                        button name="how" value="wait" { "Stop and wait" }
                    }
                    button class="quiet" name="how" value="abandon" { "Stop and abandon" }
                }
            }
        }
    }
}
