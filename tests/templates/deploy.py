"""Deploys every template of pipeline-templates/ into MiniStack and into moto, as far as they know its resources, and says
which types were left out. A type that is left out and not named here, or named and not left out, fails the test."""

import json
import sys

from moto import mock_aws

from emulators import TEMPLATES, clients, deploy, ministack, template, types_of, unknown_to_ministack, unknown_to_moto, with_numbers, without

LEFT_OUT = {
    "MiniStack": {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::CodePipeline::CustomActionType",
        "AWS::CodePipeline::Pipeline",
    },
    "moto": {
        "AWS::ApiGateway::Stage",
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::AutoScaling::ScalingPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::CodePipeline::CustomActionType",
        "AWS::CodePipeline::Pipeline",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
    },
}

# Templates that an emulator cannot make at all, and why.
CANNOT = {
    "MiniStack": {},
    "moto": {
        "worker-role.yaml": "it leaves AWS::NoValue in lists",
        "stage-roles.yaml": "it leaves AWS::NoValue in lists",
    },
}


def world(client):
    """What the templates take as given: buckets, a network."""
    ec2, s3 = client("ec2"), client("s3")
    for bucket in ("sources", "artifacts", "tools"):
        s3.create_bucket(Bucket=bucket)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    client("ssm").put_parameter(Name="/test/image", Value="ami-12345678", Type="String")
    return vpc, subnet


def deploy_all(name, client, unknown, url=None):
    vpc, subnet = world(client)
    left_out = set()

    def make(stack, file, **parameters):
        source = template(file)
        missing = unknown(source)
        left_out.update(missing)
        try:
            outputs = deploy(client, stack, with_numbers(without(source, missing)), parameters)
        except Exception as refused:  # moto answers what it cannot do with whatever breaks in it
            assert file in CANNOT[name], f"{name} cannot make {file}: {refused!r}"
            print(f"{name}: {file} as {stack}: cannot make it, because {CANNOT[name][file]}")
            return {key: f"arn:aws:iam::123456789012:policy/{key}" for key in source["Outputs"]}
        print(f"{name}: {file} as {stack}: {len(types_of(source) - missing)} types, left out: {', '.join(sorted(missing)) or 'none'}")
        return outputs

    make("actions", "custom-actions.yaml")
    state = make("state", "state.yaml")
    if name == "MiniStack":  # moto makes the bucket and nothing of what is set for it
        check_state_bucket(client, state["StateBucket"])
    location = state["StateLocation"]
    for compute in ("ecs", "ec2"):
        role = make(f"worker-role-{compute}", "worker-role.yaml", StateBucket=state["StateBucket"], Compute=compute)
        here = {"WorkerRoleArn": role["WorkerRoleArn"], "StateLocation": location, "ArtifactBucket": "artifacts"}
        stage = make(f"stage-{compute}", "stage-roles.yaml", WorkerRoleName=role["WorkerRoleName"], **here)
    elsewhere = make("stage-elsewhere", "stage-roles.yaml", Stage="far", **here)
    if name == "MiniStack":
        assert elsewhere["StacksRoleArn"] and "StacksRoleArn" not in stage, (elsewhere, stage)
    network = {"VpcId": vpc, "SubnetIds": subnet, "StateLocation": location}
    make("fargate", "worker-fargate.yaml", Image="bluestage@sha256:0", WorkerRoleArn=role["WorkerRoleArn"], **network)
    make("ec2", "worker-ec2.yaml", BinaryUri="s3://tools/bluestage", BinarySha256="0" * 64, ImageId="/test/image",
         InstanceProfileArn=role["InstanceProfileArn"], **network)
    make("pipeline", "service-pipeline.yaml", Service="billing", SourceBucket="sources", SourceKey="billing.zip",
         ArtifactBucket="artifacts", TestCommand="true")
    nested = "service-pipeline.json"
    client("s3").put_object(Bucket="tools", Key=nested, Body=json.dumps(without(template("service-pipeline.yaml"), left_out)))
    make("services", "services.yaml", PipelineTemplateUrl=f"{url or 'https://s3.amazonaws.com'}/tools/{nested}", SourceBucket="sources",
         ArtifactBucket="artifacts", DeployRoleArn=stage["DeployRoleArn"], ServiceBoundaryArn=stage["ServiceBoundaryArn"])
    for service, more in {"billing": {}, "inventory": {}, "orders": {"BillingUrl": "http://b", "InventoryUrl": "http://i"}}.items():
        client("s3").put_object(Bucket="sources", Key=f"{service}.zip", Body=EMPTY_ZIP)
        make(f"test-{service}-v1", f"samples/{service}/template.yaml", CodeBucket="sources", CodeKey=f"{service}.zip", Version="v1",
             BoundaryArn=stage["ServiceBoundaryArn"], **more)
    return left_out


EMPTY_ZIP = b"PK\x05\x06" + b"\0" * 18


def check_state_bucket(client, bucket):
    """What the worker needs of it, and what keeps it closed, as S3 tells it."""
    s3 = client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4 and all(blocked.values()), blocked
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", rules
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]


def check_unit():
    """Instances get the unit that is shown and measured."""
    def settings(text):
        return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]

    unit = settings((TEMPLATES / "bluestage.service").read_text())
    data = template("worker-ec2.yaml")["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]
    script = settings(data["Fn::Base64"]["Fn::Sub"][0])
    begin = script.index(unit[0])
    assert script[begin:begin + len(unit)] == unit, "the unit in worker-ec2.yaml is not bluestage.service"


def main():
    check_unit()
    with ministack() as url:
        client = clients(url)
        found = {"MiniStack": deploy_all("MiniStack", client, lambda source: unknown_to_ministack(client, source), url)}
    with mock_aws():
        found["moto"] = deploy_all("moto", clients(), unknown_to_moto)
    for name, left_out in found.items():
        assert left_out == LEFT_OUT[name], f"{name} leaves out {sorted(left_out)}, and this test says {sorted(LEFT_OUT[name])}"


if __name__ == "__main__":
    sys.exit(main())
