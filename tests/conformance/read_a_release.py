"""Releases a sample service with boto3 and reads what the CodePipeline console would show of it.

    read_a_release.py PIPELINE

CodePipeline is where AWS_ENDPOINT_URL_CODEPIPELINE says; a worker must run. The pipeline's source must have been stored.
Prints the version that went live, and its stack's id; fails at the first thing that is not as it should be.
"""

import sys
import time

import boto3

ACTIONS = ["Source", "DeployBlue", "RunIsolatedTests", "Promote"]
PATIENCE = 60


def released(client, pipeline):
    """Starts the pipeline and waits until its execution has ended."""
    assert pipeline in [listed["name"] for listed in client.list_pipelines()["pipelines"]]
    execution = client.start_pipeline_execution(name=pipeline)["pipelineExecutionId"]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = client.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
        status = found["pipelineExecution"]["status"]
        if status != "InProgress":
            assert status == "Succeeded", status
            return execution
        time.sleep(0.1)
    raise AssertionError(f"{pipeline} {execution} did not end in {PATIENCE} seconds")


def state(client, pipeline, execution):
    """The newest execution of each action, as GetPipelineState tells it."""
    stages = client.get_pipeline_state(name=pipeline)["stageStates"]
    assert [stage["stageName"] for stage in stages] == ["Source", "Release"], stages
    for stage in stages:
        latest = stage["latestExecution"]
        assert (latest["pipelineExecutionId"], latest["status"]) == (execution, "Succeeded"), stage
    actions = [action for stage in stages for action in stage["actionStates"]]
    assert [action["actionName"] for action in actions] == ACTIONS, actions
    return {action["actionName"]: action["latestExecution"] for action in actions}


def history(client, pipeline, execution):
    """Each action's execution and what it gave out, as ListActionExecutions tells it."""
    wanted = {"pipelineExecutionId": execution}
    details = client.list_action_executions(pipelineName=pipeline, filter=wanted)["actionExecutionDetails"]
    assert [detail["actionName"] for detail in reversed(details)] == ACTIONS, details
    assert all(detail["status"] == "Succeeded" for detail in details), details
    return {detail["actionName"]: detail["output"] for detail in details}


def main(pipeline):
    client = boto3.client("codepipeline")
    execution = released(client, pipeline)
    now, then = state(client, pipeline, execution), history(client, pipeline, execution)
    for name in ACTIONS[1:]:
        result = then[name]["executionResult"]
        assert now[name]["externalExecutionId"] == result["externalExecutionId"], (now[name], result)
        assert now[name]["summary"] == result["externalExecutionSummary"], (now[name], result)
        assert now[name]["status"] == "Succeeded", now[name]

    blue, tests, promoted = (then[name]["outputVariables"] for name in ACTIONS[1:])
    version, stack_id = blue["Version"], blue["StackId"]
    assert stack_id.startswith("arn:aws:cloudformation:"), stack_id
    assert now["DeployBlue"]["externalExecutionId"] == stack_id, now
    assert f"stackId={stack_id}" in now["DeployBlue"]["externalExecutionUrl"].replace("%3A", ":").replace("%2F", "/"), now
    assert blue["StackName"] == f"test-{pipeline}-{version}", blue
    assert f"{pipeline} {version} is blue in stage test" in now["DeployBlue"]["summary"], now

    assert now["RunIsolatedTests"]["externalExecutionId"] == tests["Run"], (now, tests)
    assert int(tests["TestsTotal"]) > 0 and tests["TestsFailed"] == "0", tests
    assert now["RunIsolatedTests"]["summary"].startswith(f"{tests['TestsTotal']} tests passed"), now
    assert [artifact["name"] for artifact in then["RunIsolatedTests"]["outputArtifacts"]] == ["TestResults"], then

    assert promoted == {"Version": version, "StackName": blue["StackName"]}, promoted
    assert now["Promote"]["externalExecutionId"] == version, now
    assert now["Promote"]["summary"] == f"{pipeline} {version} is live in stage test.", now
    print(f"{version} is live in {stack_id}")


if __name__ == "__main__":
    main(sys.argv[1])
