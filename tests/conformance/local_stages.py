"""Drives what people do to the stages of a running `bluestage local`: transitions, approvals, conditions, rollbacks.

    local_stages.py --endpoint-url http://127.0.0.1:PORT

See local_codepipeline.py for how the server must run.
"""

import datetime
import uuid

from local_codepipeline import check, context, refused, run, until

NOW = datetime.datetime.now(datetime.timezone.utc)


def types(world):
    world.register()


def transitions(world):
    pipelines = world.pipelines
    name = world.create(world.declaration("closed", {"name": "Test", "actions": [world.action("Run")]}))
    into = dict(pipelineName=name, stageName="Test", transitionType="Inbound")
    refused("a reason of odd letters", "ValidationException", pipelines.disable_stage_transition, "regular expression", reason="§", **into)
    pipelines.disable_stage_transition(reason="not before noon", **into)
    state = world.stage(name, "Test")["inboundTransitionState"]
    check("GetPipelineState shows the disabled transition", state["enabled"] is False
          and state["disabledReason"] == "not before noon" and state["lastChangedAt"], state)
    one = world.start(name)
    inbound = until(lambda: world.stage(name, "Test").get("inboundExecution"))
    check("an execution waits before it", inbound and inbound["pipelineExecutionId"] == one, inbound)
    two = world.start(name)
    check("and is overtaken there", world.ends(name, one, "Superseded"))
    pipelines.enable_stage_transition(**into)
    job = world.take(two)
    check("enabled, the newest goes on", job is not None)
    world.succeed(job)
    pipelines.disable_stage_transition(pipelineName=name, stageName="Source", transitionType="Outbound", reason="x")
    check("out of one stage is into the next", world.stage(name, "Test")["inboundTransitionState"]["enabled"] is False)
    pipelines.enable_stage_transition(pipelineName=name, stageName="Source", transitionType="Outbound")
    check("and back", world.stage(name, "Test")["inboundTransitionState"]["enabled"] is True)
    refused("no such stage", "StageNotFoundException", pipelines.enable_stage_transition, pipelineName=name, stageName="Dance", transitionType="Inbound")
    refused("no such pipeline", "PipelineNotFoundException", pipelines.enable_stage_transition, pipelineName="Nowhere", stageName="Test", transitionType="Inbound")
    refused("into the first stage", "ValidationException", pipelines.enable_stage_transition, "first", pipelineName=name, stageName="Source", transitionType="Inbound")
    pipelines.delete_pipeline(name=name)


def approvals(world):
    pipelines = world.pipelines
    ask = {"name": "Ask", "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
           "configuration": {"CustomData": "look at #{src.VersionId}"}, "timeoutInMinutes": 60}
    name = world.create(world.declaration("asked", {"name": "Gate", "actions": [ask]}, {"name": "Test", "actions": [world.action("Run")]}))
    execution = world.start(name)
    def asked():
        """The question that is open, if one is."""
        state = world.stage(name, "Gate")["actionStates"][0].get("latestExecution", {})
        return state if state.get("status") == "InProgress" else None
    state = until(asked)
    check("an approval waits and has a token", state["status"] == "InProgress" and state["token"], state)
    answer = dict(pipelineName=name, stageName="Gate", actionName="Ask", token=state["token"])
    yes, no = {"summary": "fine", "status": "Approved"}, {"summary": "not like this", "status": "Rejected"}
    refused("a token of another question", "InvalidApprovalTokenException", pipelines.put_approval_result, **{**answer, "token": str(uuid.uuid4())}, result=yes)
    refused("no such action", "ActionNotFoundException", pipelines.put_approval_result, **{**answer, "actionName": "Dance"}, result=yes)
    refused("no such stage", "StageNotFoundException", pipelines.put_approval_result, **{**answer, "stageName": "Dance"}, result=yes)
    refused("no such pipeline", "PipelineNotFoundException", pipelines.put_approval_result, **{**answer, "pipelineName": "Nowhere"}, result=yes)
    given = pipelines.put_approval_result(**answer, result=yes)
    check("PutApprovalResult tells when", abs((given["approvedAt"] - NOW).total_seconds()) < 3600, given)
    refused("a second answer", "ApprovalAlreadyCompletedException", pipelines.put_approval_result, **answer, result=no)
    world.succeed(world.take(execution))
    check("approved, the pipeline goes on", world.ends(name, execution, "Succeeded"))
    second = world.start(name)
    state = until(asked)
    pipelines.put_approval_result(**{**answer, "token": state["token"]}, result=no)
    check("rejected, it fails", world.ends(name, second, "Failed"))
    error = world.actions(name, second)[0]["output"]["executionResult"]["errorDetails"]
    check("with the summary", "not like this" in error["message"], error)
    pipelines.delete_pipeline(name=name)


def rule(value, operator="EQ", name="Check", variable="#{variables.go}"):
    return {"name": name, "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
            "configuration": {"Variable": variable, "Value": value, "Operator": operator}}


