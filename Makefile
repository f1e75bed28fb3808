# Everything starts from nothing: each target makes .venv first, if it is not there.
#   make demo     forty real nodes on this machine, and a picture
#   make test     all tests
#   make lab      the notebooks, in JupyterLab
#   make check    format, lint and types, as .ci/run does
#   make reproduce  published results, measured again (up to 90 minutes)
#   make pyodide  the simulation in WebAssembly (needs node and npm)
#   make notebooks, make benchmarks
# Windows has no make; README.md has the two lines that do the same.

PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test lab check notebooks benchmarks reproduce pyodide clean

demo: .venv/ready
	$(BIN)/python -m p2pkit demo

test: .venv/ready
	$(BIN)/python -m pytest -n auto

lab: .venv/ready
	$(BIN)/jupyter lab notebooks

notebooks: .venv/ready
	$(BIN)/python notebooks/build.py

benchmarks: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[benchmarks]" -c constraints.txt
	$(BIN)/python -m tests.benchmarks

reproduce: .venv/ready
	$(BIN)/python -m tests.reproduce --into reproduced.md

# A Python for WebAssembly, and what the simulation imports, beside the environment; the tests use it.
pyodide: .venv/pyodide/ready
	$(BIN)/python -m pytest tests/test_pyodide.py

.venv/pyodide/ready: .venv/ready
	npm install --prefix .venv/pyodide --no-audit --no-fund --no-save pyodide@314.0.7
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target .venv/pyodide/site --upgrade --no-deps \
	  --only-binary :all: --platform pyemscripten_2026_0_wasm32 --python-version 3.14 -c constraints.txt msgspec networkx
	@touch $@

check: .venv/tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf .venv

.venv/ready: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('p2pkit needs Python 3.11 or newer, and $(PYTHON) is ' + sys.version.split()[0] + ': name another one, as in make $(MAKECMDGOALS) PYTHON=python3.12')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

.venv/tools: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]" -c constraints.txt
	@touch $@
