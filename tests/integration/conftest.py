"""The run that others are compared with."""

import pytest
from small_runs import NO_CONTROLS, small_config

from secondthought.train.run import execute


@pytest.fixture(scope="session")
def model(checkpoints):
    return checkpoints / "qwen2"


@pytest.fixture(scope="session")
def whole(tmp_path_factory, model):
    """The run in one process that nothing interrupts."""
    path = tmp_path_factory.mktemp("whole") / "run"
    execute(small_config(path, model, evaluation=NO_CONTROLS), quiet=True)
    return path
