# Every command here needs Python 3.11+ and nothing else; .venv is made on first use.
# TORCH_INDEX=https://download.pytorch.org/whl/cpu   installs torch's CPU build from there (Linux).
PYTHON ?= python3
TORCH  ?= torch==2.13.0
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-slow check golden bench clean

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -c "import torch" 2>/dev/null || $(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH)"
	$(PIP) -e ".[dev]"
	@touch $@

demo: .venv/ready  ## train the shipped tiny model to reflect, and print before and after
	$(BIN)/secondthought demo

test: .venv/ready
	$(BIN)/python -m pytest -m "not slow"

test-slow: .venv/ready
	$(BIN)/python -m pytest -m slow

check: .venv/ready
	$(BIN)/ruff check src tests examples
	$(BIN)/ruff format --check src tests examples
	$(BIN)/mypy

golden: .venv/ready  ## rewrite the golden curves; review the difference
	SECONDTHOUGHT_GOLDEN=write $(BIN)/python -m pytest tests/golden

clean:
	rm -rf .venv
