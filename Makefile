# Overspill's developer interface. `make` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# What runs whole instances and clouds has deadlines to meet: two at a time, after all that has none.
PARTS := tests/unit tests/crash tests/terraform tests/contract
WHOLES := tests/live tests/integration tests/e2e

.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-live bench docs lock format clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything, from the hash-pinned lock

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Overspill needs Python 3.11 or newer; give one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## Play one burst on this machine, end to end (options: make demo ARGS="--nodes 8")
	@$(BIN)/overspill-local demo $(ARGS)

check: $(STAMP) ## Format, lint, types, architecture, generated files: what CI checks before it tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/export.py --check
	$(BIN)/python requirements/export.py --check
	.ci/terraform

format: $(STAMP) ## Format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(STAMP) ## Run every test that this machine can; what is skipped says why (some: ARGS="-k idle tests/unit")
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile $(PARTS)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(WHOLES)
endif

test-live: $(STAMP) ## Run only the tests that need a real Flux on PATH
	$(BIN)/python -m pytest -n 2 --dist loadfile -m flux $(ARGS)

bench: $(STAMP) ## Measure the embedded cloud and a whole burst, as ratios in one run; one JSON report
	$(BIN)/python -m tests.bench $(ARGS)

docs: $(STAMP) ## Write the generated documents: lifecycle, message schemas, settings
	$(BIN)/python docs/export.py

lock: $(STAMP) ## Pin every dependency with its hashes again (needs uv)
	$(BIN)/python requirements/export.py --lock

clean: ## Remove what setup and the tools made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
