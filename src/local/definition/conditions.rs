//! What CreatePipeline refuses in a pipeline stage's conditions.

use super::builtin::{OPERATORS, VARIABLE_CHECK, VARIABLE_CHECK_PROPERTIES};
use super::pipeline::{Condition, RuleDeclaration, StageResult};
use super::{ExecutionMode, PipelineStage};
use crate::local::error::{Answer, ErrorKind};

/// Whether a pipeline stage has anything of this kind: it belongs to pipelines of type V2 (user guide, "Conditions").
pub(super) fn used(stage: &PipelineStage) -> bool {
    let rolls_back = stage.on_failure.as_ref().is_some_and(|rule| rule.result == Some(StageResult::Rollback));
    rolls_back || listed(stage).next().is_some()
}

/// All conditions, each with the member it stands in and the results that may follow there.
fn listed(stage: &PipelineStage) -> impl Iterator<Item = (&'static str, &'static [StageResult], &Condition)> {
    use StageResult::{Fail, Retry, Rollback, Skip};
    let entry = stage.before_entry.iter().flat_map(|all| &all.conditions);
    let success = stage.on_success.iter().flat_map(|all| &all.conditions);
    let failure = stage.on_failure.iter().flat_map(|rule| &rule.conditions);
    entry
        .map(|condition| ("beforeEntry", &[Fail, Skip][..], condition))
        .chain(success.map(|condition| ("onSuccess", &[Fail, Rollback][..], condition)))
        .chain(failure.map(|condition| ("onFailure", &[Fail, Retry, Rollback, Skip][..], condition)))
}

/// Checks the conditions of a pipeline stage.
pub(super) fn check(stage: &PipelineStage) -> Answer<()> {
    let name = &stage.name;
    for (place, allowed, condition) in listed(stage) {
        if let Some(result) = condition.result
            && !allowed.contains(&result)
        {
            let message = format!(
                "Stage '{name}' has a {place} condition with the result {result:?}, which is not one of its results"
            );
            return Err(ErrorKind::InvalidStageDeclaration.because(message));
        }
        for rule in &condition.rules {
            check_rule(name, rule)?;
        }
    }
    Ok(())
}

/// Rolling back needs an order of executions, which PARALLEL mode does not have (user guide, "Execution modes").
pub(super) fn fit(stage: &PipelineStage, mode: ExecutionMode) -> bool {
    let by_condition = listed(stage).any(|(_, _, condition)| condition.result == Some(StageResult::Rollback));
    let directly = stage.on_failure.as_ref().is_some_and(|rule| rule.result == Some(StageResult::Rollback));
    mode != ExecutionMode::Parallel || !(by_condition || directly)
}

fn check_rule(stage: &str, rule: &RuleDeclaration) -> Answer<()> {
    let refuse = |what: String| {
        let message = format!("Rule '{}' of stage '{stage}' {what}", rule.name);
        Err(ErrorKind::InvalidStageDeclaration.because(message))
    };
    let provider = &rule.rule_type_id.provider;
    if provider != VARIABLE_CHECK {
        return refuse(format!(
            "is of the kind {provider}, which the local CodePipeline does not support; it supports {VARIABLE_CHECK}"
        ));
    }
    if let Some(key) = VARIABLE_CHECK_PROPERTIES.iter().find(|key| !rule.configuration.contains_key(**key)) {
        return refuse(format!("is missing required configuration '{key}'"));
    }
    let operator = &rule.configuration["Operator"];
    if !OPERATORS.contains(&operator.as_str()) {
        return refuse(format!("has the operator '{operator}'; it is one of {}", OPERATORS.join(", ")));
    }
    Ok(())
}
