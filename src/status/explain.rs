//! Answers in sentences, from the document: who keeps this alive, what did that run see, why was it refused.

use crate::release::{RunOutcome, Service, ServiceName, Stage, State, Version, VersionRef};

/// The sentences about a service, a version or a run of this name; `None` when the stage knows none.
#[must_use]
pub fn explain(stage: &Stage, subject: &str) -> Option<Vec<String>> {
    if let Some((name, service)) = stage.services.iter().find(|(name, _)| name.as_str() == subject) {
        return Some(of_service(stage, name, service));
    }
    let mut versions = stage.all_versions();
    if let Some((of, version)) =
        versions.find(|(of, version)| of.version.as_str() == subject || is_run(version, subject))
    {
        return Some(of_version(stage, &of, version));
    }
    let history = history(stage, |event| event.of.version.as_str() == subject || event.what.contains(subject));
    (!history.is_empty()).then_some(history)
}

fn is_run(version: &Version, subject: &str) -> bool {
    version.run.as_ref().is_some_and(|run| run.id.as_str() == subject)
}

fn of_service(stage: &Stage, name: &ServiceName, service: &Service) -> Vec<String> {
    let mut told = vec![format!("{name} belongs to the pipeline {}.", service.owner)];
    told.push(match &service.live {
        Some(live) => format!("{live} is live."),
        None => "No version of it is live.".to_owned(),
    });
    for kept in &service.previous {
        told.push(format!("{kept} was live and is kept to switch back to."));
    }
    if service.losses > 0 {
        told.push(format!(
            "Its last {} promotions were refused, because versions that they were tested with had been replaced.",
            service.losses
        ));
    }
    if let Some(reserved) = &service.reserved {
        told.push(format!("{} goes first: promotions of {name} wait for it.", reserved.by));
    }
    for (of, version) in stage.all_versions().filter(|(of, _)| of.service == *name) {
        told.extend(of_version(stage, &of, version));
    }
    told
}

fn of_version(stage: &Stage, of: &VersionRef, version: &Version) -> Vec<String> {
    let mut told = vec![format!("{of} {}.", state(version))];
    let others: Vec<String> = version
        .view
        .iter()
        .filter(|(service, _)| **service != of.service)
        .map(|(service, id)| format!("{service} {id}"))
        .collect();
    if !others.is_empty() {
        told.push(format!("  It was tested with {}, which were live when it began.", others.join(", ")));
    }
    told.extend(
        version.run.iter().map(|run| format!("  Its newest test run is {}: {}.", run.id, outcome(run.outcome))),
    );
    told.extend(
        stage
            .behind()
            .iter()
            .filter(|behind| behind.of == *of)
            .map(|behind| format!("  It is behind: it goes on calling {}, which it was tested with.", behind.wired_to)),
    );
    told.extend(
        stage.debts().iter().filter(|debt| debt.caller == *of || debt.called == *of).map(|debt| {
            format!("  {} and {} are live together and were not tested together.", debt.caller, debt.called)
        }),
    );
    told.extend(stage.skew_of(of).iter().filter(|_| version.state.is_on_its_way()).map(|skew| {
        let live = skew.live_now.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let by = skew.promoted_by.as_ref().map_or_else(String::new, |by| format!(", promoted by {by}"));
        format!(
            "  It cannot go live: it was tested with {} {}, but {live} is live now{by}.",
            skew.service, skew.tested_with
        )
    }));
    told.push(keepers(stage, of));
    told.extend(history(stage, |event| event.of == *of).into_iter().map(|line| format!("  {line}")));
    told
}

fn keepers(stage: &Stage, of: &VersionRef) -> String {
    let pins: Vec<String> = stage.pins_of(of).iter().map(ToString::to_string).collect();
    if pins.is_empty() {
        "  Nobody can reach it: the sweep takes its stack away.".to_owned()
    } else {
        format!("  Its stack stays because {}.", pins.join("; and "))
    }
}

fn state(version: &Version) -> String {
    match version.state {
        State::Creating => "is being deployed".to_owned(),
        State::Blue => "is blue: only its own tests see it".to_owned(),
        State::Tested => "passed its tests and may go live".to_owned(),
        State::Promoting => "is being promoted".to_owned(),
        State::Live => "is live".to_owned(),
        State::Previous => "was live before".to_owned(),
        State::Abandoned | State::Retiring => match &version.abandoned_because {
            Some(because) => format!("was given up: {because}"),
            None => "is being retired".to_owned(),
        },
    }
}

fn outcome(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Running => "it has not ended",
        RunOutcome::Passed => "it passed",
        RunOutcome::Failed => "it failed",
        RunOutcome::Invalid => "it does not count, because something outside changed a stack meanwhile",
    }
}

/// What happened, oldest first.
fn history(stage: &Stage, wanted: impl Fn(&crate::release::Event) -> bool) -> Vec<String> {
    let events = stage.recent.iter().filter(|event| wanted(event));
    events.map(|event| format!("{}: {} {} (by {})", when(event.at), event.of, event.what, event.who)).collect()
}

/// RFC 3339, UTC.
fn when(at: crate::release::Moment) -> String {
    let at = i64::try_from(at).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    at.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_string())
}
