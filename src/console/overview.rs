//! What a worker is doing: its jobs, what it has decided last, its loops, and what went well last.

use maud::{Markup, html};

use super::layout::{Content, Section, told};
use super::words::{Status, length, moment, seconds, short};
use crate::worker::{Health, JobTold, Loop, LoopTold, Reached, SignTold, Subject, VerdictTold};

/// The page of the worker of this health, whose state is at `place`.
pub(super) fn content(health: &Health, place: &str) -> Content {
    let (jobs, verdicts) = (health.jobs(), health.verdicts());
    let last = verdicts.first().map_or_else(String::new, |last| format!("{} {}", about(&last.of), word(last.reached)));
    let main = html! {
        header class="title" { h1 { "Worker" } (state(health).shown()) }
        p class="facts" {
            "Of " code { (place) } " · bluestage " (env!("CARGO_PKG_VERSION")) " · has run for " (length(health.age().as_secs_f64()))
        }
        (told(&last))
        (troubles(health))
        section aria-labelledby="jobs" {
            h2 id="jobs" { "Jobs" }
            p class="facts" { (jobs.len()) " of at most " (health.slots()) }
            @if jobs.is_empty() { p { "None right now." } } @else { (jobs_table(&jobs)) }
        }
        section aria-labelledby="verdicts" {
            h2 id="verdicts" { "Last verdicts" }
            @if verdicts.is_empty() { p { "None since this worker began." } }
            ol class="events" { @for verdict in &verdicts { (verdict_item(verdict)) } }
        }
        section aria-labelledby="loops" { h2 id="loops" { "What it does" } (loops_table(&health.loops())) }
        section aria-labelledby="signs" { h2 id="signs" { "What went well last" } (signs_table(&health.signs())) }
    };
    Content { title: "Worker".to_owned(), section: Section::Worker, main }
}

fn state(health: &Health) -> Status {
    match (health.overdue().is_empty(), health.hindrances().is_empty()) {
        (true, true) => Status::good("Takes jobs".to_owned()),
        (true, false) => Status::busy("Takes no jobs".to_owned()),
        (false, _) => Status::bad("Not well".to_owned()),
    }
}

/// Why it is not as it should be; nothing where it is.
fn troubles(health: &Health) -> Markup {
    let overdue = health.overdue();
    let late = overdue.iter().map(|sign| {
        let why = sign.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} has not gone well for {}{why}", capital(&sign.of.to_string()), length(sign.age.as_secs_f64()))
    });
    let all: Vec<String> = late.chain(health.hindrances().iter().map(|why| capital(why))).collect();
    html! {
        @if !all.is_empty() { div class="error" { @for why in &all { p { (why) "." } } } }
    }
}

fn jobs_table(jobs: &[JobTold]) -> Markup {
    html! {
        table class="services" {
            thead { tr {
                th scope="col" { "Action" } th scope="col" { "Pipeline" } th scope="col" { "What is being done" } th scope="col" { "Held for" }
            } }
            tbody { @for job in jobs { (job_row(job)) } }
        }
    }
}

fn job_row(job: &JobTold) -> Markup {
    html! {
        tr id={ "job-" (job.id) } {
            th scope="row" {
                @match &job.of { Some(of) => (about(of)), None => "Not read yet" }
                p class="facts" { "Job " code { (short(&job.id.0)) } }
            }
            td data-label="Pipeline" { @if let Some(of) = &job.of { (execution(of)) } }
            td data-label="What is being done" { (job.doing) p class="facts" { "for " (length(job.doing_for.as_secs_f64())) } }
            td data-label="Held for" { (length(job.held.as_secs_f64())) }
        }
    }
}

fn verdict_item(verdict: &VerdictTold) -> Markup {
    let status = status_of(verdict.reached);
    html! {
        li id={ "verdict-" (verdict.job) } class=(status.tone()) {
            (moment(seconds(verdict.at))) " " strong { (about(&verdict.of)) } " " (status.shown())
            span class="facts" { " in " (execution(&verdict.of)) }
            p class="message" { (verdict.words) }
        }
    }
}

fn loops_table(loops: &[LoopTold]) -> Markup {
    let always = loops.iter().filter(|told| !matches!(told.of, Loop::Job(_)));
    html! {
        table class="services" {
            thead { tr { th scope="col" { "Loop" } th scope="col" { "Doing" } th scope="col" { "For" } } }
            tbody { @for told in always {
                tr id={ "loop-" (told.of) } {
                    th scope="row" { (meaning(&told.of)) }
                    td data-label="Doing" { (told.doing) }
                    td data-label="For" { (length(told.age.as_secs_f64())) }
                }
            } }
        }
    }
}

fn signs_table(signs: &[SignTold]) -> Markup {
    html! {
        table class="services" {
            thead { tr {
                th scope="col" { "What" } th scope="col" { "Last" } th scope="col" { "At most" } th scope="col" { "What went wrong since" }
            } }
            tbody { @for sign in signs {
                tr {
                    th scope="row" { (capital(&sign.of.to_string())) }
                    td data-label="Last" {
                        @if sign.ever { (length(sign.age.as_secs_f64())) " ago" } @else { "never" }
                        @if sign.is_overdue() { " " (Status::bad("Too long ago".to_owned()).shown()) }
                    }
                    td data-label="At most" { (length(sign.limit.as_secs_f64())) }
                    td class=[sign.trouble.is_none().then_some("none")] data-label="What went wrong since" {
                        (sign.trouble.as_deref().unwrap_or("–"))
                    }
                }
            } }
        }
    }
}

/// `DeployBlue of orders in stage test`.
fn about(of: &Subject) -> String {
    match (&of.service, &of.stage) {
        (Some(service), Some(stage)) => format!("{} of {service} in stage {stage}", of.action),
        _ => of.action.to_string(),
    }
}

fn execution(of: &Subject) -> Markup {
    html! { (of.pipeline) " " code class="id" { (short(&of.execution)) } }
}

fn status_of(reached: Reached) -> Status {
    let word = word(reached);
    match reached {
        Reached::Continue => Status::busy(word),
        Reached::Done => Status::good(word),
        Reached::Failed(_) => Status::bad(word),
    }
}

fn word(reached: Reached) -> String {
    match reached {
        Reached::Continue => "Goes on".to_owned(),
        Reached::Done => "Done".to_owned(),
        Reached::Failed(cause) => format!("Failed ({cause:?})"),
    }
}

fn meaning(of: &Loop) -> &'static str {
    match of {
        Loop::Poll => "Takes jobs",
        Loop::Sweep => "Sweeps the stages",
        Loop::Adopt => "Watches for workers that are gone",
        Loop::Page => "Keeps its page of the journal",
        Loop::Job(_) => "Serves a job",
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
