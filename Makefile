# The verbs of this project; `make help` lists them. Everything they make goes into target/.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo local test torture chaos mutants bench fuzz check simulate templates policies granted pages unit

PYTHON ?= python3
CARGO ?= cargo
VENV := target/venv
CHECKS := target/venv-check
BUILT := $(or $(CARGO_TARGET_DIR),target)/debug
LOCAL_DIR ?= target/local

# How large a torture is, and what it is drawn from.
SEED ?= $(shell date +%s)
SERVICES ?= 10
EXECUTIONS ?= 30
# Which seeds are simulated.
SEED_START ?= 1
SEEDS ?= 10000
# For how long workers are killed and frozen.
CHAOS_SECONDS ?= 180
# Which readers are fuzzed, and for how long each.
MINUTES ?= 10
FUZZED ?= archive junit values token stage_document
# I4010 wants the purpose of each resource a second time, as metadata; here the comments beside it tell that.
NO_LINT := I4010
# Without the download it would wait for a service that describes its policies; the policies are in the package.
CHECKOV := --skip-download --compact --quiet
TEMPLATES := $(wildcard pipeline-templates/*.yaml pipeline-templates/samples/*/template.yaml)

demo: $(VENV)/ok ## Show, on this machine, what bluestage does: a broken version never disturbs another pipeline's tests
	@echo "demo: building bluestage and the demo"
	@$(CARGO) build --locked --quiet --bin bluestage --example world
	@$(BUILT)/examples/world demo

local: $(VENV)/ok ## Run a local CodePipeline, a local AWS, a worker and the sample pipelines until Ctrl-C; LOCAL_DIR=target/local
	@echo "local: building bluestage and the local world"
	@$(CARGO) build --locked --quiet --bin bluestage --example world
	@$(BUILT)/examples/world local --directory $(LOCAL_DIR)

test: $(VENV)/ok ## Run all tests
	@echo "test: all tests"
	$(CARGO) test --locked

# Each seed unpacks artifacts into small files: in memory where there is such a place, which halves the time or better.
simulate: export TMPDIR = $(firstword $(wildcard /dev/shm) $(TMPDIR) /tmp)
simulate: ## Play SEEDS= seeds from SEED_START= on: several workers in a world in memory in which everything breaks; totals at the end
	@echo "simulate: a seed that breaks a promise is told, with its last steps (STEPS=) and how to play it again"
	SEED_START=$(SEED_START) SEEDS=$(SEEDS) $(CARGO) test --locked --profile simulation --test simulation -- many_seeds --nocapture

torture: $(VENV)/ok ## Run many services and executions, random everything (SEED=, SERVICES=, EXECUTIONS=), and check every promise
	@echo "torture: a failing seed is told, with how to run it again"
	SEED=$(SEED) SERVICES=$(SERVICES) EXECUTIONS=$(EXECUTIONS) $(CARGO) test --locked --test integration -- torture::every_promise --nocapture

# Fewer services than a torture has: they are released while three workers come and go.
chaos: SERVICES = 5
chaos: $(VENV)/ok ## Kill and freeze workers while answers get lost (SEED=, SERVICES=, CHAOS_SECONDS=), and count every verdict
	@echo "chaos: a failing seed is told, with how to run it again"
	SEED=$(SEED) SERVICES=$(SERVICES) CHAOS_SECONDS=$(CHAOS_SECONDS) $(CARGO) test --locked --test integration -- torture::chaos --nocapture

mutants: ## Take one guard of the core away at a time and see that a test notices (about ten minutes)
	@echo "mutants: one guard less at a time"
	$(PYTHON) tests/mutants/run.py

bench: $(VENV)/ok ## Measure what bluestage costs and how it scales, beside what one would run instead
	@echo "bench: the figures go into docs/performance.md; let nothing else run meanwhile"
	$(CARGO) bench --locked --bench bench -- --write

fuzz: ## Feed each of our readers with hostile input for MINUTES=10 each; needs a nightly compiler and cargo-fuzz
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { \
	  echo "cargo-fuzz is missing. Install it with: cargo install --locked cargo-fuzz --version 0.13.2" >&2; exit 1; }
	@for target in $(FUZZED); do \
	  echo "fuzz: $$target for $(MINUTES) minutes"; \
	  mkdir -p target/fuzz-corpus/$$target target/fuzz-artifacts/$$target; \
	  $(CARGO) +nightly fuzz run --target-dir target/fuzz $$target target/fuzz-corpus/$$target tests/corpus/$$target \
	    -- -max_total_time=$$(($(MINUTES) * 60)) -timeout=30 -artifact_prefix=target/fuzz-artifacts/$$target/; \
	done

