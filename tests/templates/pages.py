"""The commands in the pages do what the pages say.

A block that begins with ```sh is read; every command of aws, bluestage and make in it must exist, with those flags, and every
parameter that it gives to a template of ours must be declared there. Pages in RUN are run as they stand: on a MiniStack, by bash,
with the real AWS CLI, as a new user would. What cannot be run here is in NOT_RUN, with the reason.

Usage: pages.py BLUESTAGE WORLD, the binaries; WORLD is the example behind `make local`.
"""

import functools
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import yaml

from emulators import ROOT, TEMPLATES, clients, ministack, template, unknown_to_ministack, with_numbers, without

AWS = pathlib.Path(sys.executable).parent / "aws"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", TEMPLATES / "README.md", *(ROOT / "docs").rglob("*.md")])
RUN = [ROOT / "docs/getting-started.md"]
RUN_IN_A_WORLD = ROOT / "docs/first-service.md"

# Commands of the pages that are run by other means, or not at all. By the beginning of the line.
NOT_RUN = {
    "docker": "there may be no engine; hadolint reads the Dockerfile",
    "aws ecr get-login-password": "it logs in to docker",
    "aws codepipeline": "MiniStack has no CodePipeline; the pipelines run in make demo and make policies",
    "bluestage doctor": "it asks CodePipeline, which MiniStack has not; its own tests run it",
    "bluestage status": "it needs a worker that has released something; make policies runs it",
    "make": "each verb is long; .ci/run runs check, test and policies, and the others call the same programs",
    "cargo": "it builds everything; .ci/run does",
    "target/release/bluestage worker": "make policies runs a worker",
    "target/debug/bluestage status": "make policies runs it",
    "aws logs filter-log-events": "MiniStack runs no containers, so there is no log",
}

# How a new user's values look here.
GIVEN = {"VPC": "{vpc}", "SUBNETS": "{subnet}"}

# Where the pages say that they are: us-east-1 is special to S3.
REGION = "eu-central-1"


