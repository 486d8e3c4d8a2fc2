# Every command here needs Python 3.11+ and nothing else; .venv is made on first use, with the exact versions of
# constraints.txt: those that the tests passed with.
# TORCH_INDEX=https://download.pytorch.org/whl/cpu   installs torch's CPU build from there (Linux).
PYTHON ?= python3
TORCH  ?= torch==2.13.0
BIN    := .venv/bin
NEW    := .venv-newest/bin
# Two workers of one thread each; the tests of one file stay together and share their models and run directories.
PYTEST := -m pytest -n $(or $(WORKERS),2) --dist loadfile
PIP    := -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-slow test-real real-model test-newest check golden wheel lock clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH)"
	$(BIN)/python $(PIP) -c constraints.txt hatchling editables
	$(BIN)/python $(PIP) -c constraints.txt --no-build-isolation -e ".[dev]"
	@touch $@

# What only tests need beside that: the services that a run can be tracked by.
.venv/tested: .venv/ready
	$(BIN)/python $(PIP) -c constraints.txt --no-build-isolation -e ".[dev,trackers]"
	@touch $@

.venv-newest/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv-newest
	$(NEW)/python $(PIP) --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH)"
	$(NEW)/python $(PIP) hatchling editables
	$(NEW)/python $(PIP) --no-build-isolation -e ".[dev,trackers]"
	@touch $@

demo: .venv/ready  ## train the shipped tiny model to reflect, and print before and after
	$(BIN)/secondthought demo

test: .venv/tested
	$(BIN)/python $(PYTEST) -m "not slow and not real"

test-slow: .venv/tested
	$(BIN)/python -m pytest -m slow

test-real: .venv/tested  ## tests on the real models that are here
	$(BIN)/python -m pytest -m real

real-model: .venv/ready  ## NAME=smollm2-135m-instruct: fetch a real model into real-models/, as a GGUF file
	$(BIN)/python tests/support/real_models.py $(NAME)

test-newest:  ## the same tests on the newest versions that pyproject.toml allows; deprecations are shown, not fatal
	rm -f .venv-newest/ready
	$(MAKE) .venv-newest/ready
	$(NEW)/python $(PYTEST) -m "not slow and not real" -W default::DeprecationWarning -W default::PendingDeprecationWarning \
		-W default::FutureWarning

lock:  ## write constraints.txt anew from the newest versions that are allowed; then run make check and make test
	rm -f .venv-newest/ready
	$(MAKE) .venv-newest/ready
	{ sed -n '/^#/p' constraints.txt; $(NEW)/python -m pip freeze --all --exclude-editable --disable-pip-version-check \
		| sed -e '/^pip==/d' -e '/ @ /d' -e 's/^\(torch==[^+]*\)+.*/\1/'; } > constraints.partial
	mv constraints.partial constraints.txt

check: .venv/ready
	$(BIN)/ruff check src tests examples
	$(BIN)/ruff format --check src tests examples
	$(BIN)/mypy

golden: .venv/tested  ## rewrite the golden curves; review the difference
	SECONDTHOUGHT_GOLDEN=write $(BIN)/python -m pytest tests/golden

wheel: .venv/ready  ## build dist/*.whl: the package with its tiny models, to be installed anywhere
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

clean:
	rm -rf .venv .venv-newest dist
