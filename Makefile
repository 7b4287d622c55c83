# Two commands on a machine that has Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/.installed
# One line in place of pip's many, if PYTHON is too old.
CHECK_PYTHON = $(or $(PYTHON),python3) -c "import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	'PYTHON=$(PYTHON) is Python %d.%d, but 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)' % v[:2])"

.PHONY: demo test test-scatter test-floors lint types docs benchmarks version dist dist-check clean

demo: $(INSTALLED)
	$(BIN)/python examples/plot_motif_logos.py examples/plot_motif_logos.png

test: lint types
	$(BIN)/python -m pytest --numprocesses=auto

# The second back end of the reductions; compiles torch-scatter, which takes about ten minutes the first time.
test-scatter: .venv/.scatter
	$(BIN)/python -m pytest -m scatter tests

.venv/.scatter: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt setuptools wheel ninja
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--no-build-isolation torch-scatter
	touch $@

# The oldest versions that setup.cfg admits, in an environment of their own. On Linux, the oldest torch includes CUDA and
# takes several gigabytes. FLOORS chooses the tests: all of tests/ take half an hour.
FLOORS ?= tests
test-floors: .venv-floors/.installed
	.venv-floors/bin/python -m pytest --numprocesses=auto $(FLOORS)

.venv-floors/.installed: setup.cfg constraints-floors.txt
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-floors
	.venv-floors/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-floors.txt \
		--editable ".[test]"
	touch $@

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

docs: .venv/.docs
	$(BIN)/sphinx-build -W --keep-going docs docs/_build/html

.venv/.docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test,docs]"
	touch $@

# Writes the version of sklearn_ann/_version.py to changelog, citation and recipe, with today's date if it is a release.
version:
	$(PYTHON) .ci/stamp.py

# What a release uploads: the source archive, and the wheel that is built from it.
dist: .venv/.release
	rm -rf dist
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*

.venv/.release: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test,release]"
	touch $@

# Installs the wheel in an empty environment, runs the README's lines there and tests of the source archive; takes minutes.
dist-check: dist
	.ci/check_dist $(PYTHON)

benchmarks: $(INSTALLED)
	$(BIN)/python tests/benchmarks/benchmark_autoencoder.py
	$(BIN)/python tests/benchmarks/benchmark_graphs.py
	$(BIN)/python tests/benchmarks/benchmark_graph_accuracy.py
	$(BIN)/python tests/benchmarks/benchmark_convolution.py
	$(BIN)/python tests/benchmarks/benchmark_embedding.py
	$(BIN)/python tests/benchmarks/benchmark_latent.py
	$(BIN)/python tests/benchmarks/benchmark_vae.py
	$(BIN)/python tests/benchmarks/benchmark_gan.py
	$(BIN)/python tests/benchmarks/benchmark_attention.py
	$(BIN)/python tests/benchmarks/benchmark_transfer.py
	$(BIN)/python tests/benchmarks/benchmark_one_row.py
	$(BIN)/python tests/benchmarks/benchmark_threads.py
	$(BIN)/python tests/benchmarks/benchmark_distributed.py
	$(BIN)/python tests/benchmarks/benchmark_files.py
	$(BIN)/python tests/benchmarks/benchmark_search.py
	$(BIN)/python tests/benchmarks/benchmark_onnx.py
	$(BIN)/python tests/benchmarks/benchmark_defaults.py
	$(BIN)/python tests/benchmarks/benchmark_defaults.py --table

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	touch $@

clean:
	rm -rf .venv .venv-floors .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
