"""Drives what a running `bluestage local` knows besides pipelines: tags, webhooks, third parties; and its events.

    local_resources.py --endpoint-url http://127.0.0.1:PORT

See local_codepipeline.py for how the server must run.
"""

import hashlib
import hmac
import http.client
import json
import urllib.parse
import urllib.request

from local_codepipeline import check, refused, run, until


def types(world):
    world.register()


def tags(world):
    pipelines = world.pipelines
    declaration = world.declaration("tagged", {"name": "Test", "actions": [world.action("Run")]})
    created = pipelines.create_pipeline(pipeline=declaration, tags=[{"key": "team", "value": "blue"}])
    check("CreatePipeline repeats its tags", created["tags"] == [{"key": "team", "value": "blue"}], created["tags"])
    name = created["pipeline"]["name"]
    arn = pipelines.get_pipeline(name=name)["metadata"]["pipelineArn"]
    pipelines.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "green"}, {"key": "cost", "value": "1"}])
    listed = pipelines.get_paginator("list_tags_for_resource").paginate(resourceArn=arn, PaginationConfig={"PageSize": 1}).build_full_result()
    check("TagResource and ListTagsForResource", {t["key"]: t["value"] for t in listed["tags"]} == {"team": "green", "cost": "1"}, listed)
    pipelines.untag_resource(resourceArn=arn, tagKeys=["cost", "absent"])
    check("UntagResource", [t["key"] for t in pipelines.list_tags_for_resource(resourceArn=arn)["tags"]] == ["team"])
    many = [{"key": f"k{n}", "value": ""} for n in range(51)]
    refused("51 tags", "TooManyTagsException", pipelines.tag_resource, resourceArn=arn, tags=many)
    refused("a reserved key", "InvalidTagsException", pipelines.tag_resource, resourceArn=arn, tags=[{"key": "aws:x", "value": ""}])
    refused("no such resource", "ResourceNotFoundException", pipelines.list_tags_for_resource, resourceArn=arn + "x")
    refused("another region", "InvalidArnException", pipelines.list_tags_for_resource, resourceArn=arn.replace("us-east-1", "eu-west-1"))
    refused("no ARN", "ValidationException", pipelines.list_tags_for_resource, "regular expression", resourceArn="arn")
    of_type = arn.rsplit(":", 1)[0] + f":actiontype:Custom/Test/{world.provider}/1"
    pipelines.tag_resource(resourceArn=of_type, tags=[{"key": "a", "value": "b"}])
    check("tags of an action type", pipelines.list_tags_for_resource(resourceArn=of_type)["tags"] == [{"key": "a", "value": "b"}])
    pipelines.delete_pipeline(name=name)


def post(url, message, **headers):
    place = urllib.parse.urlparse(url)
    connection = http.client.HTTPConnection(place.hostname, place.port)
    body = json.dumps(message).encode()
    connection.request("POST", place.path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def webhooks(world):
    pipelines = world.pipelines
    name = world.create(world.declaration("hooked", {"name": "Test", "actions": [world.action("Run")]}))
    hook = {"name": f"hook-{world.run}", "targetPipeline": name, "targetAction": "Fetch",
            "filters": [{"jsonPath": "$.ref", "matchEquals": "refs/heads/{S3ObjectKey}"}],
            "authentication": "GITHUB_HMAC", "authenticationConfiguration": {"SecretToken": "hush"}}
    refused("HMAC without a secret", "InvalidWebhookAuthenticationParametersException", pipelines.put_webhook, webhook={**hook, "authenticationConfiguration": {}})
    refused("a path that is none", "InvalidWebhookFilterPatternException", pipelines.put_webhook, webhook={**hook, "filters": [{"jsonPath": "ref"}]})
    refused("no such pipeline", "PipelineNotFoundException", pipelines.put_webhook, webhook={**hook, "targetPipeline": "Nowhere"})
    made = pipelines.put_webhook(webhook=hook, tags=[{"key": "a", "value": "b"}])["webhook"]
    check("PutWebhook masks the secret", made["definition"]["authenticationConfiguration"] == {"SecretToken": "****"}, made)
    check("tags of a webhook", pipelines.list_tags_for_resource(resourceArn=made["arn"])["tags"] == [{"key": "a", "value": "b"}])
    before = len(pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])
    message = {"ref": "refs/heads/source.zip"}
    status, answer = post(made["url"], message)
    check("a message without a signature", status == 403, answer)
    sign = lambda m: "sha256=" + hmac.new(b"hush", json.dumps(m).encode(), hashlib.sha256).hexdigest()
    other = {"ref": "refs/heads/other"}
    post(made["url"], other, **{"X-Hub-Signature-256": sign(other)})
    summaries = lambda: pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    check("a message that does not fit starts nothing", len(summaries()) == before)
    status, answer = post(made["url"], message, **{"X-Hub-Signature-256": sign(message)})
    check("a signed message starts the pipeline", status == 200 and len(summaries()) == before + 1, answer)
    check("and it says why", summaries()[0]["trigger"]["triggerType"] == "Webhook", summaries()[0])
    listed = pipelines.get_paginator("list_webhooks").paginate(PaginationConfig={"PageSize": 1}).build_full_result()["webhooks"]
    mine = next(w for w in listed if w["definition"]["name"] == hook["name"])
    check("ListWebhooks tells when", mine["lastTriggered"] and mine["url"] == made["url"], mine)
    open_to_us = {**hook, "name": f"ip-{world.run}", "authentication": "IP", "authenticationConfiguration": {"AllowedIPRange": "127.0.0.0/8"}}
    url = pipelines.put_webhook(webhook=open_to_us)["webhook"]["url"]
    check("by address", post(url, message)[0] == 200)
    closed = {**open_to_us, "authenticationConfiguration": {"AllowedIPRange": "10.0.0.0/8"}}
    check("PutWebhook redefines at the same address", pipelines.put_webhook(webhook=closed)["webhook"]["url"] == url)
    check("by another address", post(url, message)[0] == 403)
    refused("registering it", "ValidationException", pipelines.register_webhook_with_third_party, "third parties", webhookName=hook["name"])
    refused("registering nothing", "WebhookNotFoundException", pipelines.deregister_webhook_with_third_party, webhookName="nothing")
    pipelines.delete_webhook(name=hook["name"])
    check("a deleted webhook", post(made["url"], message)[0] == 404)
    check("deleting it again is fine", pipelines.delete_webhook(name=hook["name"]) is not None)
    pipelines.delete_webhook(name=open_to_us["name"])
    pipelines.delete_pipeline(name=name)


