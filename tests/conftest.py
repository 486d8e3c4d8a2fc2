"""Fixtures shared by all tests: one thread, two Hypothesis profiles, tiny random checkpoints on disk."""

import gc
import logging
import os
import signal

import pytest
import torch
from hypothesis import HealthCheck, settings
from real_models import path_of
from tiny_models import ARCHITECTURES, byte_tokenizer, tiny_model, tiny_policy

torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of programs that tests start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background deaf to Ctrl-C, and the tests of it would wait in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What it says of every tensor of a checkpoint would be kept and formatted by pytest: a tenth of the time of some runs.
logging.getLogger("c10d-NullHandler-dcp_logger").disabled = True

_QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
settings.register_profile("quick", max_examples=25, derandomize=True, **_QUIET)
settings.register_profile("long", max_examples=500, **_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_configure(config):
    """Beartype, which checks annotations in tests, picks list items with `random`; Hypothesis would call it a flaw."""
    message = "Do not use the `random` module inside strategies"
    config.addinivalue_line("filterwarnings", f"ignore:{message}:hypothesis.errors.HypothesisDeprecationWarning")


def pytest_collection_finish():
    """Spare the garbage collector what lives until the end: modules of torch, and thousands of tests."""
    gc.collect()
    gc.freeze()


def pytest_runtest_teardown():
    """Leave one thread to the next test: more of them, on the cores of other workers, wait for each other."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(scope="session", params=sorted(ARCHITECTURES))
def architecture(request):
    """Each architecture that the project is tested on."""
    return request.param


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """A directory with one saved tiny checkpoint per architecture, as users have them."""
    root = tmp_path_factory.mktemp("checkpoints")
    for name in ARCHITECTURES:
        tiny_model(name).save_pretrained(root / name)
        byte_tokenizer().save_pretrained(root / name)
    return root


@pytest.fixture(scope="session")
def real_model():
    """Where the file of a real model is, by its name; a test that asks for one that is not here is skipped."""

    def found(name):
        file = path_of(name)
        if not file.is_file():
            pytest.skip(f"{name} is not here; get it with: make real-model NAME={name}")
        return file

    return found


@pytest.fixture
def policy():
    """A fresh random Qwen2 policy."""
    return tiny_policy()
