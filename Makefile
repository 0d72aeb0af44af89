# The commands of the project. `make run` needs Python 3.11 and make and installs the rest; `make test` needs npm, too.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
# The lock files are complete, so pip must not resolve anything: for a dependency with an extra, some versions of pip
# pick the newest release instead of the locked one, and then find no hash for it.
PIP_INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/embedded.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the adapter's dependencies in $(VENV), once; this takes a minute."
	$(PIP_INSTALL) -r requirements/embedded.txt
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed
	$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

.PHONY: install
install: $(VENV)/.installed ## Set up .venv with the adapter's dependencies

.PHONY: install-dev
install-dev: $(VENV)/.installed-dev ## … and with those of the tests

.PHONY: run
run: install ## Run the adapter with an embedded Kafka, for trying it out
	@ADAPTER_KAFKA__BOOTSTRAP_SERVERS=embedded ADAPTER_AUTH__REQUIRED=false ADAPTER_LOG__FORMAT=console \
		$(VENV)/bin/python -m adapter run

KAFKA_PORT ?= 9092

.PHONY: kafka
kafka: install ## Run a real single-node Kafka in the foreground (Java 17 and Maven)
	@$(VENV)/bin/python -m tests.support.kafka_broker --port $(KAFKA_PORT)

# -- tests -------------------------------------------------------------------------------------------------------------

CLIENTS := tests/clients/node

$(CLIENTS)/node_modules/.installed: $(CLIENTS)/package-lock.json
	@command -v npm >/dev/null || { echo "npm is not on the PATH; the tests drive MQTT.js, a client of Node.js (20 or later)"; exit 1; }
	cd $(CLIENTS) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: install-tools
install-tools: install-dev $(CLIENTS)/node_modules/.installed ## … and the programs the tests run: Kafka, MQTT clients
	@$(VENV)/bin/python -m tests.support.maven >/dev/null
	@if ! command -v mosquitto_pub >/dev/null; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "mosquitto_pub is not on the PATH; the tests publish with it: install mosquitto-clients"; exit 1; \
		fi; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mosquitto-clients >/dev/null; \
	fi

.PHONY: lint
lint: install-dev ## Check style, formatting and types; change nothing
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

.PHONY: format
format: install-dev ## Format the code, and fix what ruff can fix
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# Resolves pyproject.toml into lock files in the folder $(1). Versions that are locked there stay as long as they fit.
# Each file constrains the next, so that production, embedded and test environments have the same versions.
RESOLVE := $(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -p 3.11 pyproject.toml
define resolve
	@$(RESOLVE) $(2) -o $(1)/runtime.txt
	@$(RESOLVE) $(2) --extra embedded -c $(1)/runtime.txt -o $(1)/embedded.txt
	@$(RESOLVE) $(2) --extra embedded --extra dev -c $(1)/embedded.txt -o $(1)/dev.txt
endef

.PHONY: lock
lock: install-dev ## Take the newest versions that pyproject.toml allows into requirements/
	$(call resolve,requirements,--upgrade)

.PHONY: check-lock
check-lock: install-dev ## Check that requirements/ fits pyproject.toml
	@rm -rf .cache/lock && mkdir -p .cache && cp -r requirements .cache/lock
	$(call resolve,.cache/lock)
	@diff -r requirements .cache/lock >.cache/lock.diff || { \
		grep '^[<>] [^ ]' .cache/lock.diff; echo "requirements/ does not fit pyproject.toml: run make lock"; exit 1; }

.PHONY: test
test: install-tools lint check-lock ## Run everything that must pass: style, types, locks, unit and end-to-end tests
	$(VENV)/bin/python -m pytest --cov=adapter --cov-report=term

.PHONY: install-clients
install-clients: install-tools
	@if ! { command -v go && command -v cargo && command -v javac && command -v cc && command -v chromium && pkg-config --exists libmosquitto; } >/dev/null; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "make clients needs Go, Rust, a JDK, a C compiler, pkg-config, libmosquitto-dev and Chromium; install them"; exit 1; \
		fi; \
		apt-get update -qq; \
		for needed in go:golang cargo:cargo javac:default-jdk-headless cc:gcc pkg-config:pkg-config chromium:chromium; do \
			command -v $${needed%%:*} >/dev/null || \
				DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $${needed##*:} libc6-dev >/dev/null; \
		done; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libmosquitto-dev >/dev/null; \
	fi

.PHONY: clients
clients: install-clients ## Run MQTT clients of many languages against the adapter, and update the table in README.md; options in CLIENT
	@$(VENV)/bin/python -m tests.clients $(CLIENT)

.PHONY: conformance
conformance: install-dev ## Test every normative statement of both standards at byte level, and list each with its tests
	@$(VENV)/bin/python -m pytest -q tests/conformance
	@$(VENV)/bin/python -m tests.conformance.statements

SEEDS ?= 2000

.PHONY: simulate
simulate: install-dev ## Simulate histories with faults and judge them by the promises: SEEDS=50000, or SEED=7 to print one
	@$(VENV)/bin/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

.PHONY: vectors
vectors: install-tools ## Regenerate the partitions in tests/unit/kafka/vectors with Kafka's Java client
	$(VENV)/bin/python -m tests.unit.kafka.vectors.make

BENCH_PEER := tests/bench/peers/aedes
$(BENCH_PEER)/node_modules/.package-lock.json: $(BENCH_PEER)/package-lock.json
	@cd $(BENCH_PEER) && npm ci --no-audit --no-fund --silent
	@touch $@

.PHONY: bench
bench: install-dev $(BENCH_PEER)/node_modules/.package-lock.json ## Benchmark against other systems on a real Kafka (Java 17, Maven, Node 20); options in BENCH
	@$(VENV)/bin/python -m tests.bench $(BENCH)

SECONDS ?= 600

.PHONY: fuzz
fuzz: install-dev ## Fuzz, guided by coverage, all code that parses input from peers: SECONDS=600
	@$(VENV)/bin/python -m tests.fuzz --seconds $(SECONDS)

.PHONY: attacks
attacks: install-tools ## Attack a live adapter, and measure the effect on honest devices; options in ATTACKS
	@$(VENV)/bin/python -m tests.attacks $(ATTACKS)

.PHONY: soak
soak: install-tools ## Let devices come and go for twenty minutes, and check that nothing grows; options in SOAK
	@$(VENV)/bin/python -m tests.attacks.soak $(SOAK)

.PHONY: chaos
chaos: install-tools ## Cause real faults on a cluster of three brokers, and account for every message; options in CHAOS
	@$(VENV)/bin/python -m tests.faults.chaos $(CHAOS)
