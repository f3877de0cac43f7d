"""Takes one guard of the core away at a time and sees to it that a test notices.

    python3 tests/mutants/run.py [--table | word ...]

The mutants stand in `mutants.txt` beside this file: name, file, the line as it is, the line as it becomes, and the test
suite that is to notice it. With --table, only the table is checked, which takes no time. With words, only the mutants whose names hold one of them are tried.

A mutant that does not compile proves nothing and counts as a mistake in the table, as does a line that is not there
exactly once. A word after the suite names the tests of it that are to notice, so that not all of them need run. The tree is copied, so that nothing here is touched; what was compiled is kept in between.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "target" / "mutants"
COPY = TARGET / "tree"
FIELDS = ("name", "file", "was", "is", "caught by")
COPIED = ("Cargo.toml", "Cargo.lock", "clippy.toml", "src", "templates", "tests", "examples", "benches", "docs", "README.md", "pipeline-templates")
LONGEST = 900  # seconds that one suite may take, compiling included

# The fast suites, by the names that the table uses: what cargo is told, and the tests if the table names none.
SUITES = {
    "unit": (["--lib"], "release::"),
    "model": (["--test", "model"], ""),
    "stories": (["--test", "stories"], ""),
    "simulation": (["--test", "simulation"], "many_seeds"),
}


def read_table(text):
    """The mutants: blocks of `field: value` lines with an empty line between them."""
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        mutant = dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in lines)
        if tuple(mutant) != FIELDS:
            sys.exit(f"mutants.txt: {mutant.get('name', lines[0])}: wants the fields {', '.join(FIELDS)}, in this order")
        yield mutant


def mutate(mutant):
    """The file and its text with the mutant in it."""
    path = COPY / mutant["file"]
    text = path.read_text()
    lines = text.split("\n")
    found = [number for number, line in enumerate(lines) if line.strip() == mutant["was"].strip()]
    if len(found) != 1:
        sys.exit(f"mutants.txt: {mutant['name']}: this line is there {len(found)} times in {mutant['file']}: {mutant['was']}")
    line = lines[found[0]]
    lines[found[0]] = line[: len(line) - len(line.lstrip())] + mutant["is"].strip()
    return path, text, "\n".join(lines)


def notices(suite, tests=""):
    """Whether a test of this suite fails; `None` when the tree does not compile."""
    arguments, default = SUITES[suite]
    command = [os.environ.get("CARGO", "cargo"), "test", "--locked", *arguments, tests or default]
    environment = os.environ | {"CARGO_TARGET_DIR": str(TARGET / "target")}
    try:
        done = subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return True
    if done.returncode == 0:
        if tests and "running 0 tests" in done.stdout:
            sys.exit(f"mutants.txt: there is no test {tests} in suite {suite}")
        return False
    if "could not compile" in done.stderr:
        return None
    if "running " not in done.stdout:
        sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return True


def outcome(mutant):
    """`killed by …`, `survived` or `does not compile`: what is to notice it is asked first, then everything."""
    present = [suite for suite in SUITES if suite != "stories" or (COPY / "tests" / "stories").exists()]
    first, _, tests = mutant["caught by"].partition(" ")
    if first not in present:
        sys.exit(f"mutants.txt: {mutant['name']}: there is no suite {first}")
    for suite, asked in [(first, tests), *[(other, "") for other in present]]:
        noticed = notices(suite, asked)
        if noticed is None:
            return "does not compile"
        if noticed:
            as_told = (suite, asked) == (first, tests)
            return f"killed by {suite} {asked}".strip() + ("" if as_told else ", not as told")
    return "survived"


def copy_tree():
    """A copy that keeps the times of files, so that only what differs is compiled again."""
    if COPY.exists():
        shutil.rmtree(COPY)
    COPY.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, COPY / name)
        elif source.exists():
            shutil.copy2(source, COPY / name)


def main(words):
    only_table = words == ["--table"]
    words = [] if only_table else words
    table = list(read_table(pathlib.Path(__file__).with_name("mutants.txt").read_text()))
    table = [mutant for mutant in table if not words or any(word in mutant["name"] for word in words)]
    copy_tree()
    for mutant in table:
        mutate(mutant)  # a wrong line is told before an hour has passed
    if only_table:
        print(f"{len(table)} mutants, each of a line that is there")
        return 0
    for suite in ("unit", "model"):
        if notices(suite) is not False:
            sys.exit(f"the suite {suite} must pass before anything is changed")
    killed = 0
    for mutant in table:
        begun = time.monotonic()
        path, before, after = mutate(mutant)
        path.write_text(after)
        result = outcome(mutant)
        path.write_text(before)
        killed += result.startswith("killed")
        print(f"{result:36} {mutant['name']} ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"{killed}/{len(table)} mutants killed")
    return 0 if killed == len(table) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
