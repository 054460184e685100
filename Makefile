# Everything a newcomer needs is `make demo` and `make test`; both do all the set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

NEWSROOM := $(VENV)/.newsroom

.PHONY: help setup demo newsroom test check fmt contract conform fault bench clean

help:  ## what there is
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml requirements.lock
	@tools/setup.sh $(PYTHON) $(VENV)
	@touch $@

setup: $(STAMP)  ## environment, install, compiled shapes

$(NEWSROOM): $(STAMP) apps/newsroom/requirements.lock
	@echo "Installing what apps/newsroom needs (300 MB) ..."
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes -r apps/newsroom/requirements.lock
	@touch $@

newsroom: $(NEWSROOM)  ## what the engines of apps/newsroom import, and their models

demo: setup  ## Edifice Corb on a real video: detections, occupancy, SMS, live page
	@$(BIN)/pileus demo corb $(DEMO_ARGS)

check: setup  ## format, lint, types, import contracts
	@$(BIN)/ruff format --check src tests apps benches tools
	@$(BIN)/ruff check src tests apps benches tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: check newsroom  ## every check and every test
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

contract: setup  ## the ports' contract suites on every adapter
	@$(BIN)/python -m pytest tests/contract

conform: setup  ## real clients against a live process
	@$(BIN)/python -m pytest tests/conformance

fault: setup  ## seeded crash simulation; SEED=n repeats one
	@$(BIN)/python -m pytest tests/fault $(if $(SEED),--seed $(SEED))

bench: setup  ## the table of figures, and benches/latest.json
	@$(BIN)/python -m benches

fmt: setup  ## format and mend what can be mended
	@$(BIN)/ruff format src tests apps benches tools
	@$(BIN)/ruff check --fix src tests apps benches tools

clean:  ## what was built, not your data
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache
