# Everything a newcomer needs. Each target sets up what it needs; nothing is installed outside this folder.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
CLIENTS := tests/clients/node_modules/.package-lock.json
MUTMUT := .local/mutmut
# The bin folder of another PostgreSQL than the embedded one, for `make test`, `make run` and `make demo`.
export PG_BIN

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 10
	@printf '\nOptions: PG_BIN=/usr/lib/postgresql/15/bin picks a PostgreSQL, PORT=8000 moves the address,\nDATABASE_URL and REDIS_URL name servers of your own (run, demo), PYTHON=python3.12 picks a Python.\n'

.PHONY: setup
setup: $(READY) ## Make the virtual environment (all targets below do this first)

.PHONY: run
run: $(READY) ## Start everything, play the chain once, and stay up until Ctrl-C
	@$(PY) -m local run

.PHONY: demo
demo: $(READY) ## The same, and end after the closing table
	@$(PY) -m local demo

.PHONY: test
test: $(READY) $(CLIENTS) ## Pass all tests
	@$(PY) -m pytest -q -n 2 --dist loadgroup $(TESTS)

.PHONY: check
check: $(READY) ## Format, lint, types and import contracts
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache

.PHONY: mutants
mutants: $(READY) $(MUTMUT)/.ready ## Change the rules one place at a time and tell what no test notices; ONLY='reconcile.rules.months.*' takes a part
	@ORACLE=400 PYTHONPATH=$(MUTMUT) nice -n 15 $(PY) -m mutmut run --max-children 1 $(if $(ONLY),'$(ONLY)')
	@PYTHONPATH=$(MUTMUT) $(PY) -m tests.mutants

.PHONY: bench
bench: $(READY) ## Measure the promised speeds beside their yardsticks; PART=pull measures one
	@$(PY) -m bench $(PART)

.PHONY: openapi
openapi: $(READY) ## Write the published contract from the code
	@$(VENV)/bin/kot openapi

.PHONY: rights
rights: $(READY) ## Write the listing of who may do what in the database, from the migrations
	@$(PY) -m tests.rights

.PHONY: lock
lock: ## Lock the dependencies, with hashes and without any host name; UPGRADE=--upgrade takes the newest of all
	@python3 -m venv .local/lock && .local/lock/bin/pip install -q uv
	@.local/lock/bin/uv pip compile -q $(UPGRADE) --universal --generate-hashes --no-annotate --no-header --all-extras --python-version 3.11 pyproject.toml -o requirements.txt
	@echo 'mutmut==3.8.0' | .local/lock/bin/uv pip compile -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11 -c requirements.txt - -o tests/mutants/requirements.txt

.PHONY: clean
clean: ## Remove what was set up and the data of earlier runs
	rm -rf $(VENV) .local mutants tests/clients/node_modules

$(READY): requirements.txt pyproject.toml
	@.ci/setup "$(VENV)" "$(PYTHON)"
	@touch $@

$(MUTMUT)/.ready: tests/mutants/requirements.txt $(READY)
	@rm -rf $(MUTMUT)
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps --require-hashes --target $(MUTMUT) -r tests/mutants/requirements.txt
	@touch $@

$(CLIENTS): tests/clients/package-lock.json $(READY)
	@$(PY) -m tests.node
	@touch $@
