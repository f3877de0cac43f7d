//! ListRuleTypes, ListRuleExecutions, and how GetPipelineState shows conditions.

use serde_json::{Value, json};

use super::executions::{self, unknown};
use super::history::Listing;
use super::output::time;
use super::pages::page;
use super::read;
use crate::local::definition::{VARIABLE_CHECK, VARIABLE_CHECK_PROPERTIES};
use crate::local::engine::{self, ConditionRun, Execution, RuleRun, State, Turn};
use crate::local::error::Answer;

/// The largest page of ListRuleExecutions (API reference: 1 to 100).
const PAGE: usize = 100;

pub(super) fn list_types(_: &mut State, _: Value, _: &Turn<'_>) -> Answer<Value> {
    let property = |name: &&str| json!({"name": name, "required": true, "key": true, "secret": false});
    let properties: Vec<Value> = VARIABLE_CHECK_PROPERTIES.iter().map(property).collect();
    Ok(json!({"ruleTypes": [{
        "id": {"category": "Rule", "owner": "AWS", "provider": VARIABLE_CHECK, "version": "1"},
        "settings": {},
        "ruleConfigurationProperties": properties,
        "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 0},
    }]}))
}

pub(super) fn list(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let listing: Listing = read(input)?;
    let pipeline = engine::find(state, &listing.pipeline_name, turn)?;
    let wanted = listing.filter.execution();
    if let Some(id) = &wanted
        && pipeline.execution(id).is_none()
    {
        return Err(unknown(id, &listing.pipeline_name));
    }
    let mut items = Vec::new();
    for execution in pipeline.executions.iter().rev().filter(|e| wanted.as_ref().is_none_or(|id| e.id == *id)) {
        for (stage, run) in execution.declaration.stages.iter().zip(&execution.stages) {
            let conditions = [&run.before_entry, &run.on_success, &run.on_failure].into_iter().flatten();
            let rules = conditions.flat_map(|condition| &condition.rules);
            items.extend(rules.map(|rule| (rule.id.clone(), detail(execution, &stage.name, (rule, turn)))));
        }
    }
    page(items, &listing.page, ("ruleExecutionDetails", PAGE))
}

fn detail(execution: &Execution, stage: &str, (rule, turn): (&RuleRun, &Turn<'_>)) -> Value {
    let declared = &rule.declaration;
    json!({
        "pipelineExecutionId": execution.id,
        "ruleExecutionId": rule.id,
        "pipelineVersion": execution.version,
        "stageName": stage,
        "ruleName": declared.name,
        "startTime": time(rule.at),
        "lastUpdateTime": time(rule.at),
        "updatedBy": executions::caller(turn),
        "status": rule.status,
        "input": {
            "ruleTypeId": declared.rule_type_id,
            "configuration": declared.configuration,
            "resolvedConfiguration": rule.resolved,
            "roleArn": declared.role_arn,
            "region": turn.settings.region,
            "inputArtifacts": [],
        },
        "output": {"executionResult": {"errorDetails": error(rule)}},
    })
}

fn error(rule: &RuleRun) -> Option<Value> {
    let message = rule.error.as_ref()?;
    Some(json!({"code": "RuleFailed", "message": message}))
}

/// The conditions of one kind in a pipeline stage, as GetPipelineState shows them.
pub(super) fn shown(run: Option<&ConditionRun>) -> Option<Value> {
    let run = run?;
    let rules: Vec<Value> = run.rules.iter().map(rule).collect();
    let execution = json!({"status": run.status, "summary": run.summary, "lastStatusChange": time(run.at)});
    Some(json!({
        "latestExecution": {"status": run.status, "summary": run.summary},
        "conditionStates": [{"latestExecution": execution, "ruleStates": rules}],
    }))
}

fn rule(rule: &RuleRun) -> Value {
    json!({
        "ruleName": rule.declaration.name,
        "latestExecution": {
            "ruleExecutionId": rule.id,
            "status": rule.status,
            "lastStatusChange": time(rule.at),
            "errorDetails": error(rule),
        },
    })
}
