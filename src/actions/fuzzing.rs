//! What is fuzzed of the actions: text that others wrote, in our own words. Built for `cargo fuzz` and for the test that
//! replays what it found, and never into the program.

#![expect(missing_docs, reason = "the name of each function says which input it reads")]

use std::path::Component;

use super::properties::PropertyError;
use super::token::Carried;
use super::values::{Value, Variable, parse_environment, parse_parameters};
use crate::ports::{ActionKind, Job, JobId, PipelineContext, Seal};
use crate::release::{Execution, Moment, RunId};

/// The action execution of the job that hands a token in.
const EXECUTION: &str = "0a1b2c3d-1111-4222-8333-444455556666";

/// When the action gives up by the clock of the worker that reads a token.
const DEADLINE: Moment = 1_800_000_000;

pub fn values(text: &str) {
    match parse_parameters("ParameterOverrides", text) {
        Ok(parameters) => parameters.values().for_each(stays_inside),
        Err(error) => says_which_property(&error, "ParameterOverrides"),
    }
    match parse_environment("EnvironmentVariables", text) {
        Ok(variables) => {
            for Variable { name, value, .. } in &variables {
                assert!(!name.is_empty() && !name.contains(['=', '\0']), "{name:?} is no name of a variable");
                assert!(!name.starts_with("BLUESTAGE_"), "{name} is ours");
                stays_inside(value);
            }
        }
        Err(error) => says_which_property(&error, "EnvironmentVariables"),
    }
}

fn stays_inside(value: &Value) {
    if let Value::Param { file, .. } = value {
        let inside = file.path.components().all(|part| matches!(part, Component::Normal(_)));
        assert!(inside && !file.artifact.is_empty(), "{file:?} leads out of its artifact");
    }
}

fn says_which_property(error: &PropertyError, property: &str) {
    assert!(error.name == property && !error.why.is_empty(), "{error}");
}

pub fn token(text: &str) {
    let mut job = job();
    job.token = Some(text.to_owned());
    let seal = Seal::of(&"nobody knows this key, nor guesses it".to_owned().into()).expect("a long key");
    assert!(Carried::of(&job, DEADLINE, &seal).is_err(), "a token without our seal");
    let Ok(carried) = Carried::of(&job, DEADLINE, &Seal::none()) else {
        return;
    };
    assert!(carried.deadline <= DEADLINE, "a token must not give an action more time than it has");
    if let Some(run) = &carried.run {
        assert_eq!(run.id, RunId::new(EXECUTION, run.attempt), "a token must not name another execution's run");
    }
    // What is read is handed on; only a token that is too long already cannot be.
    if let Ok(token) = carried.token(&seal) {
        job.token = Some(token.as_str().to_owned());
        let again = Carried::of(&job, DEADLINE, &seal).ok();
        assert_eq!(again.as_ref(), Some(&carried));
    }
}

fn job() -> Job {
    let execution = Execution {
        pipeline_arn: "arn".to_owned(),
        execution_id: "e-1".to_owned(),
        action_execution_id: EXECUTION.to_owned(),
    };
    Job {
        id: JobId("job-1".to_owned()),
        action: ActionKind::RunIsolatedTests,
        configuration: std::collections::BTreeMap::new(),
        pipeline: PipelineContext { pipeline: "orders".to_owned(), action: "Test".to_owned(), execution },
        inputs: Vec::new(),
        outputs: Vec::new(),
        credentials: None,
        encryption_key: None,
        token: None,
    }
}