templates: $(VENV)/ok $(CHECKS)/ok ## Check the CloudFormation templates, their policies and the Dockerfile, and deploy them on this machine
	@echo "templates: the schemas of AWS"
	$(VENV)/bin/cfn-lint --include-checks I --include-experimental --ignore-checks $(NO_LINT) -- $(TEMPLATES)
	@echo "templates: what is unsafe"
	$(CHECKS)/bin/checkov $(CHECKOV) --framework cloudformation --directory pipeline-templates --skip-path samples
	$(CHECKS)/bin/checkov $(CHECKOV) --config-file tests/templates/checkov-samples.yaml --directory pipeline-templates/samples
	@echo "templates: the calls of the worker and what its policies allow"
	$(CHECKS)/bin/python tests/templates/calls.py
	@echo "templates: deployed into MiniStack and moto"
	$(CHECKS)/bin/python -W ignore tests/templates/deploy.py
	@echo "templates: the Dockerfile"
	$(CHECKS)/bin/hadolint Dockerfile

policies: $(VENV)/ok $(CHECKS)/ok ## Release the samples on an AWS that asks IAM, with the rights that the templates give and no others
	@$(CARGO) build --locked --quiet --bin bluestage
	$(CHECKS)/bin/python -W ignore tests/templates/under_policies.py $(BUILT)/bluestage

# Not in .ci/run: about ten minutes, and what it finds beyond `make templates` (each call is allowed) and `make policies` (the
# samples are released) comes from tests with needs of their own. No test is left out of it.
granted: $(VENV)/ok $(CHECKS)/ok ## Run the tests of the whole with workers that have the rights of the templates and no others
	BLUESTAGE_TEST_AUTH=true $(CARGO) test --locked --test integration

pages: $(VENV)/ok $(CHECKS)/ok ## Hold the commands of the pages to the programs, and run those of getting started on this machine
	@$(CARGO) build --locked --quiet --bin bluestage --example world
	$(CHECKS)/bin/python -W ignore tests/templates/pages.py $(BUILT)/bluestage $(BUILT)/examples/world

unit: ## Show how far the systemd unit closes the worker in (needs systemd-analyze)
	systemd-analyze security --offline=true --no-pager pipeline-templates/bluestage.service

check: $(VENV)/ok templates ## Check format, lints, templates, licences of the dependencies, documentation and layering
	@echo "check: format"
	$(CARGO) fmt --check
	@echo "check: lints"
	$(CARGO) clippy --all-targets --locked -- -D warnings
	@echo "check: licences, bans and sources of the dependencies"
	@$(CARGO) deny --version >/dev/null 2>&1 || { \
	  echo "cargo-deny is missing. Install it with: cargo install --locked cargo-deny --version 0.20.2" >&2; exit 1; }
	$(CARGO) deny --locked check --hide-inclusion-graph licenses bans sources
	@echo "check: documentation"
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --locked
	@echo "check: layering"
	$(CARGO) test --locked --test layering
	@echo "check: table of mutants"
	$(PYTHON) tests/mutants/run.py --table

help: ## List these verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

# The Python tools: MiniStack (the local AWS), pytest, cfn-lint in one environment, and what only checks need in another. Made
# anew when their lock changes. Verbs may run side by side, in a fresh clone too: one of them makes the tools, the others wait.
$(VENV)/ok: tests/requirements.txt
$(CHECKS)/ok: tests/requirements-check.txt
$(VENV)/ok $(CHECKS)/ok:
	@mkdir -p target
	@exec 9>$(@D).lock; flock 9; [[ $@ -nt $< ]] && exit 0; \
	  echo "venv: installing the Python tools of $< into $(@D)"; \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	    echo "The Python tools need CPython 3.10 or newer as $(PYTHON). Name another one with: make PYTHON=python3.12" >&2; exit 1; }; \
	  rm -rf $(@D); \
	  $(PYTHON) -m venv $(@D) || { \
	    echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
	  $(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<; \
	  touch $@
