"""Asks blue, and every service that BESIDE names the address of, for squares, again and again for MILLIS.

Fails when anybody answers wrongly: blue, or somebody whom it calls. Prints who answered whom, each way once, so that the
log tells who really did, and at last how many answers there were.
"""

import json
import os
import random
import sys
import time
import urllib.request

URLS = [os.environ["BLUE_URL"], *os.environ.get("BESIDE", "").split()]


def ask(url, n):
    with urllib.request.urlopen(f"{url}?n={n}", timeout=60) as answer:
        return json.load(answer)


def wrong(told, n):
    own = [f"{told['service']} {told['version']}"] if told.pop("square") != n * n else []
    return own + [other for call in told["calls"] for other in wrong(call, n)]


def answers(told):
    return 1 + sum(answers(call) for call in told["calls"])


def main():
    seen, count, mistaken = set(), 0, set()
    end = time.monotonic() + int(os.environ["MILLIS"]) / 1000
    while True:
        for url in URLS:
            n = random.randrange(1000)
            told = ask(url, n)
            count += answers(told)
            mistaken.update(wrong(told, n))
            line = json.dumps(told, sort_keys=True)
            if line not in seen:
                seen.add(line)
                print("answered", line, flush=True)
        if time.monotonic() >= end:
            break
    print("answers", count)
    if mistaken:
        sys.exit(f"wrong: {sorted(mistaken)}")


main()
