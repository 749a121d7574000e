# Everything a person or a CI machine does with this repository. Needs Python 3.11 with venv, and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST := $(BIN)/python -m pytest
# Side by side, processes get one thread each for linear algebra: twice as many threads as cores wait for each other.
BESIDE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# LightGBM needs the system's libgomp.so.1, which a bare Debian lacks; scikit-learn brings the same library under
# another name. tools below link it into this folder when the system has none (see $(VENV)/.openmp).
OPENMP := $(CURDIR)/$(VENV)/openmp
export LD_LIBRARY_PATH := $(OPENMP)$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))

.PHONY: help demo demo-multimodal demo-serve compare test test-all check lint types arrows docs docs-test bench-quality bench-speed bench-budget bench-explain bench-serve bench-shadow protos clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.demo ## set up and run the main job on real data (30 s of fitting)
	$(BIN)/python examples/demo.py

demo-multimodal: $(VENV)/.demo ## flags, names and numbers of countries in one predictor (30 s of fitting)
	$(BIN)/python examples/countries.py

demo-serve: $(VENV)/.dev ## fit, serve, ask by HTTP and gRPC, explain (20 s of fitting)
	$(BIN)/python examples/serve.py

compare: $(VENV)/.dev ## three contestants on three tables, 30 s each, ends with a report (installs two environments)
	AUTOGLM_PYTHON=$(CURDIR)/$(BIN)/python $(BIN)/arena run experiments/compare/plan.toml --book compare-output/book.jsonl
	$(BIN)/arena report experiments/compare/plan.toml --book compare-output/book.jsonl --out compare-output

test: $(VENV)/.dev ## set up and run the tests (no torch)
	$(BESIDE) $(PYTEST) -q -n $(JOBS) -m "not slow and not clock"
	$(PYTEST) -q -m "clock and not slow"

test-all: $(VENV)/.all ## every extra (torch too), every test, the slow ones too
	$(BESIDE) $(PYTEST) -q -n $(JOBS) -m "not clock"
	$(PYTEST) -q -m clock

check: lint types arrows docs docs-test ## style, types, arrows between rooms, docs and their examples

lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy --strict

arrows: $(VENV)/.dev ## import-linter: arrows only point down
	PYTHONPATH=src $(BIN)/lint-imports

docs: $(VENV)/.dev ## build the docs into docs/_build/html, warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

docs-test: $(VENV)/.dev ## run every example of the docs and the README
	$(PYTEST) -q docs README.md

bench-quality: $(VENV)/.dev ## our answers against other systems' on real tables (hours)
	$(BIN)/python benchmarks/quality.py

bench-speed: $(VENV)/.dev ## start-up, first predictor, latency, throughput, size, memory
	$(BIN)/python benchmarks/speed.py

bench-budget: $(VENV)/.dev ## are seconds and memory kept on awkward tables? (11 minutes)
	$(BIN)/python benchmarks/budget.py

bench-explain: $(VENV)/.dev ## what explanations cost, beside the libraries' own contributions
	$(BIN)/python benchmarks/explain.py

bench-serve: $(VENV)/.dev ## what a served answer costs, beside MLServer and KServe (installs two environments)
	$(BIN)/python benchmarks/serve.py --peers mlserver,kserve

bench-shadow: $(VENV)/.dev ## what a shadow costs the service, and whether its explanations are those computed offline
	$(BIN)/python benchmarks/shadow.py

protos: ## compile the messages of gRPC anew
	$(PYTHON) -m venv $(VENV)/protos
	$(VENV)/protos/bin/python -m pip install --quiet --disable-pip-version-check grpcio-tools
	cd src/autoglm/serving/protos && $(CURDIR)/$(VENV)/protos/bin/python -m grpc_tools.protoc -I . --descriptor_set_out=inference.desc inference.proto

clean: ## remove everything that was made here
	rm -rf $(VENV) build dist demo-output docs/_build docs/_generated
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests docs examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# --- the environment: one stamp per set of extras, made anew when the pins change ---

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, $(PYTHON) is " + sys.version.split()[0] + ": try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing open-autoglm[demo] into $(VENV) ..."
	$(PIP) -e '.[demo]'
	@$(MAKE) --no-print-directory $(VENV)/.openmp
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing open-autoglm[dev] into $(VENV) ..."
	$(PIP) -e '.[dev]'
	@$(MAKE) --no-print-directory $(VENV)/.openmp
	@touch $@ $(VENV)/.demo

$(VENV)/.all: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing torch and open-autoglm[all,dev] into $(VENV) ..."
	$(PIP) torch==2.13.0
	$(PIP) -e '.[all,dev]'
	@$(MAKE) --no-print-directory $(VENV)/.openmp
	@touch $@ $(VENV)/.dev $(VENV)/.demo

$(VENV)/.openmp:
	@if ! $(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; then \
	  found=$$(ls -d $(VENV)/lib/python3*/site-packages/scikit_learn.libs/libgomp-*.so* 2>/dev/null | head -n 1); \
	  if [ -z "$$found" ]; then echo "libgomp.so.1 is missing: apt-get install libgomp1" >&2; exit 1; fi; \
	  mkdir -p $(OPENMP) && ln -sf "$(CURDIR)/$$found" $(OPENMP)/libgomp.so.1; \
	  echo "no libgomp.so.1 on this system: using scikit-learn's copy"; \
	fi
	@touch $@
