"""Values as people write them on a command line."""

from pathlib import Path

import pytest

from secondthought.cli.options import parse
from secondthought.config import Config
from secondthought.config.values import Moments
from secondthought.errors import ConfigError


class Section(Config):
    """A section."""

    on: bool = True
    """A switch."""
    betas: Moments = (0.9, 0.999)
    """Two numbers."""


class Given(Config):
    """A command."""

    config: Path | None = None
    """A file."""
    heats: tuple[float, ...] = (1.0,)
    """Numbers."""
    names: tuple[str, ...] = ()
    """Words."""
    quiet: bool = False
    """A switch."""
    steps: int = 1
    """A number."""
    part: Section = Section()


def read(*words):
    return parse(Given, words, "prog", positional=("config",))


@pytest.mark.parametrize(
    "words",
    [("0.8", "0.9"), ("0.8,0.9",), ("[0.8,0.9]",), ("[0.8,", "0.9]"), ("(0.8, 0.9)",), ("0.8", ",", "0.9")],
)
def test_lists(words):
    assert read("--part.betas", *words, "--quiet").part.betas == (0.8, 0.9)
    assert read("--part.betas=" + words[0], *words[1:]).part.betas == (0.8, 0.9)
    assert read("--heats", *words).heats == (0.8, 0.9)
    assert read("--names", "a,b", "c").names == ("a", "b", "c")


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False), ("no", False), ("on", True)])
def test_switches(word, value):
    assert read("--part.on", word).part.on is value
    assert read(f"--part.on={word}", "--steps", "3").part.on is value
    assert read("--quiet", word).quiet is value
    assert read(f"--quiet={word}").quiet is value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--part.betas", "0.9", "0.95", "0.99"), r"--part\.betas takes 2 values, not 3 \(0\.9 0\.95 0\.99\)"),
        (("--part.betas", "[0.9,0.95,0.99]"), "takes 2 values, not 3"),
        (("--part.betas", "0.9", "1.0"), r"part\.betas\.1: Input should be less than 1"),
        (("--part.betas", "0.9", "one"), "--part.betas cannot be read: '0.9', 'one'"),
        (("--heats", "a"), "--heats cannot be read: 'a'"),
        (("--steps", "1e3"), "--steps must be a whole number, not '1e3'"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(words, said):
    with pytest.raises(ConfigError, match=said):
        read(*words)