def third_parties(world):
    pipelines = world.pipelines
    kind = {"category": "Test", "owner": "ThirdParty", "provider": f"Partner{world.run}", "version": "1"}
    refused("no such type", "ActionTypeNotFoundException", pipelines.get_action_type, **kind)
    counts = {"minimumCount": 0, "maximumCount": 5}
    declared = {
        "id": kind, "inputArtifactDetails": counts, "outputArtifactDetails": counts,
        "executor": {"type": "JobWorker", "configuration": {"jobWorkerExecutorConfiguration": {"pollingAccounts": ["000000000000"]}}, "jobTimeout": 60},
        "properties": [{"name": "Token", "optional": False, "key": False, "noEcho": True}],
        "urls": {"executionUrlTemplate": "https://partner.example/{ExternalExecutionId}"},
    }
    pipelines.update_action_type(actionType=declared)
    check("GetActionType answers what UpdateActionType said", pipelines.get_action_type(**kind)["actionType"] == declared)
    shown = pipelines.list_action_types(actionOwnerFilter="ThirdParty")["actionTypes"]
    check("ListActionTypes shows it", kind in [t["id"] for t in shown], shown)
    built_in = pipelines.get_action_type(category="Deploy", owner="AWS", provider="CloudFormation", version="1")["actionType"]
    check("GetActionType of AWS's own", "StackName" in [p["name"] for p in built_in["properties"]], built_in)
    refused("an update of AWS's own", "RequestFailedException", pipelines.update_action_type, actionType={**declared, "id": built_in["id"]})

    action = {"name": "Partner", "actionTypeId": kind, "configuration": {"Token": "hush"}, "inputArtifacts": [{"name": "SourceArtifact"}]}
    name = world.create(world.declaration("partner", {"name": "Test", "actions": [action]}))
    execution = world.start(name)
    refused("polling as a custom worker", "ValidationException", pipelines.poll_for_jobs, "not supported", actionTypeId=kind)
    jobs = until(lambda: pipelines.poll_for_third_party_jobs(actionTypeId=kind, maxBatchSize=1)["jobs"])
    check("PollForThirdPartyJobs names job and client", jobs and set(jobs[0]) == {"clientId", "jobId"}, jobs)
    mine = dict(jobId=jobs[0]["jobId"], clientToken="local")
    refused("another client", "InvalidClientTokenException", pipelines.get_third_party_job_details, jobId=mine["jobId"], clientToken="stranger")
    details = pipelines.get_third_party_job_details(**mine)["jobDetails"]
    check("the details have nonce and data", details["nonce"] and details["data"]["actionConfiguration"]["configuration"] == {"Token": "hush"}
          and details["data"]["artifactCredentials"]["accessKeyId"], details)
    refused("success before acknowledge", "InvalidJobStateException", pipelines.put_third_party_job_success_result, **mine)
    refused("another nonce", "InvalidNonceException", pipelines.acknowledge_third_party_job, nonce="77", **mine)
    check("AcknowledgeThirdPartyJob", pipelines.acknowledge_third_party_job(nonce=details["nonce"], **mine)["status"] == "InProgress")
    pipelines.put_third_party_job_success_result(continuationToken="more", executionDetails={"externalExecutionId": "x7"}, **mine)
    jobs = until(lambda: pipelines.poll_for_third_party_jobs(actionTypeId=kind)["jobs"])
    mine["jobId"] = jobs[0]["jobId"]
    details = pipelines.get_third_party_job_details(**mine)["jobDetails"]
    check("a continuation is a new job", details["data"]["continuationToken"] == "more", details)
    pipelines.acknowledge_third_party_job(nonce=details["nonce"], **mine)
    pipelines.put_third_party_job_failure_result(failureDetails={"type": "JobFailed", "message": "red"}, **mine)
    check("PutThirdPartyJobFailureResult fails the action", world.ends(name, execution, "Failed"))
    shown = world.actions(name, execution)[0]
    check("its link is shown", shown["output"]["executionResult"]["externalExecutionUrl"] == "https://partner.example/x7", shown)
    targets = pipelines.list_deploy_action_execution_targets(pipelineName=name, actionExecutionId=shown["actionExecutionId"])
    check("ListDeployActionExecutionTargets: none", targets["targets"] == [], targets)
    refused("targets of nothing", "ActionExecutionNotFoundException", pipelines.list_deploy_action_execution_targets, actionExecutionId="nothing")
    pipelines.delete_pipeline(name=name)


