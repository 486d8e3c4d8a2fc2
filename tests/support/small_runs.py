"""Whole runs in about a second: a random tiny model on a task of luck, with every stage of a real run."""

import json

from safetensors.torch import load_file

from secondthought.config import overlay, resolve
from secondthought.config.algorithms import ALGORITHMS

SETTINGS = {
    "threads": 1,
    "task": {"name": "lucky_task:Lucky", "train_problems": 12},
    "model": {"device": "cpu"},
    "episode": {"max_attempt_tokens": 4, "max_reflection_tokens": 5, "repeat_task": False},
    "algorithm": {"group_size": 3, "kl_ref": 0.1},
    "optim": {"lr": 3e-3, "warmup_steps": 2},
    "train": {
        "steps": 6,
        "groups_per_step": 3,
        "eval_every": 2,
        "eval_problems": 8,
        "checkpoint_every": 3,
        "episode_groups": 2,
    },
    "evaluation": {"problems": 8, "temperatures": [1.0]},
}
NO_CONTROLS = {"controls": False}
"""Laid over `evaluation` where the control arms do not matter."""


def small_config(run_dir, model, /, **changes):
    """A config; `changes` are tables laid over the small settings."""
    base = overlay(SETTINGS, {"run_dir": str(run_dir), "model": {"path": str(model)}})
    return resolve(overlay(with_tries(base, changes), changes), source="test")


def with_tries(base, changes):
    """The base settings with two tries at finding failures, where the algorithm starts from failures."""
    kind = changes.get("algorithm", {}).get("type", "reflect-retry")
    return overlay(base, {"train": {"mine_tries": 2}}) if ALGORITHMS[kind].starts_from == "failures" else base


def untimed(path):
    """The rows of metrics.jsonl as they were written, times apart."""
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if not key.startswith("time/")} for row in rows]


def evaluations(path):
    """Every evaluation's file, to the byte."""
    return {file.name: file.read_bytes() for file in sorted((path / "evaluations").iterdir())}


def weights(path):
    """The tensors of the checkpoints that were kept, to the bit (headers come in no fixed order)."""
    return {
        str(file.relative_to(path)): {name: value.numpy().tobytes() for name, value in load_file(file).items()}
        for file in sorted(path.glob("checkpoints/step_*/**/*.safetensors"))
    }


def results(path):
    """The summary without times."""
    summary = json.loads((path / "summary.json").read_text())
    return {key: value for key, value in summary.items() if key != "seconds"}


def assert_same_run(found, wanted):
    """Two run directories hold the same training, to the bit."""
    assert untimed(found) == untimed(wanted)
    assert weights(found) == weights(wanted)
    assert evaluations(found) == evaluations(wanted)
    assert results(found) == results(wanted)
    for name in ("checkpoints/best.json", "checkpoints/last.json", "stored_failures.jsonl"):
        assert (found / name).read_bytes() == (wanted / name).read_bytes(), name
    assert episodes(found) == episodes(wanted)


def episodes(path):
    """Every recorded group, to the byte."""
    return {file.name: file.read_bytes() for file in sorted((path / "episodes").iterdir())}
