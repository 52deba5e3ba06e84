# Throughline's commands. `make` alone lists them; docs/operations.md explains them.

PORT ?= 8000
HOST ?= 127.0.0.1
DEMO ?= 1
VAR  ?= $(CURDIR)/var
export THROUGHLINE_VAR = $(if $(filter /%,$(firstword $(VAR))),$(VAR),$(CURDIR)/$(VAR))

VENV   := .venv
PYTHON := $(VENV)/bin/python
TOOLS  := $(VENV)/bin
# A system Python 3.11 or newer, whatever its name.
SYSTEM_PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	&& echo $$name && break; done)
UV := $(shell command -v uv)

# Checks read the settings as production would, with keys that sign nothing.
CHECK_ENV := DJANGO_SETTINGS_MODULE=config.settings THROUGHLINE_HTTPS=1 \
	THROUGHLINE_SECRET_KEY=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \
	THROUGHLINE_TOKEN_KEY=00

# A file at a time on each core, the long ones first (tests/conftest.py); what kills processes or
# stops the broker runs alone.
SIDE_BY_SIDE := -n auto --dist loadfile --no-loadscope-reorder
ALONE := chaos or alone

.DEFAULT_GOAL := help
.PHONY: help install install-dev run stop test check bench chaos requirements clean

help:  ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

run: install  ## Start everything: make run [DEMO=0] [PORT=8123] [HOST=...] [VAR=/dir]
	@exec $(PYTHON) -m config.launch run --host $(HOST) --port $(PORT) \
		$(if $(filter-out 0 no false,$(DEMO)),--demo)

stop:  ## End what `make run` started with the same VAR
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m config.launch stop; fi

test: install-dev  ## Run every test, in a real browser too
	@$(PYTHON) -m config.browser
	@mkdir -p "$(THROUGHLINE_VAR)"
	@$(PYTHON) -m pytest $(SIDE_BY_SIDE) -m "not ($(ALONE))" \
		--junit-xml="$(THROUGHLINE_VAR)/test-results.xml"
	@$(PYTHON) -m pytest -m "$(ALONE)"

check: install-dev  ## Format, lint, types, migrations, deployment settings, fast tests
	@$(TOOLS)/ruff format --check .
	@$(TOOLS)/ruff check .
	@$(CHECK_ENV) $(TOOLS)/mypy
	@$(PYTHON) -m config.embedded start >/dev/null
	@$(CHECK_ENV) $(PYTHON) manage.py makemigrations --check --dry-run
	@$(CHECK_ENV) $(PYTHON) manage.py check --deploy --fail-level WARNING
	@$(PYTHON) -m pytest -q $(SIDE_BY_SIDE) \
		-m "not (browser or $(ALONE) or slow)"

bench: install-dev  ## Measure; prints one table and keeps bench/results.json
	@$(PYTHON) -m bench $(BENCH)

chaos: install-dev  ## Ten minutes of kill -9 under load; nothing may be lost or doubled
	@$(PYTHON) -m tests.chaos $(CHAOS)

requirements: install-dev  ## Compile requirements*.txt from requirements*.in
	@for name in requirements requirements-dev; do \
		$(TOOLS)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-header --no-emit-index-url $(UPGRADE) $$name.in -o $$name.txt >/dev/null && \
		sed -i.old "1i # Compiled from $$name.in by \`make requirements\`; edit that file." \
			$$name.txt && rm $$name.txt.old; \
	done

clean: stop  ## Remove the virtual environment and this VAR, data included
	@printf 'Remove %s and %s with all data? [y/N] ' "$(VENV)" "$(THROUGHLINE_VAR)"; \
	read answer && [ "$$answer" = y ] || exit 1; \
	servers=$$(readlink "$(THROUGHLINE_VAR)/servers"); \
	rm -rf $(VENV) "$(THROUGHLINE_VAR)" $${servers:+"$$servers"}

# -- the virtual environment: made once, filled again only when the requirements change ---------

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(PYTHON):
	@[ -n "$(UV)$(SYSTEM_PYTHON)" ] || { echo "Python 3.11 or newer is needed."; exit 1; }
	@echo "making $(VENV)"
	@$(if $(UV),$(UV) venv --quiet --allow-existing $(if $(SYSTEM_PYTHON),--python $(SYSTEM_PYTHON)) \
		$(VENV),$(SYSTEM_PYTHON) -m venv $(VENV))

INSTALL = $(if $(UV),$(UV) pip install --compile-bytecode --python $(PYTHON) --require-hashes,\
	$(PYTHON) -m pip install --require-hashes --disable-pip-version-check)

$(VENV)/.installed: requirements.txt | $(PYTHON)
	@echo "installing what Throughline runs on (a minute, the first time)"
	@$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "installing what tests and checks need"
	@$(INSTALL) -r requirements.txt -r requirements-dev.txt
	@touch $@
