"""`env` prints what a report of a bug needs, and nothing private."""

import getpass
import json
from pathlib import Path

import torch


def test_versions_and_machine(cli):
    found = json.loads(cli("env", "--json").out)
    assert found["packages"]["torch"] == torch.__version__
    assert {
        "python",
        "platform",
        "cpu",
        "cpu_features",
        "cores",
        "memory_bytes",
        "gpus",
        "code",
        "variables",
    } <= found.keys()


def test_lines_for_people_hold_no_path(cli, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("HF_TOKEN", "secret-token")
    text = cli("env").out
    assert "OMP_NUM_THREADS 7" in text
    assert "secret-token" not in text
    assert str(Path.home()) not in text
    assert getpass.getuser() not in text.replace("root", "") or getpass.getuser() == "root"