def blocks(page):
    """The shell blocks of a page, each as text."""
    return re.findall(r"^```sh[^\n]*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(block):
    """The single commands of a block, with lines that go on put together and here-documents left out."""
    block = re.sub(r"<<'?(\w+)'?(.*?)\n.*?\n\1(?=\n)", r"\2", block, flags=re.DOTALL).replace("\\\n", " ")
    for inner in re.findall(r"\$\(([^()]*)\)", block):
        yield from commands(inner + "\n")
    for line in re.sub(r"\$\([^()]*\)", "X", block).splitlines():
        for part in re.split(r"\||&&|;", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:  # a quotation over several lines, such as a Python script
                continue
            while words and re.match(r"^\w+=", words[0]):
                words = words[1:]
            if words:
                yield words


@functools.cache
def manual_of(service, operation):
    told = subprocess.run([AWS, service, operation, "help"], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "PAGER": "cat", "MANPAGER": "cat"})
    return told.stdout if told.returncode == 0 else None


def check_aws(words, page):
    """The operation exists and has these flags, and templates of ours declare the parameters."""
    names = [word for word in words[1:3]]
    manual = manual_of(*names)
    assert manual, f"{page}: aws {' '.join(names)} does not exist"
    for flag in (word for word in words[3:] if word.startswith("--")):
        assert flag in manual, f"{page}: aws {' '.join(names)} has no {flag}"
    if "--template-file" in words and "--parameter-overrides" in words:
        file = words[words.index("--template-file") + 1]
        given = words[words.index("--parameter-overrides") + 1:]
        declared = template(file)["Parameters"]
        for name in (word.split("=", 1)[0] for word in given if "=" in word and not word.startswith("--")):
            assert name in declared, f"{page}: {file} has no parameter {name}"


def check_bluestage(words, page, bluestage):
    verb = [word for word in words[1:] if not word.startswith("-")][:1]
    told = subprocess.run([bluestage, *verb, "--help"], capture_output=True, text=True)
    assert told.returncode == 0, f"{page}: bluestage {' '.join(verb)} does not exist"
    for flag in (word for word in words[1:] if word.startswith("--") and word != "--version"):
        assert flag.split("=")[0] in told.stdout, f"{page}: bluestage {' '.join(verb)} has no {flag}"


class AnyTag(yaml.SafeLoader):
    """YAML with the tags of CloudFormation, whose meaning does not matter here."""


AnyTag.add_multi_constructor("!", lambda loader, tag, node: tag)


def check_snippets():
    """Each YAML block of a page can be read, and the actions in it have the properties that their types declare."""
    declared = {kind["Properties"]["Provider"]: {p["Name"]: p["Required"] for p in kind["Properties"]["ConfigurationProperties"]}
                for kind in template("custom-actions.yaml")["Resources"].values()}
    actions = 0
    for page in PAGES:
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for found in actions_in(yaml.load(block, AnyTag)):
                properties = declared[found["ActionTypeId"]["Provider"]]
                given = set(found["Configuration"])
                assert given <= set(properties), f"{page.name}: {found['Name']} has no {given - set(properties)}"
                missing = {name for name, required in properties.items() if required} - given
                assert not missing, f"{page.name}: {found['Name']} needs {missing}"
                actions += 1
    assert actions, "no page has a snippet of our actions"
    print(f"pages: {actions} actions in snippets have the properties of their types")


def actions_in(part):
    if isinstance(part, dict):
        if part.get("ActionTypeId", {}).get("Owner") == "Custom":
            yield part
        part = part.values()
    if not isinstance(part, str) and hasattr(part, "__iter__"):
        for member in part:
            yield from actions_in(member)


def check_make(words, page):
    verbs = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for verb in (word for word in words[1:] if "=" not in word):
        assert verb in verbs, f"{page}: make has no verb {verb}"


def check(bluestage):
    """Every command of every page, as it is written."""
    seen = 0
    for page in PAGES:
        for block in blocks(page):
            for words in commands(block):
                program = pathlib.Path(words[0]).name
                if program == "aws":
                    check_aws(words, page.name)
                elif program == "bluestage":
                    check_bluestage(words, page.name, bluestage)
                elif program == "make":
                    check_make(words, page.name)
                else:
                    continue
                seen += 1
    print(f"pages: {seen} commands of aws, bluestage and make are as those programs have them")


def runnable(page, given):
    """The page as a script: its blocks one after the other, without what cannot be run here."""
    text = "\n".join(blocks(page))
    for name, value in given.items():
        text = re.sub(rf"(?m)^(export )?{name}=.*$", f"export {name}={value}", text)
    lines, skipped, going_on = [], [], None
    for line in text.splitlines():
        if going_on is None:
            reason = next((begin for begin in NOT_RUN if line.startswith(begin)), None)
            if not reason:
                lines.append(line)
                continue
            skipped.append(line.rstrip("\\ "))
        document = re.search(r"<<'?(\w+)'?", line)
        if document:
            going_on = document[1]
        elif going_on in (None, "\\"):
            going_on = "\\" if line.endswith("\\") else None
        elif line == going_on:
            going_on = None
    return "\n".join(lines), skipped


def fit_for_ministack(client, directory):
    """Copies the templates there, with stand-ins for what MiniStack does not know."""
    for path in TEMPLATES.glob("*.yaml"):
        source = template(path.name)
        (directory / path.name).write_text(json.dumps(with_numbers(without(source, unknown_to_ministack(client, source)))))
    os.symlink(TEMPLATES / "samples", directory / "samples")


def run(page, url):
    """Runs the page in a copy of its directory."""
    client = clients(url, region=REGION)
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    script, skipped = runnable(page, {name: value.format(vpc=vpc, subnet=subnet) for name, value in GIVEN.items()})
    with tempfile.TemporaryDirectory(prefix="pages-") as home:
        work = pathlib.Path(home, "pipeline-templates")
        work.mkdir()
        fit_for_ministack(client, work)
        environment = {"PATH": f"{AWS.parent}:{os.environ['PATH']}", "HOME": home, "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test",
                       "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": ""}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=home, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{page.name} fails:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    stacks = [s["StackName"] for s in client("cloudformation").describe_stacks()["Stacks"] if s["StackStatus"] == "CREATE_COMPLETE"]
    print(f"pages: {page.name} was run; stacks: {', '.join(sorted(stacks))}; not run: {'; '.join(skipped)}")


def run_in_a_world(page, bluestage, world):
    """Runs the page beside what `make local` starts. Where the page says that something takes some seconds, it is waited for."""
    with tempfile.TemporaryDirectory(prefix="pages-") as home:
        work = pathlib.Path(home)
        os.symlink(ROOT / "pipeline-templates", work / "pipeline-templates")
        (work / "target/debug").mkdir(parents=True)
        os.symlink(bluestage, work / "target/debug/bluestage")
        path = f"{ROOT}/target/venv/bin:{AWS.parent}:{os.environ['PATH']}"
        with open(work / "world.log", "wb") as log:
            process = subprocess.Popen([world, "local", "--directory", work / "target/local"], cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "PATH": path})
        try:
            await_file(work / "target/local/env", process, work / "world.log")
            text = "\n".join(blocks(page)[1:])
            text = "shopt -s expand_aliases\n" + re.sub(r"(?m)^(bluestage status)$", r"settled; \1", text, count=0)
            text = text.replace("aws codepipeline list-action-executions", "settled; aws codepipeline list-action-executions")
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", SETTLED + text], cwd=work, capture_output=True, text=True, timeout=300,
                                  env={"PATH": path, "HOME": home, "AWS_PAGER": ""})
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        assert done.returncode == 0, f"{page.name} fails:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    status, explained = done.stdout, "test_a_quote_has_the_tax_in_it"
    assert "quotes" in status and "billing" in status and explained in status, done.stdout
    print(f"pages: {page.name} was run: a fourth service went live, and its broken change did not")


# Waits until no execution of the two pipelines is in progress.
SETTLED = """
settled() {
  for name in billing quotes; do
    for _ in $(seq 300); do
      running=$(aws codepipeline list-pipeline-executions --pipeline-name $name --query "length(pipelineExecutionSummaries[?status=='InProgress'])" 2>/dev/null || echo 0)
      [[ $running == 0 ]] && break
      sleep 0.2
    done
  done
}
"""


def await_file(path, process, log):
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def main(bluestage, world):
    check(bluestage)
    check_snippets()
    run_in_a_world(RUN_IN_A_WORLD, bluestage, world)
    for page in RUN:
        with ministack() as url:
            run(page, url)


if __name__ == "__main__":
    sys.exit(main(*map(os.path.abspath, sys.argv[1:])))
