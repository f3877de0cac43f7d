"""The real worker, on a MiniStack that evaluates IAM (AUTH=true), with no rights but those that the templates give it.

Three services are released and a broken one is refused; then calls that must be denied are denied. MiniStack differs from AWS in
what it asks IAM, so three things of the policies are adapted for it and for nothing else; ADAPTED says which and why.

Usage: under_policies.py BLUESTAGE, the binary.
"""

import contextlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

import botocore.exceptions

from emulators import REGION, ROOT, TEMPLATES, clients, deploy, ministack, template, with_numbers

PATIENCE = 90
SERVICES = ["billing", "inventory", "orders"]
ADAPTED = [
    "cloudformation:RoleArn: MiniStack does not tell it to IAM, so the condition that asks for the deploy role is left out",
    "the state bucket's own policy: the emulator speaks no TLS, so the policy is seen to deny and then taken away",
    "DescribeChangeSet and ExecuteChangeSet by ARN: MiniStack asks for them on *, AWS on the stack, so they are allowed on *",
]

# Conditions that MiniStack does not evaluate, so that nothing here speaks for them.
NOT_EVALUATED = [
    "aws:ResourceTag/bluestage:state: it knows no tags of stacks",
    "iam:PassRole: it does not ask for it",
    "${aws:PrincipalTag/…} in the resources of the tests' policy: it knows no policy variables, so the tests' own function is denied too",
]


def adapted(source):
    statements = source["Resources"]["StageAccess"]["Properties"]["PolicyDocument"]["Statement"]
    prepare = next(s for s in statements if s.get("Sid") == "PrepareStacks")
    del prepare["Condition"]["ArnEquals"]
    statements.append({"Effect": "Allow", "Action": ["cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet"], "Resource": "*"})
    return source


def policies_of(client, stack):
    resources = client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::IAM::ManagedPolicy"}


def account_as_shipped(client):
    """Deploys the templates; the worker's policies go to a user, because only ECS may play its role."""
    iam = client("iam")
    user = iam.create_user(UserName="worker")["User"]["Arn"]
    state = deploy(client, "state", template("state.yaml"), {})
    role = deploy(client, "worker-role", template("worker-role.yaml"), {"StateBucket": state["StateBucket"]})
    stage = deploy(client, "stage-roles", adapted(template("stage-roles.yaml")), {
        "WorkerRoleArn": user, "WorkerRoleName": role["WorkerRoleName"], "StateLocation": state["StateLocation"], "ArtifactBucket": "artifacts"})
    for arn in (policies_of(client, "worker-role")["JobsAndState"], policies_of(client, "stage-roles")["StageAccess"]):
        iam.attach_user_policy(UserName="worker", PolicyArn=arn)
    return state, stage, iam.create_access_key(UserName="worker")["AccessKey"]


