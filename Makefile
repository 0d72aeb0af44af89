# The commands of the project. `make run` and `make test` need Python 3.11 and make, and install the rest themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
# A lock file names everything, so pip has nothing to resolve: where one package asks for another with an extra, some of
# its versions take the newest release instead of the locked one, and find no hash for it.
PIP_INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/embedded.txt pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) -r requirements/embedded.txt
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed
	$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

.PHONY: install
install: $(VENV)/.installed ## Set up .venv with what the adapter needs

.PHONY: install-dev
install-dev: $(VENV)/.installed-dev ## … and with what the tests need

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
install-tools: install-dev $(CLIENTS)/node_modules/.installed ## … and the programs around them: Kafka, MQTT clients
	@$(VENV)/bin/python -m tests.support.maven >/dev/null
	@if ! command -v mosquitto_pub >/dev/null; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "mosquitto_pub is not on the PATH; the tests publish with it: install mosquitto-clients"; exit 1; \
		fi; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mosquitto-clients >/dev/null; \
	fi

.PHONY: lint
lint: install-dev ## Style, formatting, types; nothing is changed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

.PHONY: format
format: install-dev ## Format the code, and mend what can be mended by itself
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# The lock files that pyproject.toml resolves to, in the folder $(1). What is locked there already stays as long as it fits.
# Each file is held to the one before it, so that production, trying out and tests have the same versions.
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
check-lock: install-dev ## Whether requirements/ is what pyproject.toml asks for
	@rm -rf .cache/lock && mkdir -p .cache && cp -r requirements .cache/lock
	$(call resolve,.cache/lock)
	@diff -r requirements .cache/lock >.cache/lock.diff || { \
		grep '^[<>] [^ ]' .cache/lock.diff; echo "requirements/ does not fit pyproject.toml: run make lock"; exit 1; }

.PHONY: test
test: install-tools lint check-lock ## Everything that must pass: style, types, locks, unit and end-to-end tests
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
clients: install-clients ## Run MQTT clients of many languages against the adapter, and write their table into README.md; options in CLIENT
	@$(VENV)/bin/python -m tests.clients $(CLIENT)

.PHONY: conformance
conformance: install-dev ## Every normative statement of both standards, played in bytes, then listed with its tests
	@$(VENV)/bin/python -m pytest -q tests/conformance
	@$(VENV)/bin/python -m tests.conformance.statements

SEEDS ?= 2000

.PHONY: simulate
simulate: install-dev ## Histories with faults from seeds, judged by what is promised: SEEDS=50000, or SEED=7 to be told one
	@$(VENV)/bin/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

.PHONY: vectors
vectors: install-tools ## Ask Kafka's Java client again for the partitions in tests/unit/kafka/vectors
	$(VENV)/bin/python -m tests.unit.kafka.vectors.make

BENCH_PEER := tests/bench/peers/aedes
$(BENCH_PEER)/node_modules/.package-lock.json: $(BENCH_PEER)/package-lock.json
	@cd $(BENCH_PEER) && npm ci --no-audit --no-fund --silent
	@touch $@

.PHONY: bench
bench: install-dev $(BENCH_PEER)/node_modules/.package-lock.json ## Measure beside others on one real Kafka (Java 17, Maven, Node 20); options in BENCH
	@$(VENV)/bin/python -m tests.bench $(BENCH)

SECONDS ?= 600

.PHONY: fuzz
fuzz: install-dev ## Coverage-guided fuzzing of all that reads what a peer sends: SECONDS=600
	@$(VENV)/bin/python -m tests.fuzz --seconds $(SECONDS)

.PHONY: attacks
attacks: install-tools ## Attackers against a live adapter, and what honest devices notice of it: one table; options in ATTACKS
	@$(VENV)/bin/python -m tests.attacks $(ATTACKS)

.PHONY: soak
soak: install-tools ## Twenty minutes of devices that come and go: nothing grows; options in SOAK
	@$(VENV)/bin/python -m tests.attacks.soak $(SOAK)

.PHONY: chaos
chaos: install-tools ## Real faults on a real cluster of three brokers, and what became of every message; options in CHAOS
	@$(VENV)/bin/python -m tests.faults.chaos $(CHAOS)
