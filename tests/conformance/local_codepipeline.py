"""Drives a running `bluestage local` with boto3, as any client of CodePipeline would: pipelines, executions, jobs.

    local_codepipeline.py --endpoint-url http://127.0.0.1:PORT

S3 is where AWS_ENDPOINT_URL says. The server must run with a short redelivery (--redelivery-seconds 1) and
continuation delay (--continuation-seconds 0.5) and a quick source poll (--source-poll-seconds 0.5). Prints one line per
check; the exit code says whether all held.
"""

import argparse
import http.client
import json
import re
import sys
import time
import urllib.parse
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/pipeline"
MASK = "****"
failures = 0


def check(name, held, shown=""):
    global failures
    failures += not held
    print(f"{'ok  ' if held else 'FAIL'} {name}{'' if held else f'   {shown!r}'}", flush=True)


def strict(operation_model, response_dict, **_):
    """Holds every answer to the service model: botocore itself overlooks members that it does not know."""
    body = json.loads(response_dict["body"] or b"{}")
    operation = operation_model.name
    if response_dict["status_code"] == 200:
        found = list(violations(body, operation_model.output_shape, operation))
    else:
        modelled = [shape.name for shape in operation_model.error_shapes] + ["SerializationException"]
        found = [] if body.get("__type") in modelled else [f"{operation} does not know the error {body.get('__type')}"]
        found += [] if body.get("message") else [f"{operation} refuses without a message"]
    for violation in found:
        check(f"the service model: {violation}", False, body)