def jobs_role(client, buckets=("artifacts", "sources")):
    """By which the local CodePipeline hands out credentials with its jobs: the pipeline's own rights."""
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}]}
    iam = client("iam")
    iam.create_role(RoleName="bluestage-local-jobs", AssumeRolePolicyDocument=json.dumps(trust))
    artifacts = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{b}{rest}" for b in buckets for rest in ("", "/*")]}]}
    iam.put_role_policy(RoleName="bluestage-local-jobs", PolicyName="artifacts", PolicyDocument=json.dumps(artifacts))


def upload(client, service, spoil=None):
    archive = io.BytesIO()
    folder = TEMPLATES / "samples" / service
    with zipfile.ZipFile(archive, "w") as pack:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            text = path.read_text()
            name = str(path.relative_to(folder))
            pack.writestr(name, spoil(text) if spoil and name == "app.py" else text)
    client("s3").put_object(Bucket="sources", Key=f"{service}.zip", Body=archive.getvalue())


@contextlib.contextmanager
def running(command, environment, log):
    with open(log, "wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def release(pipelines, service, log):
    """Starts the pipeline and gives the status in which its execution ends."""
    execution = pipelines.start_pipeline_execution(name=service)["pipelineExecutionId"]
    deadline = time.monotonic() + PATIENCE
    while True:
        found = pipelines.get_pipeline_execution(pipelineName=service, pipelineExecutionId=execution)["pipelineExecution"]
        if found["status"] not in ("InProgress", "Stopping"):
            return found["status"]
        assert time.monotonic() < deadline, f"{service} does not end\n{log.read_text()[-4000:]}"
        time.sleep(0.3)


def denied(what, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as refused:
        code = refused.response["Error"]["Code"]
        assert code in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), f"{what}: {refused}"
        print(f"denied, as it must be: {what}")
        return
    raise AssertionError(f"allowed, and must not be: {what}")


def check_denials(worker, bucket, location):
    cloudformation, s3 = worker("cloudformation"), worker("s3")
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    tags = [{"Key": "bluestage:stage", "Value": "test"}, {"Key": "bluestage:state", "Value": location}]
    change_set = {"ChangeSetName": "create", "ChangeSetType": "CREATE", "TemplateBody": body}
    denied("a stack of another stage", cloudformation.create_change_set, StackName="prod-orders-v1", Tags=tags, **change_set)
    denied("a stack without our tags", cloudformation.create_change_set, StackName="test-orders-v99", **change_set)
    denied("deleting a stack of another stage", cloudformation.delete_stack, StackName="prod-orders-v1")
    denied("deleting a stage document", s3.delete_object, Bucket=bucket, Key="state/stages/test.json")
    denied("writing beside the state", s3.put_object, Bucket=bucket, Key="elsewhere/x", Body=b"")
    denied("reading another bucket", s3.get_object, Bucket="sources", Key="billing.zip")
    denied("making a role", worker("iam").create_role, RoleName="test-x", AssumeRolePolicyDocument="{}")
    denied("calling a function", worker("lambda").invoke, FunctionName="test-billing-v1")


def check_test_role(root, key, secret, url, role):
    sts = clients(url, key, secret)("sts")
    denied("the tests' role without tags", sts.assume_role, RoleArn=role, RoleSessionName="run-1")
    tags = {"stage": "test", "service": "billing", "version": "v1", "run": "run-1"}
    found = sts.assume_role(RoleArn=role, RoleSessionName="run-1", Tags=[{"Key": f"bluestage:{k}", "Value": v} for k, v in tags.items()])
    print("allowed, as it must be: the tests' role with tags")
    given = found["Credentials"]
    tests = clients(url, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    other = next(f["FunctionName"] for f in root("lambda").list_functions()["Functions"] if f["FunctionName"].startswith("test-inventory-"))
    denied("tests of billing calling inventory's function", tests("lambda").invoke, FunctionName=other)
    denied("tests deleting a stack", tests("cloudformation").delete_stack, StackName="test-billing-v1")


FAR = "111111111111"


def across_accounts(url, home, bluestage):
    """Pipelines, workers and state in one account, the stage in another: the stack is there, made by the role that is there."""
    root, far = clients(url), clients(url, key=FAR)
    root("s3").create_bucket(Bucket="far-state")
    iam = root("iam")
    user = iam.create_user(UserName="far-worker")["User"]["Arn"]
    stage = deploy(far, "stage-roles", adapted(template("stage-roles.yaml")), {
        "Stage": "far", "WorkerRoleArn": user, "StateLocation": "s3://far-state/state", "ArtifactBucket": "artifacts"})
    deploy(root, "far-worker-role", template("worker-role.yaml"), {"StateBucket": "far-state", "StacksRoleArn": stage["StacksRoleArn"]})
    iam.attach_user_policy(UserName="far-worker", PolicyArn=policies_of(root, "far-worker-role")["JobsAndState"])
    key = iam.create_access_key(UserName="far-worker")["AccessKey"]
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Arn": {"Value": {"Ref": "Topic"}}}})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pack:
        pack.writestr("template.yaml", body)
    root("s3").put_object(Bucket="sources", Key="topic.zip", Body=archive.getvalue())
    with contextlib.ExitStack() as stack:
        pipeline = {"Service": "topic", "StageName": "far", "SourceBucket": "sources", "SourceKey": "topic.zip", "ArtifactBucket": "artifacts",
                    "TestCommand": "true", "Reports": "", "PollForSourceChanges": "false", "DeployRoleArn": stage["DeployRoleArn"]}
        codepipeline = start_local(stack, bluestage, (url, home / "far-local.log"), [TEMPLATES / "service-pipeline.yaml"], pipeline)
        worker = environment_of(url, home, key) | {
            "AWS_ENDPOINT_URL_CODEPIPELINE": codepipeline, "BLUESTAGE_STATE": "s3://far-state/state", "BLUESTAGE_STACKS_ROLE": stage["StacksRoleArn"]}
        log = home / "far-worker.log"
        stack.enter_context(running([bluestage, "worker", *WORKER], worker, log))
        status = release(clients(codepipeline)("codepipeline"), "topic", log)
        assert status == "Succeeded", f"topic {status}\n{log.read_text()[-4000:]}"
    here, there = ([s["StackName"] for s in account("cloudformation").describe_stacks()["Stacks"] if "-topic-" in s["StackName"]]
                   for account in (root, far))
    assert not here and len(there) == 1, (here, there)
    print(f"released into the other account: {there[0]}")


WORKER = ["--log-format", "json", "--poll-seconds", "0.2", "--idle-poll-seconds", "0.5", "--hold-seconds", "3", "--sweep-seconds", "1",
          "--test-path", f"{ROOT}/target/venv/bin:/usr/local/bin:/usr/bin:/bin", "--test-read", f"{ROOT}/target/venv:{sys.base_prefix}"]


def environment_of(url, home, key):
    return {"PATH": f"{ROOT}/target/venv/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "AWS_REGION": REGION, "AWS_ENDPOINT_URL": url,
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


ROOT_KEY = {"AccessKeyId": "test", "SecretAccessKey": "test"}


def start_local(stack, bluestage, place, pipelines, parameters):
    """A local CodePipeline with these pipelines; gives its URL."""
    url, log = place
    command = [bluestage, "local", "--pipelines", TEMPLATES / "custom-actions.yaml", "--continuation-seconds", "0.2", "--no-start-on-create"]
    command += [word for path in pipelines for word in ("--pipelines", path)]
    command += [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    serving = stack.enter_context(running(command, environment_of(url, log.parent, ROOT_KEY), log))
    line = serving.stdout.readline()
    assert line, log.read_text()
    return json.loads(line)["listening"]


def main(bluestage):
    home = pathlib.Path(tempfile.mkdtemp(prefix="under-policies-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        url = stack.enter_context(ministack(auth=True))
        root = clients(url)
        for bucket in ("sources", "artifacts"):
            root("s3").create_bucket(Bucket=bucket)
            root("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        state, stage, key = account_as_shipped(root)
        jobs_role(root)
        as_boto = clients(url, key["AccessKeyId"], key["SecretAccessKey"])
        denied("the state without TLS", as_boto("s3").list_objects_v2, Bucket=state["StateBucket"], Prefix="state/")
        root("s3").delete_bucket_policy(Bucket=state["StateBucket"])
        given = {"ArtifactBucket": "artifacts", "SourceBucket": "sources", "ApiBase": url, "PollForSourceChanges": "false",
                 "DeployRoleArn": stage["DeployRoleArn"]}
        codepipeline = start_local(stack, bluestage, (url, home / "local.log"), [TEMPLATES / "samples/pipelines"], given)
        as_worker = environment_of(url, home, key) | {
            "AWS_ENDPOINT_URL_CODEPIPELINE": codepipeline, "BLUESTAGE_STATE": state["StateLocation"]}
        log = home / "worker.log"
        stack.enter_context(running([bluestage, "worker", *WORKER], as_worker, log))
        pipelines = clients(codepipeline)("codepipeline")
        for service in SERVICES:
            upload(root, service)
            status = release(pipelines, service, log)
            assert status == "Succeeded", f"{service} {status}\n{log.read_text()[-4000:]}"
            print(f"released under the shipped policies: {service}")
        upload(root, "billing", spoil=lambda text: text.replace("0.19", "0.91"))
        assert release(pipelines, "billing", log) == "Failed"
        told = subprocess.run([bluestage, "status"], env=as_worker, capture_output=True, text=True, check=True).stdout
        print(told)
        lines = [line for line in map(json.loads, log.read_text().splitlines()) if line["level"] in ("WARN", "ERROR")]
        refused = [line for line in lines if "denied" in json.dumps(line).lower() or "not authorized" in json.dumps(line).lower()]
        assert not refused, refused[:3]
        check_denials(as_boto, state["StateBucket"], state["StateLocation"])
        check_test_role(root, key["AccessKeyId"], key["SecretAccessKey"], url, stage["TestRoleArn"])
        across_accounts(url, home, bluestage)
    for what in ADAPTED:
        print(f"adapted for MiniStack: {what}")
    for what in NOT_EVALUATED:
        print(f"not evaluated by MiniStack: {what}")


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