class Stream:
    """The stream of events, as a page in a browser would read it."""

    def __init__(self, endpoint, last=None):
        request = urllib.request.Request(endpoint + "/events", headers={"Last-Event-ID": last} if last else {})
        self.lines = urllib.request.urlopen(request, timeout=15)

    def next(self):
        message = {}
        for line in self.lines:
            line = line.decode().rstrip("\n")
            if not line and message:
                return message
            if line and not line.startswith(":"):
                field, _, value = line.partition(": ")
                message[field] = value
        return None


def events(world):
    stream = Stream(world.endpoint)
    name = world.create(world.declaration("told", {"name": "Test", "actions": [world.action("Run")]}))
    execution = world.start(name)
    world.succeed(world.take(execution))
    told, found = [], None
    while not (found and found["detail-type"].startswith("CodePipeline Pipeline") and found["detail"]["state"] == "SUCCEEDED"):
        message = stream.next()
        found = json.loads(message["data"])
        if found["detail"]["execution-id"] == execution:
            told.append((message, found))
    what = [(e["detail-type"].split()[1], e["detail"].get("action") or e["detail"].get("stage"), e["detail"]["state"]) for _, e in told]
    check("the stream tells every change in order", what == [
        ("Pipeline", None, "STARTED"), ("Stage", "Source", "STARTED"), ("Action", "Fetch", "STARTED"),
        ("Action", "Fetch", "SUCCEEDED"), ("Stage", "Source", "SUCCEEDED"), ("Stage", "Test", "STARTED"),
        ("Action", "Run", "STARTED"), ("Action", "Run", "SUCCEEDED"), ("Stage", "Test", "SUCCEEDED"),
        ("Pipeline", None, "SUCCEEDED")], what)
    one = told[2][1]
    check("in EventBridge's form", one["source"] == "aws.codepipeline" and one["version"] == "0" and one["id"]
          and one["resources"][0].endswith(f":{name}") and one["detail"]["pipeline"] == name
          and one["detail"]["type"] == {"owner": "AWS", "provider": "S3", "category": "Source", "version": "1"}, one)
    again = Stream(world.endpoint, told[4][0]["id"]).next()
    check("whoever comes back gets what it missed", again["id"] == told[5][0]["id"], again)
    world.pipelines.delete_pipeline(name=name)


def started_by_event(world):
    name = world.create(world.declaration("rung", {"name": "Test", "actions": [world.action("Run")]},
                                          variables=[{"name": "who", "defaultValue": "nobody"}]))
    event = lambda key: {"source": "aws.s3", "detail-type": "Object Created",
                         "detail": {"bucket": {"name": world.bucket}, "object": {"key": key}}}
    status, answer = post(world.endpoint + "/events", event("source.zip"))
    check("an event of S3 starts the pipelines of its object", status == 200 and answer["started"] >= 1, answer)
    newest = world.pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
    check("and they say why", newest["trigger"]["triggerType"] == "CloudWatchEvent", newest)
    found = world.pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=newest["pipelineExecutionId"])["pipelineExecution"]
    check("with the variables' defaults", found["variables"] == [{"name": "who", "resolvedValue": "nobody"}], found)
    check("of another object: none", post(world.endpoint + "/events", event("other.zip"))[1] == {"started": 0})
    check("something else is refused", post(world.endpoint + "/events", {"source": "aws.ec2"})[0] == 400)
    world.pipelines.delete_pipeline(name=name)


if __name__ == "__main__":
    run(__doc__, types, tags, webhooks, third_parties, events, started_by_event)
