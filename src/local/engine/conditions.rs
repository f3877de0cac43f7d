//! The conditions of a pipeline stage are checked, and people override them.
//!
//! A condition holds if all of its rules succeed; its result follows only when it does not (user guide, "How do stage
//! conditions work?"). The one kind of rule here, VariableCheck, needs nobody, so that a check is over at once.

use std::collections::BTreeMap;
use std::time::SystemTime;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use super::execution::{ActionStatus, Execution, ExecutionStatus, StageStatus};
use super::pipelines::not_found;
use super::state::State;
use super::{Turn, events, variables};
use crate::local::definition::{Condition, RuleDeclaration, StageResult};
use crate::local::error::{Answer, ErrorKind};

/// How the conditions of one kind came out in a pipeline stage.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ConditionRun {
    pub(crate) status: ConditionStatus,
    pub(crate) summary: Option<String>,
    pub(crate) at: SystemTime,
    pub(crate) rules: Vec<RuleRun>,
}

/// How one rule came out.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RuleRun {
    pub(crate) id: String,
    pub(crate) declaration: RuleDeclaration,
    pub(crate) status: ActionStatus,
    pub(crate) at: SystemTime,
    pub(crate) resolved: BTreeMap<String, String>,
    pub(crate) error: Option<String>,
}

/// The status of a condition, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ConditionStatus {
    Succeeded,
    Failed,
    Overridden,
}

/// What OverrideStageCondition is asked.
pub(crate) struct OverrideRequest {
    pub(crate) pipeline: String,
    pub(crate) stage: String,
    pub(crate) execution: String,
    pub(crate) before_entry: bool,
}

/// Checks conditions; with the result that follows from the first one that does not hold.
pub(super) fn check(
    conditions: &[Condition],
    execution: &Execution,
    turn: &Turn<'_>,
) -> (ConditionRun, Option<StageResult>) {
    let mut run = ConditionRun { status: ConditionStatus::Succeeded, summary: None, at: turn.now, rules: Vec::new() };
    for condition in conditions {
        let rules: Vec<RuleRun> = condition.rules.iter().map(|rule| run_rule(rule, execution, turn)).collect();
        let broken = rules.iter().find(|rule| rule.status == ActionStatus::Failed);
        let broken = broken.map(|rule| format!("Rule {} failed", rule.declaration.name));
        run.rules.extend(rules);
        if broken.is_some() {
            (run.status, run.summary) = (ConditionStatus::Failed, broken);
            return (run, Some(condition.result.unwrap_or(StageResult::Fail)));
        }
    }
    (run, None)
}

fn run_rule(rule: &RuleDeclaration, execution: &Execution, turn: &Turn<'_>) -> RuleRun {
    let checked = variables::resolve(&rule.configuration, execution).map(|resolved| {
        let error = holds(&resolved).err();
        (resolved, error)
    });
    let (resolved, error) = checked.unwrap_or_else(|why| (BTreeMap::new(), Some(why)));
    RuleRun {
        id: turn.dice.uuid(),
        declaration: rule.clone(),
        status: if error.is_some() { ActionStatus::Failed } else { ActionStatus::Succeeded },
        at: turn.now,
        resolved,
        error,
    }
}

/// Compares a variable with a value, or says why they do not fit.
fn holds(resolved: &BTreeMap<String, String>) -> Result<(), String> {
    let part = |name: &str| resolved.get(name).map(String::as_str).unwrap_or_default();
    let (variable, value, operator) = (part("Variable"), part("Value"), part("Operator"));
    let holds = match operator {
        "EQ" => variable == value,
        "NE" => variable != value,
        "CONTAINS" => variable.contains(value),
        "MATCHES" => {
            let whole = Regex::new(&format!("^(?:{value})$"));
            whole.map_err(|error| format!("'{value}' is not a regular expression: {error}"))?.is_match(variable)
        }
        other => return Err(format!("There is no operator '{other}'")),
    };
    if holds { Ok(()) } else { Err(format!("'{variable}' {operator} '{value}' does not hold")) }
}

/// OverrideStageCondition: a pipeline stage that failed by a condition goes on as if that had held.
pub(crate) fn override_condition(state: &mut State, request: &OverrideRequest, turn: &Turn<'_>) -> Answer<()> {
    let Some(pipeline) = state.pipelines.get_mut(&request.pipeline) else {
        return Err(not_found(&request.pipeline, turn));
    };
    let (stage, id) = (&request.stage, &request.execution);
    if !pipeline.declaration().stages.iter().any(|known| known.name == *stage) {
        let message = format!("Pipeline '{}' does not have a stage '{stage}'", request.pipeline);
        return Err(ErrorKind::StageNotFound.because(message));
    }
    let refusal =
        format!("No such condition failed in stage '{stage}' of execution '{id}', so it cannot be overridden");
    let refuse = || ErrorKind::ConditionNotOverridable.because(refusal);
    let latest = pipeline.is_latest(id, stage);
    let Some(execution) = pipeline.execution(id).filter(|execution| execution.stage().name == *stage) else {
        return Err(refuse());
    };
    let run = execution.run();
    let condition = if request.before_entry { &run.before_entry } else { &run.on_success };
    let failed = condition.as_ref().is_some_and(|condition| condition.status == ConditionStatus::Failed);
    if !failed || run.status != StageStatus::Failed {
        return Err(refuse());
    }
    if !latest {
        let message = format!("Execution '{id}' is not the latest in stage '{stage}': a newer one has entered it");
        return Err(ErrorKind::NotLatestPipelineExecution.because(message));
    }
    if let Some(execution) = pipeline.execution_mut(id) {
        go_on(execution, request.before_entry, turn);
    }
    Ok(())
}

fn go_on(execution: &mut Execution, before_entry: bool, turn: &Turn<'_>) {
    let run = execution.run_mut();
    let condition = if before_entry { &mut run.before_entry } else { &mut run.on_success };
    if let Some(condition) = condition {
        (condition.status, condition.at) = (ConditionStatus::Overridden, turn.now);
    }
    run.status = StageStatus::InProgress;
    execution.status = ExecutionStatus::InProgress;
    execution.updated = turn.now;
    events::tell_execution(execution, "RESUMED", turn);
    events::tell_stage(execution, "RESUMED", turn);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(variable: &str, operator: &str, value: &str) -> bool {
        let parts = [("Variable", variable), ("Operator", operator), ("Value", value)];
        holds(&parts.map(|(name, part)| (name.to_owned(), part.to_owned())).into()).is_ok()
    }

    #[test]
    fn a_variable_is_compared_as_the_operator_says() {
        assert!(checked("main", "EQ", "main") && !checked("main", "EQ", "Main"));
        assert!(checked("main", "NE", "dev") && !checked("main", "NE", "main"));
        assert!(checked("release/7", "CONTAINS", "/7") && !checked("release", "CONTAINS", "7"));
        assert!(checked("v17", "MATCHES", "v[0-9]+") && !checked("rv17", "MATCHES", "v[0-9]+"));
        assert!(!checked("x", "MATCHES", "("));
    }
}
