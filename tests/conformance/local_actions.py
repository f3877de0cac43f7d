"""Drives the actions that a running `bluestage local` carries out itself, or by an emulated AWS.

    local_actions.py --endpoint-url http://127.0.0.1:PORT

CloudFormation, CodeBuild, Lambda, EventBridge and STS are where AWS_ENDPOINT_URL says. See local_codepipeline.py for
how the server must run.
"""

import io
import json
import pathlib
import tempfile
import zipfile

import boto3

from local_codepipeline import ROLE, check, context, refused, run, until

TEMPLATE = json.dumps({
    "Parameters": {"Length": {"Type": "String", "Default": "1"}, "Place": {"Type": "String", "Default": "none"}},
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Length"}}}},
    "Outputs": {"Length": {"Value": {"Ref": "Length"}}, "Place": {"Value": {"Ref": "Place"}}},
})
BROKEN = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "abc"}}}})


def types(world):
    world.register()


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return content.getvalue()


def stack_action(name, mode, order=1, **configuration):
    outputs = [{"name": "Told"}] if "OutputFileName" in configuration else []
    return {"name": name, "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1"},
            "runOrder": order, "inputArtifacts": [{"name": "SourceArtifact"}], "outputArtifacts": outputs, "namespace": name.lower(),
            "configuration": {"ActionMode": mode, "RoleArn": ROLE, **configuration}}


def stacks(world):
    cloudformation = boto3.client("cloudformation")
    stack = f"stack-{world.run}"
    here = dict(StackName=stack, TemplatePath="SourceArtifact::stack.json")
    world.put_source(zipped(stack__json=TEMPLATE, broken__json=BROKEN, values__json='{"length": "7"}',
                            configuration__json='{"Parameters": {"Length": "3", "Place": "file"}, "Tags": {"team": "blue"}}'))
    deploy = stack_action("Deploy", "CREATE_UPDATE", TemplateConfiguration="SourceArtifact::configuration.json",
                          ParameterOverrides=json.dumps({"Length": {"Fn::GetParam": ["SourceArtifact", "values.json", "length"]},
                                                         "Place": {"Fn::GetArtifactAtt": ["SourceArtifact", "BucketName"]}}),
                          OutputFileName="outputs.json", **here)
    look = world.action("Look", 2, inputArtifacts=[{"name": "Told"}], configuration={"Command": "#{deploy.Length} #{deploy.Place}"})
    name = world.create(world.declaration("stack", {"name": "Deploy", "actions": [deploy, look]}))
    for what in ("creates the stack", "updates it, also when there is nothing to do"):
        execution = world.start(name)
        job = world.take(execution)
        if not job:
            check(f"CREATE_UPDATE {what}", False, world.actions(name, execution))
            return
        command = job["data"]["actionConfiguration"]["configuration"]["Command"]
        check(f"CREATE_UPDATE {what}; outputs are variables", command == f"7 {world.bucket}", command)
        world.succeed(job)
    found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    check("tags of the configuration file", {"Key": "team", "Value": "blue"} in found["Tags"], found)
    place = job["data"]["inputArtifacts"][0]["location"]["s3Location"]
    stored = world.s3.get_object(Bucket=place["bucketName"], Key=place["objectKey"])["Body"].read()
    told = json.loads(zipfile.ZipFile(io.BytesIO(stored)).read("outputs.json"))
    check("OutputFileName writes the outputs", told == {"Length": "7", "Place": world.bucket}, told)
    shown = next(a for a in world.actions(name, execution) if a["actionName"] == "Deploy")
    check("the stack is the external execution", shown["output"]["executionResult"]["externalExecutionId"].startswith("arn:aws:cloudformation"), shown)

    change = stack_action("Plan", "CHANGE_SET_REPLACE", ChangeSetName="changes", ParameterOverrides='{"Length": "9"}', **here)
    apply = stack_action("Apply", "CHANGE_SET_EXECUTE", 2, ChangeSetName="changes", StackName=stack)
    name = world.create(world.declaration("changes", {"name": "Deploy", "actions": [change, apply]}))
    for what in ("a change set is made and carried out", "and again, with nothing to change"):
        execution = world.start(name)
        check(f"CHANGE_SET_REPLACE and _EXECUTE: {what}", world.ends(name, execution, "Succeeded"), world.actions(name, execution))
    outputs = {o["OutputKey"]: o["OutputValue"] for o in cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]}
    check("the stack is as it says", outputs["Length"] == "9", outputs)

    bad = stack_action("Deploy", "CREATE_UPDATE", StackName=f"{stack}-bad", TemplatePath="SourceArtifact::broken.json")
    name = world.create(world.declaration("broken", {"name": "Deploy", "actions": [bad]}))
    execution = world.start(name)
    check("a stack that fails fails the action", world.ends(name, execution, "Failed"))
    error = world.actions(name, execution)[0]["output"]["executionResult"]["errorDetails"]
    check("with a reason", error["code"] == "JobFailed" and "ROLLBACK_COMPLETE" in error["message"], error)
    mend = stack_action("Deploy", "REPLACE_ON_FAILURE", StackName=f"{stack}-bad", TemplatePath="SourceArtifact::stack.json")
    name = world.create(world.declaration("mended", {"name": "Deploy", "actions": [mend]}))
    execution = world.start(name)
    check("REPLACE_ON_FAILURE replaces it", world.ends(name, execution, "Succeeded"), world.actions(name, execution))

    gone = [stack_action(n, "DELETE_ONLY", StackName=s) for n, s in (("A", stack), ("B", f"{stack}-bad"), ("C", "never-was"))]
    name = world.create(world.declaration("gone", {"name": "Delete", "actions": gone}))
    execution = world.start(name)
    check("DELETE_ONLY deletes, and what is not there is fine", world.ends(name, execution, "Succeeded"), world.actions(name, execution))
    left = [s["StackName"] for s in cloudformation.describe_stacks()["Stacks"] if s["StackName"].startswith(stack)]
    check("nothing is left", left == [], left)
    refuse = lambda label, text, action: refused(label, "InvalidActionDeclarationException", world.pipelines.create_pipeline, text,
                                                 pipeline=world.declaration("no", {"name": "Deploy", "actions": [action]}))
    refuse("an ActionMode that is none", "CHANGE_SET_EXECUTE", stack_action("X", "DANCE", **here))
    refuse("a change set without a name", "ChangeSetName", stack_action("X", "CHANGE_SET_EXECUTE", StackName=stack))


