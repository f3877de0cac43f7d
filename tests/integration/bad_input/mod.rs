//! What people get wrong: each time a failure of the right type, a message that says what to do, and nothing left over.

mod configuration;
mod promotion;
mod stacks;
mod tests;
mod wiring;

use crate::queue;
use crate::world::{ActionReport, PipelineOptions, Source, World};

/// Something that is wrong, and what the console is to say of it.
struct Case {
    /// The service, and its pipeline.
    name: &'static str,
    options: PipelineOptions,
    source: Source,
    /// The type of the failure.
    code: &'static str,
    /// Words that the message must hold.
    says: Vec<String>,
}

impl Case {
    /// A queue in a pipeline of the usual three actions.
    fn new(name: &'static str, (code, says): (&'static str, &[&str])) -> Self {
        Self {
            name,
            options: PipelineOptions::service(name),
            source: queue::source(),
            code,
            says: says.iter().map(|words| (*words).to_owned()).collect(),
        }
    }

    fn deploy(mut self, property: &str, value: &str) -> Self {
        self.options = self.options.deploy(property, value);
        self
    }

    fn test(mut self, property: &str, value: &str) -> Self {
        self.options = self.options.test(property, value);
        self
    }

    fn promote(mut self, property: &str, value: &str) -> Self {
        self.options = self.options.promote(property, value);
        self
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        self.source = self.source.with(path, text);
        self
    }
}

/// Releases all of them at once, and insists that each fails in this action as it says. All that is wrong is told.
async fn all_fail_in(world: &World, action: &str, cases: &[Case]) {
    let mut executions = Vec::new();
    for case in cases {
        world.create_pipeline(case.name, &case.options).await;
        executions.push(world.release(case.name, &case.source).await);
    }
    let mut wrong = Vec::new();
    for (case, execution) in cases.iter().zip(executions) {
        let outcome = world.await_execution(case.name, &execution).await;
        match outcome.actions.get(action) {
            Some(report) => wrong.extend(complaints(case, report)),
            None => wrong.push(format!("{}: {action} did not run: {:#?}", case.name, outcome.actions)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn complaints(case: &Case, report: &ActionReport) -> Vec<String> {
    let ActionReport { error_code, message, .. } = report;
    let mut wrong = Vec::new();
    if report.status != "Failed" || error_code != case.code {
        wrong.push(format!("is {} with {error_code}, not {}", report.status, case.code));
    }
    for words in case.says.iter().filter(|words| !message.contains(*words)) {
        wrong.push(format!("does not say: {words}"));
    }
    wrong.extend(unclear(message));
    wrong.iter().map(|what| format!("{}: {what}\n  {message}", case.name)).collect()
}

/// What tells that a message was put together carelessly, or is a program's rather than a person's.
fn unclear(message: &str) -> Option<String> {
    let careless =
        [" . ", " \n", "\"\"", "Some(", "None", "Error {", "Error(", "Unhandled", "service error", "panicked"];
    let found = careless.into_iter().find(|careless| message.contains(careless));
    let ends_well = message.ends_with('.') && !has_two_stops(message);
    match found {
        Some(found) => Some(format!("holds {found:?}")),
        None if !ends_well => Some("does not end each sentence with one full stop".to_owned()),
        None => None,
    }
}

/// Whether a word has two full stops behind it; a path may hold two dots.
fn has_two_stops(message: &str) -> bool {
    let mut ends = message.split("..").collect::<Vec<_>>();
    ends.pop();
    ends.iter().any(|before| before.ends_with(|last: char| last.is_alphanumeric()))
}

/// Insists that of all this the stage knows nothing and no stack is there.
async fn nothing_is_left(world: &World) {
    let stage = world.stage().await;
    assert!(stage.services.is_empty(), "{:#?}", stage.services);
    assert_eq!(world.stacks().await, Vec::<String>::new());
}

/// Waits until the sweep has taken everything away.
async fn nothing_stays(world: &World) {
    world.await_stage("the sweep has taken everything away", |stage| stage.services.is_empty()).await;
    nothing_is_left(world).await;
}
