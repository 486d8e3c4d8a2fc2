"""How a `train` command ends: one of several processes is gone when its run is done, whatever its threads still do."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import atexit, os
from pathlib import Path
from secondthought.cli.run_options import RunFlags, run_as_asked

class Aborts:
    def __del__(self):
        os._exit(7)  # what an interpreter does now and then that is taken down under living threads

class Settings:
    run_dir = Path("somewhere")

kept = Aborts()
atexit.register(print, "said goodbye")
run_as_asked(Settings(), RunFlags(json_=True), [], lambda config, **how: {"steps": 1}, print)
"""


@pytest.mark.parametrize(("rank", "said"), [("0", True), ("1", False)])
def test_one_of_several_that_is_done_has_not_failed(rank, said):
    found = ended({"WORLD_SIZE": "2", "RANK": rank})
    assert found.returncode == 0, found.stderr
    assert ('"steps": 1' in found.stdout) is said
    assert found.stdout.endswith("said goodbye\n")


def test_a_process_alone_ends_as_any():
    assert ended({"WORLD_SIZE": "1", "RANK": "0"}).returncode == 7


def ended(environment):
    words = [sys.executable, "-c", SCRIPT]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | environment)
