//! What a line of the log says about one thing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::local::definition::RegisteredTypes;
use crate::local::engine::{Definition, Execution, Gone, Job, Pipeline, PipelineProgress, State, Tracked, Webhook};

/// One thing as it is now, or the word that it is no more.
#[derive(Serialize, Deserialize)]
pub(super) enum Record<'a> {
    Types(Cow<'a, RegisteredTypes>),
    Definition { pipeline: Cow<'a, str>, is: Cow<'a, Definition> },
    Progress { pipeline: Cow<'a, str>, is: Cow<'a, PipelineProgress> },
    Execution { pipeline: Cow<'a, str>, is: Cow<'a, Execution> },
    Job(Cow<'a, Job>),
    Webhook(Cow<'a, Webhook>),
    Gone(Cow<'a, Gone>),
}

/// Everything that has changed since the last time. What is gone comes first: something else may bear its name by now.
pub(super) fn changed<'a>(state: &'a mut State, gone: &'a [Gone]) -> Vec<Record<'a>> {
    let mut records: Vec<Record<'a>> = gone.iter().map(|gone| Record::Gone(Cow::Borrowed(gone))).collect();
    records.extend(state.types.take_changed().map(|types| Record::Types(Cow::Borrowed(types))));
    for (name, pipeline) in &mut state.pipelines {
        let name = || Cow::Borrowed(name.as_str());
        let Pipeline { definition, progress, executions } = pipeline;
        let borrowed = definition.take_changed().map(Cow::Borrowed);
        records.extend(borrowed.map(|is| Record::Definition { pipeline: name(), is }));
        let borrowed = progress.take_changed().map(Cow::Borrowed);
        records.extend(borrowed.map(|is| Record::Progress { pipeline: name(), is }));
        let changed = executions.iter_mut().filter_map(|execution| execution.take_changed().map(Cow::Borrowed));
        records.extend(changed.map(|is| Record::Execution { pipeline: name(), is }));
    }
    let jobs = state.jobs.by_id.values_mut().filter_map(Tracked::take_changed);
    records.extend(jobs.map(|job| Record::Job(Cow::Borrowed(job))));
    let webhooks = state.webhooks.values_mut().filter_map(Tracked::take_changed);
    records.extend(webhooks.map(|webhook| Record::Webhook(Cow::Borrowed(webhook))));
    records
}

/// Everything there is, changed or not.
pub(super) fn all(state: &State) -> impl Iterator<Item = Record<'_>> {
    let types = std::iter::once(Record::Types(Cow::Borrowed(&*state.types)));
    let pipelines = state.pipelines.iter().flat_map(|(name, pipeline)| {
        let executions = pipeline
            .executions
            .iter()
            .map(move |execution| Record::Execution { pipeline: Cow::Borrowed(name), is: Cow::Borrowed(&**execution) });
        let definition = Record::Definition { pipeline: Cow::Borrowed(name), is: Cow::Borrowed(&*pipeline.definition) };
        let progress = Record::Progress { pipeline: Cow::Borrowed(name), is: Cow::Borrowed(&*pipeline.progress) };
        [definition, progress].into_iter().chain(executions)
    });
    let jobs = state.jobs.by_id.values().map(|job| Record::Job(Cow::Borrowed(&**job)));
    let webhooks = state.webhooks.values().map(|webhook| Record::Webhook(Cow::Borrowed(&**webhook)));
    types.chain(pipelines).chain(jobs).chain(webhooks)
}

/// Takes a record into the state.
pub(super) fn apply(record: Record<'_>, state: &mut State) {
    match record {
        Record::Types(types) => {
            state.types = Tracked::kept(types.into_owned());
        }
        Record::Definition { pipeline, is } => {
            let definition = Tracked::kept(is.into_owned());
            match state.pipelines.get_mut(&*pipeline) {
                Some(known) => known.definition = definition,
                None => {
                    let progress = Tracked::kept(PipelineProgress::default());
                    let new = Pipeline { definition, progress, executions: Vec::new() };
                    state.pipelines.insert(pipeline.into_owned(), new);
                }
            }
        }
        Record::Progress { pipeline, is } => {
            if let Some(known) = state.pipelines.get_mut(&*pipeline) {
                known.progress = Tracked::kept(is.into_owned());
            }
        }
        Record::Execution { pipeline, is } => {
            if let Some(known) = state.pipelines.get_mut(&*pipeline) {
                put(&mut known.executions, is.into_owned());
            }
        }
        Record::Job(job) => state.jobs.put_back(job.into_owned()),
        Record::Webhook(webhook) => {
            let name = webhook.definition.name.clone();
            state.webhooks.insert(name, Tracked::kept(webhook.into_owned()));
        }
        Record::Gone(gone) => forget(&gone, state),
    }
}

/// A known execution keeps its place; the place is the order in which executions started.
fn put(executions: &mut Vec<Tracked<Execution>>, execution: Execution) {
    let execution = Tracked::kept(execution);
    // The newest are looked at first: they are the ones that change.
    match executions.iter().rposition(|known| known.id == execution.id) {
        Some(index) => executions[index] = execution,
        None => executions.push(execution),
    }
}

fn forget(gone: &Gone, state: &mut State) {
    match gone {
        Gone::Pipeline(name) => {
            state.pipelines.remove(name);
        }
        Gone::Execution { pipeline, id } => {
            if let Some(known) = state.pipelines.get_mut(pipeline) {
                known.executions.retain(|execution| execution.id != *id);
            }
        }
        Gone::Webhook(name) => {
            state.webhooks.remove(name);
        }
    }
}

/// Puts together what is kept apart, when all records are in.
pub(super) fn mend(state: &mut State) {
    for pipeline in state.pipelines.values_mut() {
        let Pipeline { definition, executions, .. } = pipeline;
        for execution in executions.iter_mut() {
            let version = definition.versions.iter().find(|known| known.version == execution.version);
            // A version that an execution refers to is never dropped; without one it cannot be understood.
            if let Some(version) = version {
                let mut whole = (**execution).clone();
                whole.attach(version);
                *execution = Tracked::kept(whole);
            }
        }
        executions.retain(|execution| !execution.declaration.stages.is_empty());
    }
    let pipelines = &state.pipelines;
    let has = |action: &crate::local::engine::ActionRef| {
        let pipeline = pipelines.get(&action.pipeline);
        pipeline.is_some_and(|pipeline| pipeline.execution(&action.execution).is_some())
    };
    state.jobs.forget(|action| !has(action));
    state.jobs.reopen();
}
