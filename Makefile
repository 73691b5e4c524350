# Everything a person needs. `make help` lists it.
SHELL := /bin/sh
PYTHON ?= python3
RUNTIME := .venv/runtime
DEV := .venv/dev
export PYTHONPATH := $(CURDIR)/src

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz money bench chaos lint types docs pictures lock clean browser vendor-code faketime

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="…" is handed on: make demo ARGS="--orders 500 --faults --exit", make test ARGS="-k money"'

demo: $(RUNTIME)/ready ## a live shop, ERP and warehouse, and Crossdock between them; Ctrl-C stops it
	@$(RUNTIME)/bin/python -m crossdock.cli demo $(ARGS)

test: $(DEV)/ready browser vendor-code ## every test, lint, types and import rules included
	@scripts/install-faketime.sh || test "$${CI:-}" != true
	@$(DEV)/bin/python -m pytest -n 3 --dist worksteal $(ARGS)

fuzz: $(DEV)/ready ## every decoder of bytes from outside, for as long as ARGS="--minutes 30" says
	@$(DEV)/bin/python -m tests.fuzz $(ARGS)

money: $(DEV)/ready ## the totals proof over 100,000 orders and both ERPs' ways of adding up
	@$(DEV)/bin/python -m tests.money $(ARGS)

bench: $(DEV)/ready ## how fast, how flat, how small; writes benchmarks/results.json
	@$(DEV)/bin/python -m crossdock.cli bench $(ARGS)

chaos: $(DEV)/ready faketime ## real processes killed, stopped and cut off; then the vendors' own books must balance
	@$(DEV)/bin/python -m chaos $(ARGS)

lint: $(DEV)/ready ## style and import rules
	@$(DEV)/bin/ruff check . && $(DEV)/bin/ruff format --check . && $(DEV)/bin/lint-imports

types: $(DEV)/ready ## mypy --strict
	@$(DEV)/bin/mypy

docs: $(DEV)/ready ## the reference pages and the README's figures, from the code and the measurements
	@$(DEV)/bin/python scripts/reference.py && $(DEV)/bin/python scripts/readme_figures.py

pictures: $(DEV)/ready browser ## the console's pictures in docs/pictures, taken from a running demo
	@$(DEV)/bin/python scripts/pictures.py

lock: ## pin every dependency with hashes anew, from pyproject.toml
	@scripts/lock.sh $(ARGS)

clean: ## remove what was made: environments, the demo's data, caches
	@rm -rf .venv .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache artifacts

browser: ## a Chromium for the console's tests
	@scripts/install-browser.sh

faketime: ## libfaketime, by which the chaos run moves clocks
	@scripts/install-faketime.sh

vendor-code: ## Shopify's own webhook check and axe, the accessibility checker, which the tests use
	@scripts/install-vendor-code.sh

$(RUNTIME)/ready: requirements/runtime.lock
	@scripts/make-venv.sh $(PYTHON) $(RUNTIME) requirements/runtime.lock

$(DEV)/ready: requirements/dev.lock
	@scripts/make-venv.sh $(PYTHON) $(DEV) requirements/dev.lock
