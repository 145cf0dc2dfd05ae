.DEFAULT_GOAL := help
.PHONY: help setup format lint types imports test e2e check demo docs
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## List the targets
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Install everything into .venv
$(READY): pyproject.toml constraints.txt
	@echo "installing into $(VENV) (some minutes, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -U -c constraints.txt pip
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e . --group dev
	@touch $@

demo: $(READY) ## Take a real model and real medical data through all seven stages
	@$(BIN)/medtune demo

test: $(READY) ## Run the fast tests (minutes, no network, no large model)
	$(BIN)/pytest -q -n 2 --dist loadfile -m 'not e2e'

e2e: $(READY) ## Run the tests on the real 135M model (tens of minutes)
	$(BIN)/pytest -q -m e2e --durations 6

format: $(READY) ## Rewrite the code in the house format
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: $(READY) ## Report style faults
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(READY) ## Check the types
	$(BIN)/pyright --pythonpath $(BIN)/python

imports: $(READY) ## Check that imports point down only
	$(BIN)/lint-imports --no-cache

check: lint types imports test ## All that must pass before a commit

docs: $(READY) ## Regenerate the command and configuration reference
	$(BIN)/python docs/reference.py
