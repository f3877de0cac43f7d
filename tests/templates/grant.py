"""Gives a user of a running MiniStack exactly what the templates give a worker, and prints the user's key as JSON.

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
    deploy(client, "bluestage-stage-roles", adapted(template("stage-roles.yaml")), {
        "WorkerRoleArn": user, "WorkerRoleName": role["WorkerRoleName"], "StateLocation": f"s3://{bucket}/state", "ArtifactBucket": "artifacts"})
    for arn in (policies_of(client, "bluestage-worker-role")["JobsAndState"], policies_of(client, "bluestage-stage-roles")["StageAccess"]):
        iam.attach_user_policy(UserName="worker", PolicyArn=arn)
    jobs_role(client)
    print(json.dumps(iam.create_access_key(UserName="worker")["AccessKey"], default=str))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
