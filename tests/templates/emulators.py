"""Two local CloudFormations, MiniStack and moto, and templates made fit for what each of them knows."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import boto3
import botocore.exceptions
from cfnlint.decode import cfn_yaml

ROOT = pathlib.Path(__file__).parents[2]
TEMPLATES = ROOT / "pipeline-templates"
MINISTACK = ROOT / "target/venv/bin/ministack"
REGION = "us-east-1"
PATIENCE = 60

# Stands in for a resource whose type an emulator does not know: both know topics, and this one does nothing.
STAND_IN = {"Type": "AWS::SNS::Topic"}


def template(name):
    """The template as plain data, its tags spelled out."""
    return json.loads(json.dumps(cfn_yaml.load(str(TEMPLATES / name)), default=str))


def types_of(source):
    return {resource["Type"] for resource in source["Resources"].values()}


def without(source, unknown):
    """The template with stand-ins for these types, and a plain text for what was asked of them."""
    gone = {name for name, resource in source["Resources"].items() if resource["Type"] in unknown}
    resources = {name: STAND_IN if name in gone else cut(resource, gone) for name, resource in source["Resources"].items()}
    return {**source, "Resources": resources, "Outputs": cut(source.get("Outputs", {}), gone)}


def with_numbers(source):
    """The template with its parameters of type Number put in: MiniStack hands them on as text, where AWS makes numbers of them."""
    numbers = {name: declared["Default"] for name, declared in source.get("Parameters", {}).items() if declared["Type"] == "Number"}

    def put(part):
        if isinstance(part, list):
            return [put(member) for member in part]
        if isinstance(part, dict):
            if set(part) == {"Ref"} and part["Ref"] in numbers:
                return numbers[part["Ref"]]
            return {key: put(member) for key, member in part.items()}
        return part

    return {**source, "Resources": put(source["Resources"])}


def cut(part, gone):
    if isinstance(part, list):
        return [cut(member, gone) for member in part]
    if not isinstance(part, dict):
        return part
    asked = part.get("Fn::GetAtt")
    if asked and (asked.split(".") if isinstance(asked, str) else asked)[0] in gone:
        return "stand-in"
    if isinstance(part.get("Fn::Sub"), str):
        return {"Fn::Sub": re.sub(r"\$\{(\w+)\.\w+\}", lambda found: "stand-in" if found[1] in gone else found[0], part["Fn::Sub"])}
    return {key: cut(member, gone) for key, member in part.items()}


@contextlib.contextmanager
def ministack(auth=False):
    """A MiniStack on a free port; yields its URL."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="ministack-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("tmp", "s3", "state"):
        (home / name).mkdir()
    environment = {
        "PATH": f"{MINISTACK.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home / "tmp"), "LANG": "C.UTF-8",
        "S3_DATA_DIR": str(home / "s3"), "STATE_DIR": str(home / "state"), "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION, "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "AUTH": "true" if auth else "false",
    }
    with open(home / "log", "wb") as log:
        process = subprocess.Popen([MINISTACK], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        await_ready(url, process, home / "log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)


def await_ready(url, process, log):
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"{url}/_ministack/ready", timeout=2):
                return
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def clients(url=None, key="test", secret="test", token=None, region=REGION):
    """A maker of boto3 clients for this endpoint, or for moto in this process."""
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    return lambda service: boto3.client(
        service, region_name=region, endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token
    )


def deploy(client, stack, source, parameters):
    """Creates the stack, waits until it is there, and gives its outputs."""
    cloudformation = client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation.create_stack(
        StackName=stack, TemplateBody=json.dumps(source), Parameters=given, Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
    )
    deadline = time.monotonic() + PATIENCE
    while True:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            break
        assert time.monotonic() < deadline, f"{stack} stays {found['StackStatus']}"
        time.sleep(0.1)
    if found["StackStatus"] != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        reasons = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events if "FAILED" in e["ResourceStatus"]]
        raise AssertionError(f"{stack} is {found['StackStatus']}: {reasons}")
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def unknown_to_ministack(client, source):
    """The types that it refuses by name."""
    try:
        client("cloudformation").create_stack(StackName="probe", TemplateBody=json.dumps({"Resources": {
            f"R{number}": {"Type": kind} for number, kind in enumerate(sorted(types_of(source)))}}))
    except botocore.exceptions.ClientError as refused:
        return set(re.findall(r"AWS::\w+::\w+", str(refused)))
    finally:
        client("cloudformation").delete_stack(StackName="probe")
    return set()


def unknown_to_moto(source):
    """The types that it would pass over in silence."""
    from moto.cloudformation import parsing  # not at the top: it takes seconds

    return {kind for kind in types_of(source) if parsing.resource_class_from_type(kind) is None}
