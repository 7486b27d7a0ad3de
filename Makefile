# `make demo` and `make test` need nothing but Python and make: each sets up .venv first.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PYTEST := $(BIN)/pytest

.DEFAULT_GOAL := help
.PHONY: help install demo test unit faults check format bench clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

install: $(READY) ## Make .venv with everything in it, once

# Older than pyproject.toml means that the dependencies may have changed.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Jobset needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
	  echo "Name another one: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its 'venv' module is not installed." >&2; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv (once, a minute or two) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[all,bench,test,dev]'
	@touch $(READY)

demo: $(READY) ## Run 1,000 circuits in 20 chunks through two worker processes
	@$(BIN)/jobset demo

test: unit ## Run all tests: units first, then whole systems and faults
	@echo "== examples in docstrings =="
	@$(PYTEST) -q --doctest-modules jobset_protocol jobset_client worker jobset_bench
	@echo "== integration, end to end, faults =="
	@$(PYTEST) --durations=10 tests/integration tests/e2e tests/faults

unit: $(READY) ## Run the unit tests
	@echo "== unit =="
	@$(PYTEST) -q -n 2 --dist worksteal --durations=5 tests/unit

faults: $(READY) ## Kill, cut and freeze at full size: one line a fault
	@JOBSET_FAULTS=full $(PYTEST) -p no:xdist --durations=0 --durations-min=10 tests/faults

check: $(READY) ## Lint, types, architecture, compose file: what CI asks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: $(READY) ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Compare with plain Celery, Dask and direct Aer
	@$(BIN)/jobset bench

clean: ## Delete .venv, caches and builds
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
