"""The worker's policies allow every call that the worker makes, and nothing that it does not make without a reason."""

import re
import sys

import botocore.session
from botocore import xform_name

from emulators import ROOT, template

SERVICES = ["cloudformation", "codebuild", "codepipeline", "iam", "s3", "sts"]

# Where IAM calls an operation of S3 by another name.
IAM_NAMES = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
}

# Called by `bluestage actions` and `bluestage doctor`, which a person runs with rights of their own.
OF_A_PERSON = {
    "codepipeline:ListActionTypes",
    "codepipeline:CreateCustomActionType",
    "codepipeline:DeleteCustomActionType",
    "iam:GetRole",
    "iam:SimulatePrincipalPolicy",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "sts:GetCallerIdentity",  # allowed to everybody
}

# Allowed, though no call has this name or none of ours.
REASONS = {
    "cloudformation:TagResource": "CloudFormation asks for it where a stack is made with tags",
    "iam:PassRole": "CloudFormation asks for it where a stack is given a role",
    "kms:Decrypt": "S3 asks for it where the bucket has a key",
    "kms:GenerateDataKey": "S3 asks for it where the bucket has a key",
    "sts:AssumeRole": "roles of tests, and the role for stacks in another account",
    "sts:TagSession": "STS asks for it where a session is given tags",
}


def called():
    """Every operation that is called in src/aws, but for the emulated services, which only `bluestage local` uses."""
    session = botocore.session.get_session()
    names = {xform_name(operation): f"{service}:{operation}"
             for service in SERVICES for operation in session.get_service_model(service).operation_names}
    found = {}
    for path in sorted((ROOT / "src/aws").rglob("*.rs")):
        if "emulated" in path.parts:
            continue
        product = path.read_text().split("#[cfg(test)]")[0]
        for call in re.findall(r"\.(\w+)\(\)", product):
            if call in names:
                found.setdefault(IAM_NAMES.get(names[call], names[call]), path.relative_to(ROOT))
    return found


def allowed():
    """Every action that the two policies of the worker allow."""
    resources = template("worker-role.yaml")["Resources"] | template("stage-roles.yaml")["Resources"]
    statements = [statement for name in ("JobsAndState", "StageAccess")
                  for statement in resources[name]["Properties"]["PolicyDocument"]["Statement"]]
    found = set()
    for statement in statements:
        statement = statement["Fn::If"][1] if "Fn::If" in statement else statement  # in the worker's own account
        actions = statement["Action"]
        found.update([actions] if isinstance(actions, str) else actions)
    return found


def main():
    calls, grants = called(), allowed()
    missing = set(calls) - grants - OF_A_PERSON
    assert not missing, f"the worker calls what its policies do not allow: { {call: str(calls[call]) for call in missing} }"
    idle = grants - set(calls) - set(REASONS)
    assert not idle, f"the policies allow what the worker does not call: {sorted(idle)}"
    assert not any("*" in grant for grant in grants), sorted(grants)
    print(f"{len(calls)} operations are called in src/aws; the worker's policies allow {len(grants)}, of which "
          f"{len(grants - set(calls))} have another reason")


if __name__ == "__main__":
    sys.exit(main())
