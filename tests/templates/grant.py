"""Gives a user of a running MiniStack exactly what the templates give a worker, and prints the user's key and the tests' role as JSON.

What is no worker's is there, too: the rights of pipelines, and a role for what pipelines and tests start besides.

Usage: grant.py URL STATE_BUCKET
"""

import json
import sys

from emulators import clients, deploy, template
from under_policies import adapted, jobs_role, policies_of


def main(url, bucket):
    client = clients(url)
    iam = client("iam")
    user = iam.create_user(UserName="worker")["User"]["Arn"]
    role = deploy(client, "bluestage-worker-role", template("worker-role.yaml"), {"StateBucket": bucket})
    stage = deploy(client, "bluestage-stage-roles", adapted(template("stage-roles.yaml")), {
        "WorkerRoleArn": user, "WorkerRoleName": role["WorkerRoleName"], "StateLocation": f"s3://{bucket}/state", "ArtifactBucket": "artifacts"})
    for arn in (policies_of(client, "bluestage-worker-role")["JobsAndState"], policies_of(client, "bluestage-stage-roles")["StageAccess"]):
        iam.attach_user_policy(UserName="worker", PolicyArn=arn)
    # tests/conformance releases from buckets of its own.
    jobs_role(client, ("artifacts", "sources", "conformance-*"))
    services = {"Service": ["codepipeline.amazonaws.com", "cloudformation.amazonaws.com", "codebuild.amazonaws.com", "lambda.amazonaws.com"]}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument=json.dumps(trust))
    key = iam.create_access_key(UserName="worker")["AccessKey"]
    print(json.dumps({**key, "TestRoleArn": stage["TestRoleArn"]}, default=str))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
