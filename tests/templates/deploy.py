"""Deploys every template of pipeline-templates/ into MiniStack and into moto, as far as they know its resources, and says
which types were left out. A type that is left out and not named here, or named and not left out, fails the test."""

import sys

from moto import mock_aws

from emulators import clients, deploy, ministack, template, types_of, unknown_to_ministack, unknown_to_moto, without

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
        "AWS::CodePipeline::CustomActionType",
        "AWS::CodePipeline::Pipeline",
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


def deploy_all(name, client, unknown):
    vpc, subnet = world(client)
    left_out = set()

    def make(stack, file, **parameters):
        source = template(file)
        missing = unknown(source)
        left_out.update(missing)
        outputs = deploy(client, stack, without(source, missing), parameters)
        print(f"{name}: {file} as {stack}: {len(types_of(source) - missing)} types, left out: {', '.join(sorted(missing)) or 'none'}")
        return outputs

    make("actions", "custom-actions.yaml")
    state = make("state", "state.yaml")
    check_state_bucket(client, state["StateBucket"], lifecycle=name == "moto")
    location = state["StateLocation"]
    for compute in ("ecs", "ec2"):
        role = make(f"worker-role-{compute}", "worker-role.yaml", StateBucket=state["StateBucket"], Compute=compute)
        here = {"WorkerRoleArn": role["WorkerRoleArn"], "StateLocation": location, "ArtifactBucket": "artifacts"}
        stage = make(f"stage-{compute}", "stage-roles.yaml", WorkerRoleName=role["WorkerRoleName"], **here)
    elsewhere = make("stage-elsewhere", "stage-roles.yaml", Stage="far", **here)
    assert elsewhere["StacksRoleArn"] and "StacksRoleArn" not in stage, (elsewhere, stage)
    network = {"VpcId": vpc, "SubnetIds": subnet, "StateLocation": location}
    make("fargate", "worker-fargate.yaml", Image="bluestage@sha256:0", WorkerRoleArn=role["WorkerRoleArn"], **network)
    make("ec2", "worker-ec2.yaml", BinaryUri="s3://tools/bluestage", BinarySha256="0" * 64, ImageId="/test/image",
         InstanceProfileArn=role["InstanceProfileArn"], **network)
    make("pipeline", "service-pipeline.yaml", Service="billing", SourceBucket="sources", SourceKey="billing.zip",
         ArtifactBucket="artifacts", TestCommand="true")
    for service, more in {"billing": {}, "inventory": {}, "orders": {"BillingUrl": "http://b", "InventoryUrl": "http://i"}}.items():
        client("s3").put_object(Bucket="sources", Key=f"{service}.zip", Body=EMPTY_ZIP)
        make(f"test-{service}-v1", f"samples/{service}/template.yaml", CodeBucket="sources", CodeKey=f"{service}.zip", Version="v1",
             BoundaryArn=stage["ServiceBoundaryArn"], **more)
    return left_out


EMPTY_ZIP = b"PK\x05\x06" + b"\0" * 18


def check_state_bucket(client, bucket, lifecycle):
    """What the worker needs of it, and what keeps it closed, as S3 tells it. MiniStack makes no lifecycle from a template."""
    s3 = client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4 and all(blocked.values()), blocked
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", rules
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    if not lifecycle:
        return
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    prefixes = {rule.get("Prefix") or rule.get("Filter", {}).get("Prefix") for rule in rules}
    assert {"state/stages/", "state/journal/", "state/runs/", "state/templates/"} <= prefixes, prefixes


def main():
    with ministack() as url:
        client = clients(url)
        found = {"MiniStack": deploy_all("MiniStack", client, lambda source: unknown_to_ministack(client, source))}
    with mock_aws():
        found["moto"] = deploy_all("moto", clients(), unknown_to_moto)
    for name, left_out in found.items():
        assert left_out == LEFT_OUT[name], f"{name} leaves out {sorted(left_out)}, and this test says {sorted(LEFT_OUT[name])}"


if __name__ == "__main__":
    sys.exit(main())
