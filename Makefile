# The commands of the project. `make run` and `make test` need Python 3.11 and make, and install the rest themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PIP_INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/embedded.txt pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes -r requirements/embedded.txt
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed
	$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
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