def builds(world):
    codebuild = boto3.client("codebuild")
    project = f"project-{world.run}"
    codebuild.create_project(
        name=project, source={"type": "NO_SOURCE", "buildspec": "version: 0.2"}, artifacts={"type": "NO_ARTIFACTS"}, serviceRole=ROLE,
        environment={"type": "LINUX_CONTAINER", "image": "none", "computeType": "BUILD_GENERAL1_SMALL"})
    build = {"name": "Build", "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
             "inputArtifacts": [{"name": "SourceArtifact"}], "outputArtifacts": [{"name": "Built"}],
             "configuration": {"ProjectName": project, "EnvironmentVariables": '[{"name": "A", "value": "#{src.ETag}"}]'}}
    name = world.create(world.declaration("build", {"name": "Build", "actions": [build]}))
    execution = world.start(name)
    check("a build runs to its end", world.ends(name, execution, "Succeeded"), world.actions(name, execution))
    shown = world.actions(name, execution)[0]["output"]["executionResult"]
    check("and is the external execution", shown["externalExecutionId"].startswith(project), shown)
    broken = {**build, "configuration": {"ProjectName": "nothing"}}
    name = world.create(world.declaration("nobuild", {"name": "Build", "actions": [broken]}))
    execution = world.start(name)
    check("a project that is not there fails the action", world.ends(name, execution, "Failed"))


FUNCTION = '''
import boto3, json
def handler(event, context):
    print(json.dumps(event))
    job = event["CodePipeline.job"]
    pipelines = boto3.client("codepipeline", endpoint_url="ENDPOINT")
    parameters = job["data"]["actionConfiguration"]["configuration"].get("UserParameters", "")
    if parameters == "red":
        pipelines.put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": "as asked"})
    elif "continuationToken" not in job["data"]:
        pipelines.put_job_success_result(jobId=job["id"], continuationToken="again")
    else:
        pipelines.put_job_success_result(jobId=job["id"], outputVariables={"said": parameters + job["data"]["continuationToken"]})
'''


