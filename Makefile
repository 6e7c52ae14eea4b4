# The Airflow that a command runs on: 2.11, 3.0, 3.1, 3.2 or 3.3, whatever has a lock in requirements/.
AIRFLOW ?= 3.3
# More arguments for test, demo, airflow and bench, for example ARGS="-k sensor".
ARGS ?=
# How many processes run the tests: one more than there are cores, as that of the end-to-end tests waits for Airflow
# more than it works. 0, in this process, starts sooner, for a few tests.
JOBS ?= $(if $(ARGS),0,$(shell expr $$(getconf _NPROCESSORS_ONLN) + 1))

ifeq ($(wildcard requirements/airflow-$(AIRFLOW).txt),)
$(error There is no lock for Airflow $(AIRFLOW); there are: $(patsubst requirements/airflow-%.txt,%,$(wildcard requirements/airflow-*.txt)))
endif

ENV := .venv/airflow-$(AIRFLOW)
PY := $(ENV)/bin/python
# Lint and types are judged on the newest Airflow, whose lock has their tools.
NEWEST_ENV := .venv/airflow-3.3
NEWEST_PY := $(NEWEST_ENV)/bin/python

# What the caller's shell says of another Python or another Airflow must not reach ours. Nor may it keep Python from
# storing what it has compiled: each of the many processes of a test would compile the package again.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE $(filter AIRFLOW_%,$(.VARIABLES))
export AIRFLOW_HOME := $(CURDIR)/$(ENV)/home

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help test demo airflow bench lint format types docs screenshots audit build lock clean
.PRECIOUS: .venv/airflow-%/.locked .venv/airflow-%/.ready

help:
	@echo 'make demo                example DAGs in a real Airflow against the embedded Integrator'
	@echo 'make airflow             a whole Airflow with UI on the same, to click around in'
	@echo 'make test                every test, in several processes; AIRFLOW=2.11 picks the Airflow'
	@echo 'make test ARGS="-k name" some of them, in one process; JOBS=4 for four'
	@echo 'make bench               the benchmarks; FULL=1 for the long ones'
	@echo 'make lint types          what CI checks besides the tests; make format repairs what can be'
	@echo 'make docs                the documentation site, in docs/_build/html/; screenshots takes its pictures'
	@echo 'make audit               known holes of the dependencies, at their lowest versions'
	@echo 'make build               wheel and sdist, in dist/'
	@echo 'make lock                write requirements/ again, with the packages of the dates in scripts/lock.sh'
	@echo 'make clean               remove what all of these made'
	@echo 'Each makes its environment in .venv/ first. PYTHON=python3.12 picks the interpreter of a new one.'

test: $(ENV)/.ready
	$(PY) -m pytest --numprocesses $(JOBS) --maxprocesses 8 $(ARGS)

demo: $(ENV)/.ready
	@$(PY) scripts/demo.py $(ARGS)

airflow: $(ENV)/.ready
	@$(PY) scripts/standalone.py $(ARGS)

bench: .venv/bench/.locked
	@.venv/bench/bin/python -m benchmarks $(if $(FULL),--full) $(ARGS)

lint: $(NEWEST_ENV)/.ready
	$(NEWEST_PY) -m ruff check
	$(NEWEST_PY) -m ruff format --check

format: $(NEWEST_ENV)/.ready
	$(NEWEST_PY) -m ruff check --fix-only
	$(NEWEST_PY) -m ruff format

types: $(NEWEST_ENV)/.ready
	$(NEWEST_PY) -m mypy

# Always from nothing: a page that isn't read again gives no warnings.
docs: $(NEWEST_ENV)/.ready
	rm -rf docs/_build docs/reference
	$(NEWEST_PY) -m sphinx --quiet --fail-on-warning --keep-going -b html docs docs/_build/html
	@echo 'The site: docs/_build/html/index.html'

screenshots: .venv/screenshots/.locked $(NEWEST_ENV)/.ready
	@.venv/screenshots/bin/python scripts/screenshots.py $(NEWEST_PY) $(ARGS)

# Asks a public advisory database, so it isn't a part of .ci/run, which needs the package index only.
audit: .venv/audit/.locked $(NEWEST_ENV)/.ready
	$(NEWEST_PY) scripts/floors.py >.venv/audit/floors.txt
	.venv/audit/bin/python -m pip_audit --strict --no-deps --disable-pip --requirement .venv/audit/floors.txt

build: $(NEWEST_ENV)/.ready
	rm -rf dist
	$(NEWEST_PY) -m hatchling build

lock: .venv/uv/bin/uv
	UV=$< scripts/lock.sh

clean:
	rm -rf .venv .bench .demo .airflow dist docs/_build docs/reference .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/airflow-%/.locked: requirements/airflow-%.txt
	@PYTHON='$(PYTHON)' scripts/venv.sh $* $(@D)
	@touch $@

# The package itself: editable, and made anew when its metadata changed.
.venv/airflow-%/.ready: .venv/airflow-%/.locked pyproject.toml airflow_provider_integrator/__init__.py
	@PIP_USER=0 $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The newest Airflow, the peers that the benchmarks measure, and what draws their plots; what takes screenshots; what
# knows the advisories.
.venv/bench/.locked .venv/screenshots/.locked .venv/audit/.locked: .venv/%/.locked: requirements/%.txt
	@echo 'Making $(@D): once, about a minute'
	@$(or $(PYTHON),python3) -m venv --clear $(@D)
	@PIP_USER=0 $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

.venv/uv/bin/uv:
	@python3 -m venv .venv/uv
	@PIP_USER=0 .venv/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
