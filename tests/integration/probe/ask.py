"""Asks blue, and every service that BESIDE names the address of, again and again until the gate is open and then ten times more.

Gives up after a minute. Prints each version that ever answered, so that the log tells who really did.
"""

import json
import os
import time
import urllib.request

GATE = os.path.join(os.environ["GATES"], f"{os.environ['BLUESTAGE_SERVICE']}-{os.environ['BLUESTAGE_VERSION']}")
URLS = [os.environ["BLUE_URL"], *filter(None, os.environ.get("BESIDE", "").split())]


def ask(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return [tuple(version) for version in json.load(answer)]


def main():
    answered, left, end = set(), 10, time.monotonic() + 60
    while left:
        assert time.monotonic() < end, "the gate stays closed"
        if os.path.exists(GATE) or os.path.exists(os.path.join(os.environ["GATES"], "all")):
            left -= 1
        for service, version in (pair for url in URLS for pair in ask(url)):
            if (service, version) not in answered:
                answered.add((service, version))
                print(f"answered {service} {version}", flush=True)
        time.sleep(0.1)
    with open("junit.xml", "w") as report:
        report.write('<testsuite name="probe" tests="1"><testcase classname="probe" name="asked"/></testsuite>')


main()
