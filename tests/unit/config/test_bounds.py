"""Every setting refuses what the code cannot mean: walked through all configs, so that a new setting is held too."""

import inspect
import math
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from secondthought.cli.options import parse
from secondthought.config import Config, RunConfig, resolve
from secondthought.config.sft import SftConfig, resolve_sft
from secondthought.errors import ConfigError, TaskError
from secondthought.study.config import StudyConfig
from secondthought.tasks import load


def floats_of(kind: type[Config], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the dotted names of settings that hold floats, and whether it is several of them."""
    for name, info in kind.model_fields.items():
        if inspect.isclass(info.annotation) and issubclass(info.annotation, Config):
            yield from floats_of(info.annotation, f"{prefix}{name}.")
        elif _holds_float(info.annotation):
            yield f"{prefix}{name}", "tuple" in str(info.annotation)


def _holds_float(annotation: Any) -> bool:
    return annotation is float or any(_holds_float(part) for part in get_args(annotation))


def nested(path: str, value: Any) -> dict[str, Any]:
    """Build the tables that set one dotted name."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


RL, SFT = dict(floats_of(RunConfig)), dict(floats_of(SftConfig))
HUGE = "1e400"
"""Written in a file or a flag, it is read as infinite."""


def test_the_walk_finds_settings():
    assert {"optim.lr", "optim.betas", "evaluation.temperatures", "train.timeout_s"} <= RL.keys()
    assert {"optim.warmup_share", "eval_share", "optim.betas"} <= SFT.keys()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("resolved", "path", "several"), [
    *((resolve, path, several) for path, several in RL.items()),
    *((resolve_sft, path, several) for path, several in SFT.items()),
])  # fmt: skip
def test_every_float_is_finite(resolved, path, several, bad):
    with pytest.raises(ConfigError, match=path.replace(".", r"\.")) as caught:
        resolved(nested(path, (0.5, bad) if several else bad), source="test")
    assert "finite" in str(caught.value)


@pytest.mark.parametrize("path", RL)
def test_a_file_and_a_flag_refuse_them_too(tmp_path, path):
    section, _, name = path.rpartition(".")
    value = f"[0.5, {HUGE}]" if RL[path] else HUGE
    (tmp_path / "config.toml").write_text(f"[{section}]\n{name} = {value}\n")
    with pytest.raises(ConfigError, match=rf"config\.toml: {path}: .*finite"):
        parse(Both, [str(tmp_path / "config.toml")], "train", positional=("config",))
    words = ["0.5", "nan"] if RL[path] else ["nan"]
    with pytest.raises(ConfigError, match=rf"{path}.*finite"):
        parse(Both, [f"--{path.replace('_', '-')}", *words], "train", positional=("config",))


class Both(RunConfig):
    """Settings, and the file that may hold them."""

    config: str | None = None
    """A file."""


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_options_of_tasks_are_finite(value):
    with pytest.raises(TaskError, match=r"format_reward: .*finite"):
        load("countdown", {"format_reward": value})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"evaluation": {"temperatures": []}}, "evaluation.temperatures: is empty"),
        (
            {"evaluation": {"temperatures": [1.0, -0.5]}},
            "holds -0.5; a temperature must be 0, or 0.001 to 1000",
        ),
        ({"evaluation": {"temperatures": [1e-30]}}, "holds 1e-30; a temperature must be 0, or 0.001 to 1000"),
        ({"evaluation": {"temperatures": [1.0, 1]}}, "a temperature twice"),
        ({"episode": {"temperature": 1e-30}}, "episode.temperature"),
        ({"episode": {"temperature": 1e30}}, "episode.temperature"),
        ({"optim": {"betas": [0.9, 1.0]}}, "optim.betas.1: Input should be less than 1"),
        ({"optim": {"betas": [-0.1, 0.9]}}, "optim.betas.0"),
        ({"optim": {"lr": 0.5, "weight_decay": 2.0}}, "take weights away whole"),
        ({"model": {"lora": {"alpha": 8.0}}}, "alpha without a rank"),
        ({"model": {"lora": {"rank": 4, "target_modules": []}}}, "model.lora.target_modules"),
        ({"threads": 10**9}, "threads"),
        ({"train": {"timeout_s": 1e300}}, "train.timeout_s"),
        ({"evaluation": {"peers": {"before": "small"}}}, "is what the run's own model is measured as"),
        ({"evaluation": {"peers": {"After": "small"}}}, "is what the run's own model is measured as"),
        ({"evaluation": {"peers": {"../x": "small"}}}, "becomes part of a path"),
        ({"evaluation": {"peers": {"": "small"}}}, "becomes part of a path"),
        ({"evaluation": {"peers": {".x": "small"}}}, "becomes part of a path"),
    ],
)
def test_what_would_do_nothing_or_fail_late_is_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        resolve(settings, source="test")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"optim": {"betas": [0.9, 1.0]}}, "optim.betas.1"),
        ({"optim": {"lr": 1.0, "weight_decay": 1.0}}, "take weights away whole"),
        ({"options": {"preset": "tiny"}}, "name it with task"),
    ],
)
def test_so_it_is_in_fine_tuning(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        resolve_sft(settings, source="test")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "..", ".hidden", "a b"])
def test_arms_and_peers_of_a_study_become_paths(name):
    with pytest.raises(ValidationError, match="becomes part of a path"):
        StudyConfig(out="x", arms={name: {}})
    with pytest.raises(ValidationError, match="becomes part of a path"):
        StudyConfig(out="x", arms={"a": {}}, peers={name: "small"})


def test_a_study_has_an_arm():
    with pytest.raises(ValidationError, match="at least 1 item"):
        StudyConfig(out="x", arms={})