def functions(world):
    lambdas = boto3.client("lambda")
    function = f"function-{world.run}"
    lambdas.create_function(FunctionName=function, Runtime="python3.11", Role=ROLE, Handler="index.handler", Timeout=30,
                            Code={"ZipFile": zipped(index__py=FUNCTION.replace("ENDPOINT", world.endpoint))})
    invoke = {"name": "Invoke", "actionTypeId": {"category": "Invoke", "owner": "AWS", "provider": "Lambda", "version": "1"},
              "inputArtifacts": [{"name": "SourceArtifact"}], "namespace": "told",
              "configuration": {"FunctionName": function, "UserParameters": "hello #{src.ETag}, "}}
    hear = world.action("Hear", 2, configuration={"Command": "#{told.said}"})
    name = world.create(world.declaration("function", {"name": "Invoke", "actions": [invoke, hear]}))
    execution = world.start(name)
    job = world.take(execution)
    said = job and job["data"]["actionConfiguration"]["configuration"]["Command"]
    check("a function is invoked, continues by token and reports", bool(said) and said.startswith("hello ") and said.endswith(", again"),
          said or world.actions(name, execution))
    red = {**invoke, "configuration": {"FunctionName": function, "UserParameters": "red"}}
    name = world.create(world.declaration("redfunction", {"name": "Invoke", "actions": [red]}))
    execution = world.start(name)
    check("a function that reports failure fails the action", world.ends(name, execution, "Failed"))
    none = {**invoke, "configuration": {"FunctionName": "nothing"}}
    name = world.create(world.declaration("nofunction", {"name": "Invoke", "actions": [none]}))
    execution = world.start(name)
    check("a function that is not there fails the action", world.ends(name, execution, "Failed"), world.actions(name, execution))


def directories(world):
    with tempfile.TemporaryDirectory() as place:
        file = pathlib.Path(place, "app.txt")
        file.write_text("one")
        source = {"name": "Fetch", "actionTypeId": {"category": "Source", "owner": "ThirdParty", "provider": "LocalDirectory", "version": "1"},
                  "configuration": {"Directory": place}, "outputArtifacts": [{"name": "SourceArtifact"}], "namespace": "src"}
        declaration = world.declaration("directory", {"name": "Test", "actions": [world.action("Run")]})
        declaration["stages"][0]["actions"] = [source]
        name = world.create(declaration)
        execution = world.start(name)
        job = world.take(execution)
        given = job["data"]["inputArtifacts"][0]
        stored = world.s3.get_object(Bucket=world.bucket, Key=given["location"]["s3Location"]["objectKey"])["Body"].read()
        check("a directory is a source, zipped", zipfile.ZipFile(io.BytesIO(stored)).read("app.txt") == b"one")
        world.succeed(job)
        world.ends(name, execution, "Succeeded")
        file.write_text("two!")
        newest = lambda: world.pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
        until(lambda: newest()["pipelineExecutionId"] != execution)
        check("a change in it starts the pipeline", newest()["trigger"]["triggerType"] == "PollForSourceChanges", newest())
        job = world.take(newest()["pipelineExecutionId"])
        check("with a new revision", job["data"]["inputArtifacts"][0]["revision"] != given["revision"])
        world.pipelines.delete_pipeline(name=name)


def credentials(world):
    name = world.create(world.declaration("credentials", {"name": "Test", "actions": [world.action("Run")]}))
    job = world.job(world.start(name))
    made = job["data"]["artifactCredentials"]
    who = boto3.client("sts", aws_access_key_id=made["accessKeyId"], aws_secret_access_key=made["secretAccessKey"],
                       aws_session_token=made["sessionToken"]).get_caller_identity()
    check("job credentials are a session of the emulator's STS", "assumed-role" in who["Arn"] and made["sessionToken"], who)
    again = world.pipelines.get_job_details(jobId=job["id"])["jobDetails"]["data"]["artifactCredentials"]
    check("GetJobDetails gives fresh ones", again["sessionToken"] != made["sessionToken"])
    world.pipelines.delete_pipeline(name=name)


def bus(world):
    events, queues = boto3.client("events"), boto3.client("sqs")
    url = queues.create_queue(QueueName=f"events-{world.run}")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = f"rule-{world.run}"
    pattern = {"source": ["aws.codepipeline", "local.codepipeline"], "detail-type": ["CodePipeline Pipeline Execution State Change"],
               "detail": {"state": ["FAILED"]}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])
    broken = world.action("Run", configuration={"Command": "#{no.Body}"})
    name = world.create(world.declaration("bus", {"name": "Test", "actions": [broken]}))
    execution = world.start(name)
    def heard():
        messages = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(m["Body"]) for m in messages]
        return next((b for b in bodies if b["detail"]["execution-id"] == execution), None)
    event = until(heard)
    check("a rule on the event bus hears of a failure", bool(event) and event["detail"]["pipeline"] == name, event)


if __name__ == "__main__":
    run(__doc__, types, stacks, builds, functions, directories, credentials, bus)