def conditions(world):
    pipelines = world.pipelines
    go = [{"name": "go", "defaultValue": "yes"}]
    no = lambda **start: world.start(name, variables=[{"name": "go", "value": "no"}], **start)
    test = {"name": "Test", "actions": [world.action("Run")]}

    fail = {"conditions": [{"result": "FAIL", "rules": [rule("yes"), rule(".*e.*", "MATCHES", "Second")]}]}
    name = world.create(world.declaration("entry", {**test, "beforeEntry": fail}, variables=go))
    execution = no()
    check("beforeEntry FAIL: the execution fails", world.ends(name, execution, "Failed"))
    state = world.stage(name, "Test")
    shown = state["beforeEntryConditionState"]
    rules = {r["ruleName"]: r["latestExecution"]["status"] for r in shown["conditionStates"][0]["ruleStates"]}
    check("GetPipelineState shows condition and rules", shown["latestExecution"]["status"] == "Failed"
          and rules == {"Check": "Failed", "Second": "Failed"}, shown)
    listed = pipelines.list_rule_executions(pipelineName=name, filter={"pipelineExecutionId": execution})["ruleExecutionDetails"]
    check("ListRuleExecutions shows what was compared", [r["ruleName"] for r in listed] == ["Check", "Second"]
          and listed[0]["input"]["resolvedConfiguration"]["Variable"] == "no", listed)
    pages = pipelines.get_paginator("list_rule_executions").paginate(pipelineName=name, PaginationConfig={"PageSize": 1}).build_full_result()
    check("ListRuleExecutions in pages", len(pages["ruleExecutionDetails"]) >= 2, pages)
    override = dict(pipelineName=name, stageName="Test", pipelineExecutionId=execution)
    refused("another condition", "ConditionNotOverridableException", pipelines.override_stage_condition, conditionType="ON_SUCCESS", **override)
    pipelines.override_stage_condition(conditionType="BEFORE_ENTRY", **override)
    job = world.take(execution)
    check("overridden, the stage runs", job is not None)
    check("and says so", world.stage(name, "Test")["beforeEntryConditionState"]["latestExecution"]["status"] == "Overridden")
    world.succeed(job)
    check("to its end", world.ends(name, execution, "Succeeded"))
    refused("overriding twice", "ConditionNotOverridableException", pipelines.override_stage_condition, conditionType="BEFORE_ENTRY", **override)
    good = world.start(name)
    world.succeed(world.take(good))
    check("a condition that holds lets in", world.ends(name, good, "Succeeded"))

    skip = {"conditions": [{"result": "SKIP", "rules": [rule("yes")]}]}
    name = world.create(world.declaration("skipped", {**test, "beforeEntry": skip}, {"name": "After", "actions": [world.action("Last")]}, variables=go))
    execution = no()
    job = world.take(execution)
    check("beforeEntry SKIP: the next stage runs", context(job)["stage"]["name"] == "After", job)
    check("and the stage is Skipped", world.stage(name, "Test")["latestExecution"]["status"] == "Skipped")
    world.succeed(job)

    name = world.create(world.declaration("success", {**test, "onSuccess": fail}, variables=go))
    execution = no()
    world.succeed(world.take(execution))
    check("onSuccess FAIL: the stage fails after its actions", world.ends(name, execution, "Failed"))
    pipelines.override_stage_condition(pipelineName=name, stageName="Test", pipelineExecutionId=execution, conditionType="ON_SUCCESS")
    check("overridden, it has succeeded", world.ends(name, execution, "Succeeded"))

    name = world.create(world.declaration("failskip", {**test, "onFailure": {"result": "SKIP"}}, {"name": "After", "actions": [world.action("Last")]}))
    execution = world.start(name)
    world.fail(world.take(execution))
    job = world.take(execution)
    check("onFailure SKIP: the next stage runs", context(job)["stage"]["name"] == "After", job)
    world.succeed(job)
    check("and the execution succeeds", world.ends(name, execution, "Succeeded"))

    refused("a rule of another kind", "InvalidStageDeclarationException", pipelines.create_pipeline, "VariableCheck",
            pipeline=world.declaration("alarm", {**test, "beforeEntry": {"conditions": [{"rules": [
                {"name": "A", "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "CloudWatchAlarm"}}]}]}}))
    refused("conditions in V1", "InvalidStructureException", pipelines.create_pipeline, "V2",
            pipeline={**world.declaration("old", {**test, "beforeEntry": skip}), "pipelineType": "V1"})
    kinds = pipelines.list_rule_types()["ruleTypes"]
    check("ListRuleTypes", [k["id"]["provider"] for k in kinds] == ["VariableCheck"], kinds)


def rollbacks(world):
    pipelines = world.pipelines
    stage = {"name": "Test", "actions": [world.action("Run", configuration={"Command": "#{src.VersionId}"})]}
    after = {"name": "After", "actions": [world.action("Last")]}
    name = world.create(world.declaration("back", stage, after))
    good = world.start(name)
    first = world.take(good)
    world.succeed(first)
    world.succeed(world.take(good))
    world.put_source(b"broken")
    bad = world.start(name)
    world.fail(world.take(bad))
    world.ends(name, bad, "Failed")
    ids = dict(pipelineName=name, stageName="Test")
    refused("to one that failed there", "UnableToRollbackStageException", pipelines.rollback_stage, "did not succeed", targetPipelineExecutionId=bad, **ids)
    refused("the source stage", "UnableToRollbackStageException", pipelines.rollback_stage, "source", targetPipelineExecutionId=good, pipelineName=name, stageName="Source")
    refused("to no execution", "PipelineExecutionNotFoundException", pipelines.rollback_stage, targetPipelineExecutionId=str(uuid.uuid4()), **ids)
    refused("no stage", "StageNotFoundException", pipelines.rollback_stage, targetPipelineExecutionId=good, pipelineName=name, stageName="Dance")
    back = pipelines.rollback_stage(targetPipelineExecutionId=good, **ids)["pipelineExecutionId"]
    job = world.take(back)
    same = lambda j: (j["data"]["actionConfiguration"]["configuration"]["Command"], j["data"]["inputArtifacts"][0]["location"])
    check("RollbackStage: artifacts and variables of the target", same(job) == same(first), job)
    found = pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=back)["pipelineExecution"]
    check("it is an execution of its own kind", found["executionType"] == "ROLLBACK"
          and found["rollbackMetadata"]["rollbackTargetPipelineExecutionId"] == good
          and found["trigger"]["triggerType"] == "ManualRollback", found)
    world.succeed(job)
    check("it ends after its stage", world.ends(name, back, "Succeeded"))
    refused("to a rollback", "UnableToRollbackStageException", pipelines.rollback_stage, "rollback", targetPipelineExecutionId=back, **ids)
    changed = pipelines.get_pipeline(name=name)["pipeline"]
    changed["stages"][1]["actions"][0]["runOrder"] = 2
    changed["stages"][1]["actions"][0]["configuration"]["Password"] = "new"
    changed["stages"][2]["actions"][0]["configuration"]["Password"] = "new"
    pipelines.update_pipeline(pipeline=changed)
    refused("after the structure changed", "PipelineExecutionOutdatedException", pipelines.rollback_stage, targetPipelineExecutionId=good, **ids)

    name = world.create(world.declaration("auto", {**stage, "onFailure": {"result": "ROLLBACK"}}))
    lost = world.start(name)
    world.fail(world.take(lost))
    check("onFailure ROLLBACK without anything to go back to: failed", world.ends(name, lost, "Failed"))
    check("and nothing else starts", world.poll() == [])
    good = world.start(name)
    world.succeed(world.take(good))
    bad = world.start(name)
    world.fail(world.take(bad))
    job = world.take()
    back = context(job)["pipelineExecutionId"]
    found = pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=back)["pipelineExecution"]
    check("onFailure ROLLBACK: back to the last that succeeded", found["rollbackMetadata"]["rollbackTargetPipelineExecutionId"] == good
          and found["trigger"]["triggerType"] == "AutomatedRollback", found)
    world.fail(job)
    check("a rollback that fails is not rolled back", world.ends(name, back, "Failed") and world.poll() == [])


def revisions(world):
    pipelines = world.pipelines
    name = world.create(world.declaration("revised", {"name": "Test", "actions": [world.action("Run")]}))
    new = dict(pipelineName=name, stageName="Source", actionName="Fetch")
    revision = {"revisionId": "r1", "revisionChangeId": "c1", "created": NOW}
    put = pipelines.put_action_revision(actionRevision=revision, **new)
    check("PutActionRevision starts an execution", put["newRevision"] is True and put["pipelineExecutionId"], put)
    found = pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=put["pipelineExecutionId"])["pipelineExecution"]
    check("and says why", found["trigger"]["triggerType"] == "PutActionRevision", found)
    refused("no such action", "ActionNotFoundException", pipelines.put_action_revision, actionRevision=revision, **{**new, "actionName": "Dance"})
    refused("no such stage", "StageNotFoundException", pipelines.put_action_revision, actionRevision=revision, **{**new, "stageName": "Dance"})
    job = world.take(put["pipelineExecutionId"])
    pipelines.put_action_revision(actionRevision={**revision, "revisionId": "r2"}, **new)
    again = pipelines.put_action_revision(actionRevision={**revision, "revisionId": "r2"}, **new)
    check("a revision that is known starts nothing", again["newRevision"] is False or again["pipelineExecutionId"], again)
    world.succeed(job)
    pipelines.delete_pipeline(name=name)


if __name__ == "__main__":
    run(__doc__, types, transitions, approvals, conditions, rollbacks, revisions)
