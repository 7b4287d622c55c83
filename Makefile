# Two commands on a machine that has Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test test-scatter lint types docs benchmarks clean

demo: $(INSTALLED)
	$(BIN)/python examples/plot_autoencoder_digits.py

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
	$(BIN)/python tests/benchmarks/benchmark_distributed.py
	$(BIN)/python tests/benchmarks/benchmark_files.py
	$(BIN)/python tests/benchmarks/benchmark_search.py
	$(BIN)/python tests/benchmarks/benchmark_onnx.py
	$(BIN)/python tests/benchmarks/benchmark_defaults.py
	$(BIN)/python tests/benchmarks/benchmark_defaults.py --table

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build *.egg-info