def violations(value, shape, at):
    """What is wrong with a value of an answer."""
    if shape is None:
        if value:
            yield f"{at} has an answer where there is none"
    elif shape.type_name == "structure":
        if not isinstance(value, dict):
            yield f"{at} is no structure"
            return
        yield from (f"{at} has an unknown member {name}" for name in value if name not in shape.members)
        yield from (f"{at} lacks {name}" for name in shape.required_members if name not in value)
        for name, member in shape.members.items():
            if name in value:
                yield from violations(value[name], member, f"{at}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from violations(item, shape.member, f"{at}[]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from violations(key, shape.key, f"{at} key")
            yield from violations(item, shape.value, f"{at}.{key}")
    else:
        yield from plain_violations(value, shape, at)


def plain_violations(value, shape, at):
    kinds = {"string": str, "boolean": bool, "integer": int, "long": int, "timestamp": (int, float)}
    limits = shape.metadata
    if not isinstance(value, kinds[shape.type_name]) or isinstance(value, bool) != (shape.type_name == "boolean"):
        yield f"{at} is no {shape.type_name}"
        return
    if shape.type_name == "string":
        if "enum" in limits and value not in limits["enum"]:
            yield f"{at} is '{value}', which is not one of {limits['enum']}"
        if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
            yield f"{at} is '{value}', which is not like {limits['pattern']}"
    # CloudFormation takes ten artifacts, says the quotas page; the model says five, and its own answer would not fit it.
    if at.startswith("ListActionTypes") and at.endswith("ArtifactDetails.maximumCount"):
        return
    size = len(value) if isinstance(value, str) else value
    if not limits.get("min", size) <= size <= limits.get("max", size):
        yield f"{at} is too short, too long, too small or too large: {size}"


def refused(name, code, call, text="", /, **arguments):
    """Checks that a call is refused with this modelled error, whose message contains this text."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        known = error.response["Error"]
        check(f"{name}: {code}", known["Code"] == code and text in known["Message"], known)
    else:
        check(f"{name}: {code}", False, answer)


def until(question, seconds=15):
    """Asks until there is an answer; gives up after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    return None


class World:
    """One run: fresh names, so that it can be repeated against the same server."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        retries = Config(retries={"total_max_attempts": 1})
        self.pipelines = boto3.client("codepipeline", endpoint_url=endpoint, config=retries)
        self.pipelines.meta.events.register("before-parse.codepipeline.*", strict)
        self.s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
        self.run = uuid.uuid4().hex[:8]
        self.bucket = f"conformance-{self.run}"
        self.provider = f"Tester{self.run}"
        self.s3.create_bucket(Bucket=self.bucket)
        versioning = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration=versioning)
        self.version = self.put_source(b"first")

    def put_source(self, body):
        return self.s3.put_object(Bucket=self.bucket, Key="source.zip", Body=body)["VersionId"]

    def type_id(self, provider=None, owner="Custom"):
        return {"category": "Test", "owner": owner, "provider": provider or self.provider, "version": "1"}

    def source(self, poll="false", **more):
        return {
            "name": "Fetch",
            "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
            "configuration": {"S3Bucket": self.bucket, "S3ObjectKey": "source.zip", "PollForSourceChanges": poll},
            "outputArtifacts": [{"name": "SourceArtifact"}],
            "namespace": "src",
            **more,
        }

    def action(self, name, order=1, provider=None, **more):
        configuration = {"Command": "make", "Password": "hush", **more.pop("configuration", {})}
        inputs = [{"name": "SourceArtifact"}]
        return {"name": name, "actionTypeId": self.type_id(provider), "runOrder": order, "inputArtifacts": inputs,
                "configuration": configuration, **more}

    def register(self, provider=None):
        """Creates the action type that the actions of `action` are of."""
        properties = [
            {"name": "Command", "required": True, "key": True, "secret": False, "type": "String"},
            {"name": "Password", "required": False, "key": False, "secret": True},
        ]
        counts = {"minimumCount": 0, "maximumCount": 5}
        self.pipelines.create_custom_action_type(
            category="Test", provider=provider or self.provider, version="1", configurationProperties=properties,
            inputArtifactDetails=counts, outputArtifactDetails=counts)

    def declaration(self, name, *stages, **more):
        fetch = {"name": "Source", "actions": [self.source(poll=more.pop("poll", "false"))]}
        return {"name": f"{name}-{self.run}", "roleArn": ROLE, "pipelineType": "V2",
                "artifactStore": {"type": "S3", "location": self.bucket}, "stages": [fetch, *stages], **more}

    def create(self, declaration):
        """Creates a pipeline and waits until the execution that this starts is out of the way."""
        name = self.pipelines.create_pipeline(pipeline=declaration)["pipeline"]["name"]
        first = self.pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
        for execution in first:
            try:
                self.pipelines.stop_pipeline_execution(
                    pipelineName=name, pipelineExecutionId=execution["pipelineExecutionId"], abandon=True)
            except self.pipelines.exceptions.PipelineExecutionNotStoppableException:
                pass  # it has failed by itself
        return name

    def start(self, name, **more):
        return self.pipelines.start_pipeline_execution(name=name, **more)["pipelineExecutionId"]

    def poll(self, provider=None, **more):
        return self.pipelines.poll_for_jobs(actionTypeId=self.type_id(provider), **more)["jobs"]

    def job(self, execution=None, provider=None):
        """The next job, of this execution if one is named."""
        def mine():
            jobs = self.poll(provider)
            return [j for j in jobs if execution in (None, context(j)["pipelineExecutionId"])]
        jobs = until(mine)
        return jobs[0] if jobs else None

    def take(self, execution=None, provider=None):
        """The next job, acknowledged."""
        job = self.job(execution, provider)
        self.pipelines.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
        return job

    def succeed(self, job, **more):
        return self.pipelines.put_job_success_result(jobId=job["id"], **more)

    def fail(self, job, kind="JobFailed", message="red", **more):
        details = {"type": kind, "message": message, **more}
        return self.pipelines.put_job_failure_result(jobId=job["id"], failureDetails=details)

    def status(self, name, execution):
        found = self.pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)
        return found["pipelineExecution"]["status"]

    def ends(self, name, execution, status):
        return until(lambda: self.status(name, execution) == status)

    def actions(self, name, execution):
        found = self.pipelines.list_action_executions(
            pipelineName=name, filter={"pipelineExecutionId": execution})["actionExecutionDetails"]
        return found

    def stage(self, name, stage):
        states = self.pipelines.get_pipeline_state(name=name)["stageStates"]
        return next(s for s in states if s["stageName"] == stage)


def context(job):
    return job["data"]["pipelineContext"]


def action_types(world):
    pipelines = world.pipelines
    properties = [
        {"name": "Command", "required": True, "key": True, "secret": False, "type": "String"},
        {"name": "Password", "required": False, "key": False, "secret": True},
        {"name": "Count", "required": False, "key": False, "secret": False, "type": "Number"},
    ]
    counts = {"minimumCount": 0, "maximumCount": 5}
    definition = dict(
        category="Test", provider=world.provider, version="1", configurationProperties=properties,
        settings={"executionUrlTemplate": "https://ci.example/{Config:Command}/{ExternalExecutionId}"},
        inputArtifactDetails=counts, outputArtifactDetails=counts)
    created = pipelines.create_custom_action_type(**definition)["actionType"]
    check("CreateCustomActionType answers the type", created["id"] == world.type_id(), created)
    refused("the same type again", "ValidationException", pipelines.create_custom_action_type, "already exists", **definition)
    listed = pipelines.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    check("ListActionTypes shows it", world.type_id() in [t["id"] for t in listed], listed)
    everything = pipelines.list_action_types()["actionTypes"]
    check("ListActionTypes shows S3 sources", any(t["id"]["provider"] == "S3" for t in everything), everything)
    many = {**definition, "provider": "x" * 36}
    refused("a long provider", "ValidationException", pipelines.create_custom_action_type, "35", **many)
    eleven = {**definition, "provider": "P", "configurationProperties": properties * 4}
    refused("12 properties", "ValidationException", pipelines.create_custom_action_type, "10", **eleven)
    link = {**definition, "provider": "P", "settings": {"executionUrlTemplate": "https://x/{Config:Password}"}}
    refused("a secret in a link", "ValidationException", pipelines.create_custom_action_type, "Password", **link)
    gone = f"Gone{world.run}"
    pipelines.create_custom_action_type(**{**definition, "provider": gone})
    pipelines.delete_custom_action_type(category="Test", provider=gone, version="1")
    refused("polling a deleted type", "ActionTypeNotFoundException", world.poll, f"Provider: '{gone}'", provider=gone)
    changed = {**definition, "provider": gone, "configurationProperties": []}
    refused("a deleted version with another definition", "ValidationException", pipelines.create_custom_action_type, "", **changed)
    pipelines.create_custom_action_type(**{**definition, "provider": gone})
    check("the identical definition restores it", world.poll(provider=gone) == [])
    query = {**properties[0], "name": "Project", "queryable": True}
    queryable = f"Query{world.run}"
    pipelines.create_custom_action_type(**{**definition, "provider": queryable, "configurationProperties": [query], "settings": {}})
    refused("a queryable type without queryParam", "ValidationException", world.poll, "Project", provider=queryable)
    check("a queryable type with it", world.poll(provider=queryable, queryParam={"Project": "a"}) == [])
    refused("queryParam on a type without one", "ValidationException", world.poll, "", queryParam={"Command": "a"})
    aws = world.type_id(owner="AWS")
    refused("polling for AWS's jobs", "ValidationException", pipelines.poll_for_jobs, "owner 'AWS' is not supported", actionTypeId=aws)


def definitions(world):
    pipelines = world.pipelines
    stage = {"name": "Test", "actions": [world.action("Run")]}
    good = world.declaration("defined", stage)
    name = good["name"]
    def no(label, code, text, **changes):
        refused(label, code, pipelines.create_pipeline, text, pipeline={**good, **changes})
    def no_action(label, text, **changes):
        fetch = good["stages"][0]
        broken = {"name": "Test", "actions": [{**world.action("Run"), **changes}]}
        no(label, "InvalidActionDeclarationException", text, stages=[fetch, broken])
    no("one stage", "InvalidStructureException", "between 2 and 50", stages=good["stages"][:1])
    no("a source later", "InvalidStructureException", "Source", stages=[good["stages"][0], {"name": "T", "actions": [world.source(namespace="other")]}])
    no("no source first", "InvalidStructureException", "Source", stages=[stage, {**stage, "name": "T2"}])
    no("two stages of one name", "InvalidStructureException", "unique", stages=[*good["stages"], stage])
    no("an empty stage", "InvalidStageDeclarationException", "no actions", stages=[good["stages"][0], {"name": "T", "actions": []}])
    no("two actions of one name", "InvalidStageDeclarationException", "unique", stages=[good["stages"][0], {"name": "T", "actions": [world.action("A")] * 2}])
    no("a bad name", "ValidationException", "regular expression", name="a b")
    no("a role that is none", "ValidationException", "role/.*", roleArn="pipeline")
    no("a bad mode", "ValidationException", "enum value set", executionMode="FAST")
    no("QUEUED in V1", "InvalidStructureException", "V2", pipelineType="V1", executionMode="QUEUED")
    no_action("an unknown type", "is not available", actionTypeId=world.type_id("Nobody"))
    no_action("an unsupported AWS action", "supports AWS/Source/S3, ThirdParty/Source/LocalDirectory, AWS/Approval/Manual", actionTypeId={"category": "Deploy", "owner": "AWS", "provider": "CodeDeploy", "version": "1"})
    no_action("an unknown property", "unknown configuration 'Colour'", configuration={"Command": "x", "Colour": "red"})
    no_action("a missing property", "'Command'", configuration={})
    no_action("a number that is none", "Number", configuration={"Command": "x", "Count": "many"})
    no_action("an unknown input", "Nothing", inputArtifacts=[{"name": "Nothing"}])
    created = pipelines.create_pipeline(pipeline=good)["pipeline"]
    check("CreatePipeline answers version 1", created["version"] == 1, created)
    check("CreatePipeline masks secrets", created["stages"][1]["actions"][0]["configuration"]["Password"] == MASK, created)
    refused("the same name again", "PipelineNameInUseException", pipelines.create_pipeline, name, pipeline=good)
    first = until(lambda: pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])
    check("CreatePipeline starts it", first[0]["trigger"]["triggerType"] == "CreatePipeline", first)
    read = pipelines.get_pipeline(name=name)
    check("GetPipeline answers what was declared", read["pipeline"]["stages"][0]["actions"][0]["name"] == "Fetch", read)
    check("GetPipeline names the ARN", read["metadata"]["pipelineArn"].endswith(f":{name}"), read)
    changed = read["pipeline"]
    changed["stages"][1]["name"] = "Verify"
    refused("a mask for an unknown secret", "InvalidActionDeclarationException", pipelines.update_pipeline, "secret", pipeline=changed)
    changed["stages"][1]["name"] = "Test"
    changed["executionMode"] = "QUEUED"
    updated = pipelines.update_pipeline(pipeline=changed)["pipeline"]
    check("UpdatePipeline counts the version", updated["version"] == 2 and updated["executionMode"] == "QUEUED", updated)
    check("an old version can be read", pipelines.get_pipeline(name=name, version=1)["pipeline"]["executionMode"] == "SUPERSEDED")
    refused("a version that never was", "PipelineVersionNotFoundException", pipelines.get_pipeline, name=name, version=9)
    execution = first[0]["pipelineExecutionId"]
    check("the restored secret reaches the job", world.job(execution)["data"]["actionConfiguration"]["configuration"]["Password"] == "hush")
    listed = pipelines.get_paginator("list_pipelines").paginate(PaginationConfig={"PageSize": 1}).build_full_result()
    check("ListPipelines in pages", name in [p["name"] for p in listed["pipelines"]], listed)
    refused("a made-up token", "InvalidNextTokenException", pipelines.list_pipelines, nextToken="nonsense")
    pipelines.delete_pipeline(name=name)
    refused("a deleted pipeline", "PipelineNotFoundException", pipelines.get_pipeline, name, name=name)
    check("deleting it again is fine", pipelines.delete_pipeline(name=name) is not None)


def jobs(world):
    pipelines = world.pipelines
    first = world.action("First", outputArtifacts=[{"name": "Report"}], namespace="one",
                         configuration={"Command": "#{codepipeline.PipelineExecutionId}/#{src.VersionId}/#{variables.who}"})
    second = world.action("Second", 2, configuration={"Command": "see #{one.Found}"}, inputArtifacts=[{"name": "Report"}])
    declaration = world.declaration("jobs", {"name": "Test", "actions": [first, second]},
                                    variables=[{"name": "who", "defaultValue": "nobody"}])
    key = {"id": "arn:aws:kms:us-east-1:000000000000:key/k", "type": "KMS"}
    declaration["artifactStore"]["encryptionKey"] = key
    name = world.create(declaration)
    execution = world.start(name, variables=[{"name": "who", "value": "me"}], clientRequestToken="once")
    check("the same client token, the same execution", world.start(name, clientRequestToken="once") == execution)
    job = world.job(execution)
    data = job["data"]
    check("PollForJobs gives a job with a nonce", job["nonce"] == "1" and job["accountId"] == "000000000000", job)
    resolved = f"{execution}/{world.version}/me"
    check("variables are resolved", data["actionConfiguration"]["configuration"]["Command"] == resolved, data)
    check("secrets are in clear for the worker", data["actionConfiguration"]["configuration"]["Password"] == "hush")
    where = data["pipelineContext"]
    check("the context is complete", where["pipelineName"] == name and where["stage"]["name"] == "Test"
          and where["action"]["name"] == "First" and where["action"]["actionExecutionId"] and where["pipelineArn"], where)
    check("the encryption key is passed on", data["encryptionKey"] == key, data)
    given, made = data["inputArtifacts"][0], data["outputArtifacts"][0]
    check("artifact keys have CodePipeline's layout", made["location"]["s3Location"]["objectKey"].startswith(f"{name[:20]}/Report/"), made)
    check("the input has the source's revision", given["revision"] == world.version, given)
    credentials = data["artifactCredentials"]
    own = boto3.client("s3", aws_access_key_id=credentials["accessKeyId"], aws_secret_access_key=credentials["secretAccessKey"],
                       aws_session_token=credentials["sessionToken"] or None, config=Config(s3={"addressing_style": "path"}))
    place = given["location"]["s3Location"]
    stored = own.get_object(Bucket=place["bucketName"], Key=place["objectKey"])
    check("the artifact is the source, SSE-KMS", stored["Body"].read() == b"first" and stored["ServerSideEncryption"] == "aws:kms", stored)
    check("a dispatched job is not offered at once again", world.poll() == [])
    refused("success before acknowledge", "InvalidJobStateException", world.succeed, job=job)
    again = world.job(execution)
    check("an unacknowledged job comes again with a new nonce", again and again["id"] == job["id"] and again["nonce"] == "2", again)
    refused("the old nonce", "InvalidNonceException", pipelines.acknowledge_job, jobId=job["id"], nonce=job["nonce"])
    status = pipelines.acknowledge_job(jobId=job["id"], nonce=again["nonce"])["status"]
    check("AcknowledgeJob", status == "InProgress", status)
    status = pipelines.acknowledge_job(jobId=job["id"], nonce=again["nonce"])["status"]
    check("the owner may acknowledge again", status == "InProgress", status)
    details = pipelines.get_job_details(jobId=job["id"])["jobDetails"]
    check("GetJobDetails has data and no nonce", "nonce" not in details and details["data"]["artifactCredentials"], details)
    none = str(uuid.uuid4())
    refused("details of no job", "JobNotFoundException", pipelines.get_job_details, none, jobId=none)
    refused("a job id that is none", "ValidationException", pipelines.get_job_details, "regular expression", jobId="7")
    refused("acknowledge no job", "JobNotFoundException", pipelines.acknowledge_job, none, jobId=none, nonce="1")
    refused("succeed no job", "JobNotFoundException", world.succeed, none, job={"id": none})
    refused("fail no job", "JobNotFoundException", world.fail, none, job={"id": none})
    refused("variables with a token", "ValidationException", world.succeed, "", job=job, continuationToken="t", outputVariables={"a": "b"})
    refused("too many variables", "OutputVariablesSizeExceededException", world.succeed, "", job=job, outputVariables={"a": "b" * 122_880})
    refused("a bad variable name", "ValidationException", world.succeed, "", job=job, outputVariables={"a b": "c"})
    world.succeed(job, continuationToken="step-2", executionDetails={"summary": "half", "externalExecutionId": "run-7", "percentComplete": 50})
    refused("success after success", "InvalidJobStateException", world.succeed, job=job)
    state = world.stage(name, "Test")["actionStates"][0]["latestExecution"]
    check("progress is shown", state["percentComplete"] == 50 and state["summary"] == "half", state)
    check("the link is shown", state["externalExecutionUrl"].endswith("/run-7"), state)
    check("the continuation comes after its delay only", world.poll() == [])
    next_job = world.take(execution)
    check("a continuation is a new job with the token", next_job["id"] != job["id"] and next_job["data"]["continuationToken"] == "step-2", next_job)
    check("of the same action execution", context(next_job)["action"] == where["action"], next_job)
    check("with the same artifact places", next_job["data"]["outputArtifacts"] == data["outputArtifacts"])
    world.succeed(next_job, outputVariables={"Found": "42"})
    last = world.take(execution)
    check("an output variable reaches the next action", last["data"]["actionConfiguration"]["configuration"]["Command"] == "see 42", last)
    check("an output artifact reaches the next action", last["data"]["inputArtifacts"][0]["location"] == made["location"], last)
    world.fail(last, "RevisionOutOfSync", "someone was faster", externalExecutionId="run-8")
    refused("failure after failure", "InvalidJobStateException", world.fail, job=last)
    check("a failed action fails the execution", world.ends(name, execution, "Failed"))
    shown = {a["actionName"]: a for a in world.actions(name, execution)}
    error = shown["Second"]["output"]["executionResult"]["errorDetails"]
    check("ListActionExecutions shows the failure", error == {"code": "RevisionOutOfSync", "message": "someone was faster"}, error)
    one = shown["First"]
    check("it shows variables and result", one["output"]["outputVariables"] == {"Found": "42"}
          and one["output"]["executionResult"]["externalExecutionId"] == "run-7", one)
    check("it shows configuration as written and resolved, masked", one["input"]["configuration"]["Command"].startswith("#{")
          and one["input"]["resolvedConfiguration"] == {"Command": resolved, "Password": MASK}, one["input"])
    pages = pipelines.get_paginator("list_action_executions").paginate(pipelineName=name, PaginationConfig={"PageSize": 1}).build_full_result()
    everything = pipelines.list_action_executions(pipelineName=name)["actionExecutionDetails"]
    check("ListActionExecutions in pages", len(pages["actionExecutionDetails"]) == len(everything), pages)
    refused("a start with an unknown variable", "ValidationException", pipelines.start_pipeline_execution, "'x'", name=name, variables=[{"name": "x", "value": "y"}])


def unresolved(world):
    broken = world.action("Run", configuration={"Command": "#{no.Body}"})
    name = world.create(world.declaration("unresolved", {"name": "Test", "actions": [broken]}))
    execution = world.start(name)
    check("an unresolvable variable fails the action", world.ends(name, execution, "Failed"))
    error = world.actions(name, execution)[0]["output"]["executionResult"]["errorDetails"]
    check("and says which", "#{no.Body}" in error["message"], error)


def run_orders(world):
    actions = [world.action("A"), world.action("B"), world.action("C", 2)]
    name = world.create(world.declaration("orders", {"name": "Test", "actions": actions}))
    execution = world.start(name)
    found = {}
    def both():
        found.update({context(j)["action"]["name"]: j for j in world.poll() if context(j)["pipelineExecutionId"] == execution})
        return len(found) == 2
    check("equal run orders run together", until(both) and sorted(found) == ["A", "B"], list(found))
    for job in found.values():
        world.pipelines.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
    world.fail(found["A"])
    check("a failed neighbour is waited for", world.status(name, execution) == "InProgress")
    world.succeed(found["B"])
    check("then the stage has failed", world.ends(name, execution, "Failed"))
    world.pipelines.retry_stage_execution(pipelineName=name, stageName="Test", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS")
    retried = world.take(execution)
    old, new = context(found["A"])["action"], context(retried)["action"]
    check("FAILED_ACTIONS retries what failed, with a new id", new["name"] == "A" and new["actionExecutionId"] != old["actionExecutionId"], new)
    world.succeed(retried)
    last = world.take(execution)
    check("then comes the next run order", context(last)["action"]["name"] == "C")
    world.fail(last)
    world.ends(name, execution, "Failed")
    world.pipelines.retry_stage_execution(pipelineName=name, stageName="Test", pipelineExecutionId=execution, retryMode="ALL_ACTIONS")
    names = set()
    until(lambda: names.update(context(j)["action"]["name"] for j in world.poll()) or names == {"A", "B"})
    check("ALL_ACTIONS starts the stage from its first run order", names == {"A", "B"}, names)
    retries = world.stage(name, "Test")["retryStageMetadata"]
    check("GetPipelineState counts retries", retries == {"manualStageRetryAttempt": 2, "latestRetryTrigger": "ManualStageRetry"}, retries)
    again = world.pipelines.retry_stage_execution
    ids = dict(pipelineName=name, pipelineExecutionId=execution, retryMode="ALL_ACTIONS")
    refused("a retry of what runs", "StageNotRetryableException", again, stageName="Test", **ids)
    refused("a retry of no stage", "StageNotFoundException", again, stageName="Dance", **ids)
    world.pipelines.delete_pipeline(name=name)


def automatic_retry(world):
    stage = {"name": "Test", "actions": [world.action("A"), world.action("B", 2)],
             "onFailure": {"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}}
    name = world.create(world.declaration("again", stage))
    execution = world.start(name)
    world.succeed(world.take(execution))
    world.fail(world.take(execution))
    second = world.take(execution)
    check("onFailure RETRY starts the stage again", context(second)["action"]["name"] == "A")
    check("in the same execution", world.status(name, execution) == "InProgress")
    world.succeed(second)
    world.fail(world.take(execution))
    check("but only once", world.ends(name, execution, "Failed"))
    retries = world.stage(name, "Test")["retryStageMetadata"]
    check("the automatic retry is shown", retries == {"autoStageRetryAttempt": 1, "latestRetryTrigger": "AutomatedStageRetry"}, retries)
    check("all attempts are in the history", len(world.actions(name, execution)) == 5, len(world.actions(name, execution)))


def modes(world):
    stage = {"name": "Test", "actions": [world.action("Run")]}
    name = world.create(world.declaration("superseded", stage))
    one, job = world.start(name), None
    job = world.take(one)
    two = world.start(name)
    until(lambda: world.stage(name, "Test").get("inboundExecution", {}).get("pipelineExecutionId") == two)
    check("SUPERSEDED: a second waits before the stage", world.poll() == [])
    three = world.start(name)
    check("SUPERSEDED: a third overtakes it", world.ends(name, two, "Superseded"))
    check("SUPERSEDED: the one inside goes on", world.status(name, one) == "InProgress")
    world.fail(job)
    latest = world.take(three)
    check("SUPERSEDED: a failure lets the newest in", latest is not None)
    refused("a retry of an older one", "NotLatestPipelineExecutionException", world.pipelines.retry_stage_execution,
            pipelineName=name, stageName="Test", pipelineExecutionId=one, retryMode="ALL_ACTIONS")
    world.succeed(latest)
    check("SUPERSEDED: and that succeeds", world.ends(name, three, "Succeeded"))
    summaries = world.pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    check("ListPipelineExecutions is newest first", [s["pipelineExecutionId"] for s in summaries[:3]] == [three, two, one])
    check("it shows source revisions", summaries[0]["sourceRevisions"][0]["revisionId"], summaries[0])
    only = world.pipelines.list_pipeline_executions(pipelineName=name, filter={"succeededInStage": {"stageName": "Test"}})
    check("filtered by success", [s["pipelineExecutionId"] for s in only["pipelineExecutionSummaries"]] == [three])

    name = world.create(world.declaration("queued", stage, executionMode="QUEUED"))
    ids = [world.start(name) for _ in range(3)]
    order = []
    for _ in ids:
        job = world.take()
        order.append(context(job)["pipelineExecutionId"])
        check("QUEUED: one at a time", world.poll() == [])
        world.succeed(job)
    check("QUEUED: in order", order == ids, (order, ids))

    name = world.create(world.declaration("parallel", stage, executionMode="PARALLEL"))
    ids = [world.start(name) for _ in range(3)]
    found = {}
    until(lambda: found.update({context(j)["pipelineExecutionId"]: j for j in world.poll()}) or len(found) == 3)
    check("PARALLEL: all at once", sorted(found) == sorted(ids), list(found))
    batch = until(lambda: (lambda jobs: jobs if jobs else None)(world.poll(maxBatchSize=1)))
    check("maxBatchSize is kept", len(batch) == 1, batch)
    world.pipelines.delete_pipeline(name=name)


def stops(world):
    pipelines = world.pipelines
    name = world.create(world.declaration("stopped", {"name": "Test", "actions": [world.action("A"), world.action("B", 2)]}))
    execution = world.start(name)
    job = world.take(execution)
    ids = dict(pipelineName=name, pipelineExecutionId=execution)
    pipelines.stop_pipeline_execution(**ids, reason="enough")
    check("stop and wait: Stopping", world.status(name, execution) == "Stopping")
    refused("stopping twice", "DuplicatedStopRequestException", pipelines.stop_pipeline_execution, **ids)
    world.succeed(job)
    check("stop and wait: Stopped when the action has ended", world.ends(name, execution, "Stopped"))
    check("the next run order never began", len(world.actions(name, execution)) == 2)
    summary = pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
    check("the reason is kept", summary["stopTrigger"]["reason"] == "enough", summary)
    refused("stopping what is over", "PipelineExecutionNotStoppableException", pipelines.stop_pipeline_execution, **ids)
    execution = world.start(name)
    job = world.take(execution)
    pipelines.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution, abandon=True)
    check("abandon: Stopped at once", world.status(name, execution) == "Stopped")
    check("abandon: the action is Abandoned", world.actions(name, execution)[0]["status"] == "Abandoned")
    refused("success of an abandoned job", "InvalidJobStateException", world.succeed, job=job)
    pipelines.retry_stage_execution(pipelineName=name, stageName="Test", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS")
    check("a stopped stage can be retried", world.take(execution) is not None)
    none = str(uuid.uuid4())
    refused("no such execution", "PipelineExecutionNotFoundException", pipelines.get_pipeline_execution, pipelineName=name, pipelineExecutionId=none)
    refused("no such pipeline", "PipelineNotFoundException", pipelines.start_pipeline_execution, "Nowhere", name="Nowhere")
    pipelines.delete_pipeline(name=name)


def sources(world):
    stage = {"name": "Test", "actions": [world.action("Run")]}
    name = world.create(world.declaration("watched", stage, poll="true"))
    time.sleep(1.2)  # One look at the sources, which leaves nothing to wait for: it finds what is there.
    before = len(world.pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])
    version = world.put_source(b"second")
    summaries = lambda: world.pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    until(lambda: len(summaries()) > before)
    newest = summaries()[0]
    check("a changed source starts the pipeline", newest["trigger"]["triggerType"] == "PollForSourceChanges", newest)
    job = world.take(newest["pipelineExecutionId"])
    check("with the new revision", job["data"]["inputArtifacts"][0]["revision"] == version, job)
    world.succeed(job)
    old = world.start(name, sourceRevisions=[{"actionName": "Fetch", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": world.version}])
    job = world.take(old)
    check("an older revision on request", job["data"]["inputArtifacts"][0]["revision"] == world.version, job)
    time.sleep(1.2)  # One more look: that nothing comes of it cannot be waited for.
    check("which starts nothing by itself", summaries()[0]["pipelineExecutionId"] == old, summaries())
    refused("another key without leave", "ValidationException", world.pipelines.start_pipeline_execution, "AllowOverride", name=name,
            sourceRevisions=[{"actionName": "Fetch", "revisionType": "S3_OBJECT_KEY", "revisionValue": "other.zip"}])
    world.pipelines.delete_pipeline(name=name)
    declaration = world.declaration("sourceless", stage)
    declaration["stages"][0]["actions"][0]["configuration"]["S3ObjectKey"] = "absent.zip"
    name = world.create(declaration)
    execution = world.start(name)
    check("a missing source fails the execution", world.ends(name, execution, "Failed"))
    error = world.actions(name, execution)[0]["output"]["executionResult"]["errorDetails"]
    check("and is named", "absent.zip" in error["message"], error)


def wire(world):
    place = urllib.parse.urlparse(world.endpoint)
    def post(target, body, path="/"):
        connection = http.client.HTTPConnection(place.hostname, place.port)
        connection.request("POST", path, body, {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    status, body, headers = post("CodePipeline_20150709.Dance", "{}")
    check("an operation that nobody has", status == 400 and body["__type"] == "UnknownOperationException", body)
    check("errors are JSON 1.1", headers["Content-Type"] == "application/x-amz-json-1.1", headers)
    status, body, _ = post("", "{}", "/somewhere")
    check("no target", status == 400 and body["__type"] == "UnknownOperationException", body)
    status, body, _ = post("CodePipeline_20150709.ListPipelines", "{")
    check("no JSON", status == 400 and body["__type"] == "SerializationException", body)
    status, body, _ = post("CodePipeline_20150709.GetPipeline", "{}")
    check("a missing member", body["message"] == "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null", body)


def run(about, *chapters):
    """Runs the chapters against the server that the command line names."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--endpoint-url", required=True)
    endpoint = parser.parse_args().endpoint_url
    world = World(endpoint)
    for chapter in chapters:
        print(f"-- {chapter.__name__}", flush=True)
        chapter(world)
    print(f"{failures} checks failed" if failures else "all checks held")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    run(__doc__, wire, action_types, definitions, jobs, unresolved, run_orders, automatic_retry, modes, stops, sources)
