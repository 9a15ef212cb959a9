# Everything runs from a fresh machine with Python >= 3.11 and make: each target sets up what it
# needs in .venv first. ARGS passes overrides on: make run ARGS="rho=4/5 seed=1"

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# A command copied over a line break is one command all the same.
define NEWLINE


endef
override ARGS := $(subst $(NEWLINE), ,$(ARGS))
# Further options of pip install, for example an index with CPU builds of torch.
PIP_ARGS ?=

STAMP := $(VENV)/.stamp
# The extra `ray`, for those who ask for it.
RAY := $(VENV)/.ray
PY := $(VENV)/bin/python
# Brackets in overrides, construction=[A,B], are not file patterns.
LAUNCH := set -f; $(PY)

export MLFLOW_DISABLE_TELEMETRY := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run sweep test test-cluster test-ray ui-test lint format typecheck bench ui audit \
	widths figures tracking-server sync clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17
	@echo 'ARGS="..." passes overrides on, for example: make run ARGS="dataset=wine rho=4/5"'

setup: $(STAMP) ## create the virtual environment and install everything

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet $(PIP_ARGS) -c constraints.txt torch==2.13.0
	$(PY) -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	@touch $@

run: $(STAMP) ## the main job: a real dataset in, a report with every ball decided out
	@$(LAUNCH) -m pipeline $(ARGS)

test: $(STAMP) ## all tests and doctests
	@$(LAUNCH) -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(ARGS)

test-cluster: $(STAMP) ## a sweep on a SLURM of one node, installed if need be (root, Debian)
	@$(LAUNCH) -m tests.cluster

test-ray: $(STAMP) $(RAY) ## a sweep on Ray, on this machine, and the same sweep without
	@$(LAUNCH) -m tests.cluster.ray_sweep

lint: $(STAMP) ## style and docstrings
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: $(STAMP) ## rewrite the sources in the house style
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

typecheck: $(STAMP) ## static types
	@$(PY) -m mypy

bench: $(STAMP) ## compare with peers; writes mlruns/bench.json
	@$(LAUNCH) -m tests.benchmarks $(ARGS)

ui: $(STAMP) ## dashboard of all runs on this machine
	@$(LAUNCH) -m pipeline.tracking $(ARGS)

tracking-server: $(STAMP) ## serve a store to many writers, on PostgreSQL or SQLite
	@$(LAUNCH) -m pipeline.tracking.server $(ARGS)

sync: $(STAMP) ## upload what jobs spooled while their tracking server was unreachable
	@$(LAUNCH) -m pipeline.tracking.sync $(ARGS)

ui-test: $(STAMP) ## dashboard and pages in headless Chromium; screenshots in mlruns/ui-test
	@$(LAUNCH) -m pytest -p no:xdist tests/ui/in_chromium.py $(ARGS)

audit: $(STAMP) ## re-check every verdict of a tracked run: make audit RUN=<run id>
	@test -n '$(RUN)' || { echo 'which run? make audit RUN=<run id>' >&2; exit 2; }
	@$(LAUNCH) -m pipeline.tracking.audit '$(RUN)' $(ARGS)

widths: $(STAMP) ## look for a certified network narrower than Proposition 3.2 allows
	@$(LAUNCH) -m pipeline.tracking.widths $(ARGS)

# A preset of conf/experiment and a file of conf/hydra/launcher.
EXPERIMENT ?= smoke
LAUNCHER ?= local
# Launchers that stand on Ray, a lab's own too.
sweep: $(if $(shell grep -s ray_launcher conf/hydra/launcher/$(LAUNCHER).yaml),$(RAY))
sweep: $(STAMP) ## all jobs of a grid, those done before skipped: make sweep EXPERIMENT=smoke
	@$(LAUNCH) -m pipeline.sweep experiment=$(EXPERIMENT) launcher=$(LAUNCHER) $(ARGS)

# Ray alone: other processes may be importing the package.
$(RAY): $(STAMP)
	$(PY) -m pip install --quiet $(PIP_ARGS) -c constraints.txt $(shell $(PYTHON) -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["ray"])' \
		| sed "s/.*/'&'/")
	@touch $@

figures: $(STAMP) ## every figure of the paper and Table 1, into mlruns/figures/figures.html
	@$(LAUNCH) -m pipeline --config-name figures $(ARGS)

clean: ## remove the environment and caches; never the runs in mlruns/
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find pipeline tests -name __pycache__ -type d -prune -exec rm -rf {} +
