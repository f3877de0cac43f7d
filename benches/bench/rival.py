"""What a user would run instead: a job worker as AWS's guide describes it. Poll, acknowledge, work, report; one process,
some threads. Its work is to wait, mostly not at all.

    python rival.py --provider Promote [--threads 10] [--hold-seconds 0] [--tell-at N]

With `--tell-at` it prints a line when it holds so many jobs at once.
"""

import argparse
import threading
import time

import boto3
from botocore.config import Config

# Between two polls that brought nothing, as long as our worker waits while there is work.
PAUSE_SECONDS = 1


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--provider", required=True)
    flags.add_argument("--threads", type=int, default=10)
    flags.add_argument("--hold-seconds", type=float, default=0)
    flags.add_argument("--tell-at", type=int, default=0)
    given = flags.parse_args()
    codepipeline = boto3.client("codepipeline", config=Config(max_pool_connections=given.threads))
    action_type = {"category": "Deploy", "owner": "Custom", "provider": given.provider, "version": "1"}
    lock = threading.Lock()
    held = 0

    def work():
        nonlocal held
        while True:
            jobs = codepipeline.poll_for_jobs(actionTypeId=action_type, maxBatchSize=1)["jobs"]
            for job in jobs:
                codepipeline.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
                with lock:
                    held += 1
                    if held == given.tell_at:
                        print("held", flush=True)
                if given.hold_seconds:
                    time.sleep(given.hold_seconds)
                codepipeline.put_job_success_result(jobId=job["id"])
                with lock:
                    held -= 1
            if not jobs:
                time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=work) for _ in range(given.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
