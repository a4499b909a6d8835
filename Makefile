# Everything happens inside the checkout (.tools, .venv, .matrix); Python 3.11+, pip and git suffice.
PYTHON ?= python3
PY := .venv/bin/python
ARGS ?=
# processes that share the tests
WORKERS ?= 2
SUITE ?=
BACKENDS ?=

.PHONY: setup demo test lint format types contracts matrix conformance bench clean

setup:
	@$(PYTHON) tools/bootstrap.py

demo: setup
	$(PY) examples/digits.py $(ARGS)

# Ray starts threads and processes of its own: its tests are kept apart from the others
PIPELINES := packages/ember-pipeline
RAY := $(PIPELINES)/tests/contract $(PIPELINES)/tests/ray tests/end_to_end/test_features.py
test: setup
	@failed=0; export OMP_NUM_THREADS=1; \
	$(PY) -m pytest -n $(WORKERS) --ignore-glob="*/ember-pipeline/*" $(RAY:%=--ignore=%) $(ARGS) || failed=1; \
	$(PY) -m pytest -n $(WORKERS) $(PIPELINES) $(RAY:%=--ignore=%) $(ARGS) || failed=1; \
	$(PY) -m pytest -n $(WORKERS) --dist loadgroup $(RAY) $(ARGS) || failed=1; \
	exit $$failed

lint: setup
	$(PY) -m ruff check . && $(PY) -m ruff format --check .

format: setup
	$(PY) -m ruff check --fix . && $(PY) -m ruff format .

types: setup
	$(PY) -m mypy $(ARGS)

contracts: setup
	.venv/bin/lint-imports $(ARGS)

# wheels, each in an environment of its own: make matrix ARGS="core numpy"
matrix: setup
	$(PY) tools/matrix.py $(ARGS)

# the official array API suite: make conformance SUITE=../array-api-tests BACKENDS="numpy torch"
conformance: setup
	@$(PY) tests/conformance/run.py "$(SUITE)" --backends "$(BACKENDS)" $(ARGS)

bench:
	@$(PYTHON) tools/bootstrap.py bench
	$(PY) benchmarks/dispatch.py
	$(PY) benchmarks/train.py
	$(PY) benchmarks/memory.py
	$(PY) benchmarks/imports.py
	$(PY) benchmarks/random_numbers.py
	$(PY) benchmarks/interchange.py
	$(PY) benchmarks/pipeline.py
	$(PY) benchmarks/report.py

clean:
	rm -rf .venv .tools .matrix .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
