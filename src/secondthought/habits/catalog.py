r"""Habits are data: this module reads their definitions from TOML files, those that ship and those of a user's own.

One file defines one habit:

    name = "verification"
    definition = "The writer checks a result of their own."
    [examples]
    positive = ["Let me verify: 3 + 4 = 7."]        # each must be found, each negative one must not
    negative = ["Verify that f is injective."]
    [[patterns]]                                    # hints for the pattern detector; none are needed for a judge
    literals = ["check", "verify"]                  # words by which sentences are picked, cheaply
    match = '{START}(?:check|verify):'              # regular expression that the sentence must contain
    after = 'too (?:big|small)'                     # and one that the text just before it must contain (optional)
    unless = ['\byour\b']                           # and none of these

The detectors are elsewhere: `patterns`, a judge, a reader of Countdown attempts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from secondthought.config.base import parse_toml
from secondthought.disk import read_text, why_unread
from secondthought.errors import ConfigError
from secondthought.habits import phrases
from secondthought.types import HABITS

SHIPPED: tuple[str, ...] = (*HABITS,)
"""Names of the definitions in `shipped/`, in the order of every table. One more habit is a file there and a name here;
`HABITS` are those that Countdown's reader and writer know too."""


def _regex(pattern: str) -> str:
    try:
        compiled = re.compile(phrases.expand(pattern))
    except KeyError as error:
        known = ", ".join(f"{{{name}}}" for name in sorted(phrases.PHRASES))
        raise ValueError(f"knows no phrases {{{error.args[0]}}} (there are {known})") from None
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression ({error})") from None
    if compiled.search(""):
        raise ValueError("matches the empty text, so it would match everywhere")
    return pattern


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


Regex = Annotated[str, AfterValidator(_regex)]
NotBlank = Annotated[str, AfterValidator(_not_blank)]
OneOrMore = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HabitExamples(_Record):
    """`HabitExamples` are sentences that show the habit, and sentences that only look like it."""

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


class Pattern(_Record):
    """A `Pattern` is a hint: a sentence with one of the `literals` shows the habit if it matches, `unless` forbids.

    Case, kind of apostrophe and runs of white space make no difference. A literal that begins with a letter is found at
    the start of words only, and within longer words: `check` finds `checking`.
    """

    literals: Annotated[
        tuple[NotBlank, ...],
        # Files written for earlier versions say `anchors`.
        Field(min_length=1, validation_alias=AliasChoices("literals", "anchors")),
    ]
    match: Annotated[tuple[Regex, ...], OneOrMore, Field(min_length=1)]
    """What the sentence must contain; of several, one. A file may give one without brackets."""
    after: Regex | None = None
    """What the 160 characters before the sentence must contain."""
    unless: tuple[Regex, ...] = ()
    """What the sentence must not contain."""


class HabitDefinition(_Record):
    """A `HabitDefinition` says what a habit is called, what it is, and how to find it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    definition: Annotated[str, Field(min_length=1)]
    examples: HabitExamples = HabitExamples()
    patterns: tuple[Pattern, ...] = ()


@cache
def shipped() -> tuple[HabitDefinition, ...]:
    """Read the definitions that ship, in the order of `SHIPPED`."""
    folder = resources.files("secondthought.habits") / "shipped"
    return tuple(parse((folder / f"{name}.toml").read_text("utf-8"), f"{name}.toml") for name in SHIPPED)


def load(paths: Iterable[Path]) -> tuple[HabitDefinition, ...]:
    """Read definitions from paths, each a TOML file or a folder of them.

    Raises:
        ConfigError: a file cannot be read or is wrong, or two files name the same habit.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]
    behaviors = [read(file) for file in files]
    for number, behavior in enumerate(behaviors):
        for earlier in range(number):
            if behaviors[earlier].name == behavior.name:
                raise ConfigError(
                    f"{files[number]}: name: {behavior.name!r} is also in {files[earlier]}; rename one of them"
                )
    return tuple(behaviors)


def read(path: Path) -> HabitDefinition:
    """Read the definition in a TOML file.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or a field is wrong.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise ConfigError(f"{why_unread(path, error)}; give the path of a TOML file") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> HabitDefinition:
    """Parse the definition in a TOML text; `source` names it in errors.

    Raises:
        ConfigError: it is not TOML, or a field is wrong.
    """
    try:
        return HabitDefinition.model_validate(parse_toml(text, source))
    except ValidationError as error:
        raise ConfigError(f"{source}: {_fault(error)}") from None


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("tuple[", "function-")))
    if first["type"] == "missing":
        return f"{place}: is missing; add it"
    if first["type"] == "extra_forbidden":
        return f"{place}: is not a known field; remove it or mend its spelling"
    if first["type"] == "string_pattern_mismatch":
        return f"{place}: must be lower-case letters, digits and underscores, not {first['input']!r}"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}; mend it"
