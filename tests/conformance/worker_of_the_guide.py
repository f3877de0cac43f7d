"""A custom-action worker as AWS's user guide describes it ("Create and add a custom action in CodePipeline"), in plain boto3.

    worker_of_the_guide.py PROVIDER JOBS

It polls for jobs of the test action PROVIDER, acknowledges each, fetches the input artifact with the credentials that came
with the job, runs the shell command that the action's configuration names in it, stores what that printed as the output
artifact, and reports. Half way it hands the job on to itself by a continuation token. It ends after so many jobs. Nothing
in it is made for the local CodePipeline.
"""

import io
import subprocess
import sys
import tempfile
import time
import zipfile

import boto3
from botocore.config import Config

PATIENCE = 120


def s3_of(data):
    keys = data["artifactCredentials"]
    return boto3.client(
        "s3",
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
        config=Config(s3={"addressing_style": "path"}),
    )


def place(artifact):
    location = artifact["location"]["s3Location"]
    return {"Bucket": location["bucketName"], "Key": location["objectKey"]}


def worked(data, command):
    """Runs the command in the input artifact, and stores what it prints as the output artifact."""
    s3 = s3_of(data)
    with tempfile.TemporaryDirectory() as directory:
        for artifact in data["inputArtifacts"]:
            body = s3.get_object(**place(artifact))["Body"].read()
            zipfile.ZipFile(io.BytesIO(body)).extractall(directory)
        done = subprocess.run(command, shell=True, cwd=directory, capture_output=True, text=True, check=False)
    for artifact in data["outputArtifacts"]:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("output.txt", done.stdout)
        s3.put_object(**place(artifact), Body=packed.getvalue())
    return done


def serve(client, job):
    job_id, data = job["id"], job["data"]
    if client.acknowledge_job(jobId=job_id, nonce=job["nonce"])["status"] != "InProgress":
        return False
    context = client.get_job_details(jobId=job_id)["jobDetails"]["data"]["pipelineContext"]
    details = {"externalExecutionId": job_id, "summary": f"works for {context['pipelineName']}"}
    if "continuationToken" not in data:
        half = {**details, "percentComplete": 50}
        client.put_job_success_result(jobId=job_id, continuationToken="half way", executionDetails=half)
        return False
    done = worked(data, data["actionConfiguration"]["configuration"]["Command"])
    if done.returncode == 0:
        told = {**details, "summary": "the command succeeded", "percentComplete": 100}
        client.put_job_success_result(jobId=job_id, executionDetails=told)
    else:
        message = f"the command ended with code {done.returncode}"
        client.put_job_failure_result(
            jobId=job_id, failureDetails={"type": "JobFailed", "message": message, "externalExecutionId": job_id}
        )
    print(f"{context['pipelineName']} {context['action']['name']}: {done.returncode}", flush=True)
    return True


def main():
    provider, wanted = sys.argv[1], int(sys.argv[2])
    client = boto3.client("codepipeline")
    kind = {"category": "Test", "owner": "Custom", "provider": provider, "version": "1"}
    end = time.monotonic() + PATIENCE
    while wanted:
        if time.monotonic() > end:
            sys.exit(f"{wanted} jobs did not come in {PATIENCE} seconds")
        jobs = client.poll_for_jobs(actionTypeId=kind, maxBatchSize=1)["jobs"]
        wanted -= sum(serve(client, job) for job in jobs)
        if not jobs:
            time.sleep(0.2)


main()
