"""Default < file < flag, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from secondthought.cli.options import parse
from secondthought.config import Config, RunConfig, overlay, read_toml, resolve
from secondthought.config.sft import SftConfig, resolve_sft
from secondthought.errors import ConfigError


class Inner(Config):
    """A section."""

    lr: float = Field(0.5, gt=0)
    """A rate."""
    share: bool = True
    """A switch."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Free."""


class Outer(Config):
    """A command."""

    config: Path | None = None
    """A file."""
    seed: int = 0
    """A seed."""
    names: tuple[str, ...] = ("a",)
    """Names."""
    dry_run: bool = False
    """A flag."""
    inner: Inner = Inner()


def parsed(*words, **options):
    return parse(Outer, words, "prog", positional=("config",), reserved=("dry_run",), **options)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('seed = 7\n[inner]\nlr = 0.25\nshare = false\n[inner.extra]\na = 1\nb = "x"\n')
    return path


def test_defaults():
    assert parsed() == Outer()


def test_file_over_defaults(file):
    expected = Outer(config=file, seed=7, inner=Inner(lr=0.25, share=False, extra={"a": 1, "b": "x"}))
    assert parsed(str(file)) == expected


def test_flags_over_file(file):
    found = parsed("--seed", "0", str(file), "--inner.lr=0.5", "--inner.share", "--inner.extra.a", "[2]", "--dry-run")
    assert (found.seed, found.dry_run) == (0, True)  # a flag that says the default's value still wins
    assert found.inner == Inner(lr=0.5, share=True, extra={"a": [2], "b": "x"})


def test_what_the_command_fixes_wins(file):
    assert parsed(str(file), fixed={"seed": 3, "inner.lr": 1.0}).inner.lr == 1.0
    with pytest.raises(ConfigError, match="--seed"):
        parsed("--seed", "1", fixed={"seed": 3})


def test_lists():
    assert parsed("--names", "x", "y").names == ("x", "y")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--inner.lrr", "1"], r"--inner\.lrr.*did you mean --inner\.lr\?.*see prog --help"),
        (["--inner.lr", "x"], r"--inner\.lr: could not convert string to float: 'x'"),
        (["--inner.lr", "-1"], r"command line: inner\.lr: Input should be greater than 0"),
        (["--inner.lr"], r"--inner\.lr"),
        (["--seed", "1.5"], "--seed"),
        (["a.toml", "b.toml"], "b.toml"),
        (["missing.toml"], "missing.toml: no such config file"),
        (["--inner.extra.a", "--seed", "1"], r"--inner\.extra\.a needs a value"),
    ],
)
def test_wrong_flags(words, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parsed(*words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeed = 1", r"c\.toml: unknown key seeed \(did you mean 'seed'\?\)"),
        ("[inner]\nlrr = 1", r"c\.toml: unknown key inner\.lrr \(did you mean 'lr'\?\)"),
        ("inner = 3", r"c\.toml: inner is a table"),
        ("[inner]\nlr = -1", r"c\.toml: inner\.lr: Input should be greater than 0"),
        ("seed = 'x'", r"c\.toml: seed: "),
        ("dry_run = true", r"c\.toml: unknown key dry_run"),
        ("config = 'x'", r"c\.toml: unknown key config"),
        ("seed = \n", r"c\.toml: is not valid TOML.*line 1"),
    ],
)
def test_wrong_files(tmp_path, text, message):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        parsed(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"c\.toml: is UTF-16, not UTF-8; save it as UTF-8"):
        parsed(str(path))


@given(
    st.fixed_dictionaries(
        {}, optional={"seed": st.integers(0, 9), "lr": st.sampled_from([0.1, 0.5, 2.0]), "share": st.booleans()}
    ),
    st.fixed_dictionaries(
        {}, optional={"seed": st.integers(0, 9), "lr": st.sampled_from([0.1, 0.5, 2.0]), "share": st.booleans()}
    ),
)
def test_precedence_for_any_choice(tmp_path_factory, in_file, in_flags):
    path = tmp_path_factory.mktemp("toml") / "c.toml"
    inner = {name: value for name, value in in_file.items() if name != "seed"}
    text = "".join(f"{name} = {str(value).lower()}\n" for name, value in inner.items())
    path.write_text((f"seed = {in_file['seed']}\n" if "seed" in in_file else "") + "[inner]\n" + text)
    words = [str(path)]
    words += ["--seed", str(in_flags["seed"])] if "seed" in in_flags else []
    words += ["--inner.lr", str(in_flags["lr"])] if "lr" in in_flags else []
    words += [f"--inner.{'' if in_flags['share'] else 'no-'}share"] if "share" in in_flags else []
    expected = {"seed": 0, "lr": 0.5, "share": True} | in_file | in_flags
    found = parsed(*words)
    assert {"seed": found.seed, "lr": found.inner.lr, "share": found.inner.share} == expected


def test_shipped_configs_parse(cli):
    """Every TOML is a run's config, of fine-tuning too, or a study; a run's survives `--dry-run`."""
    root = Path(__file__).parents[3]

    files = sorted((root / "configs").glob("*.toml"))
    assert files
    for path in files:
        data = read_toml(path)
        if "arms" in data:
            result = cli("study", path, "--dry-run")
            assert result.code == 0, result.err
            continue
        if path.name.startswith("sft-"):
            result = cli("train", "sft", path, "--dry-run")
            assert result.code == 0, result.err
            found = resolve_sft(data, source=str(path))
            assert resolve_sft(result.object, source="dry run") == found == SftConfig.model_validate(result.object)
            continue
        config = resolve(data, source=str(path))
        whole = {
            "task": {"train_problems": config.task.train_problems},
            "train": {"eval_problems": config.train.eval_problems},
            "evaluation": {"problems": config.evaluation.problems},
        }
        few = []  # the check of splits draws as many as are asked for
        for section, fields in whole.items():
            for name, count in fields.items():
                few += [f"--{section}.{name.replace('_', '-')}", min(count, 64)]
        result = cli("train", config.algorithm.type, path, *few, "--dry-run")
        assert result.code == 0, result.err
        found = overlay(result.object, whole)
        assert resolve(found, source="dry run") == config == RunConfig.model_validate(found)
