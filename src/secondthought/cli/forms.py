"""Values come in the forms that people write (true, [1, 2], 1,2); here they take the one form that the parser reads.

A list is words one after another, a switch is a flag without a value. What cannot be a value is left for the parser.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from secondthought.cli.flags import Flag
from secondthought.errors import ConfigError

_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_NUMBERS = re.compile(r"[-+0-9.eE,\[\]() ]*[,\[\]()][-+0-9.eE,\[\]() ]*")
"""Numbers and the marks of a list, one mark at least."""


def plain_forms(flags: Sequence[Flag], words: Sequence[str]) -> list[str]:
    """Return the words with each value in the parser's form.

    Raises:
        ConfigError: a list of fixed length is given more numbers than it holds.
    """
    kinds = {word: _given(flag.info.annotation) for flag in flags for word in (*flag.words, *flag.also)}
    found, left = list[str](), list(words)
    while left:
        word = left.pop(0)
        flag, equals, value = word.partition("=")
        annotation = kinds.get(flag.replace("_", "-")) if flag.startswith("--") else None
        given = [value] if equals else []
        if annotation is bool and ".no-" not in flag:
            found += _switch(flag, given, left)
        elif get_origin(annotation) is tuple and Path not in get_args(annotation):
            found += _list(flag, given, left, annotation)
        else:
            found.append(word)
    return found


def _given(annotation: Any) -> Any:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    some = [part for part in get_args(annotation) if part is not type(None)]
    return some[0] if len(some) == 1 else annotation


def _switch(flag: str, given: list[str], left: list[str]) -> list[str]:
    """Return a switch as the parser reads it; its value is taken from what is left, if there is one."""
    if not given and left and left[0].lower() in _TRUTH:
        given = [left.pop(0)]
    if not given or given[0].lower() not in _TRUTH:
        return ["=".join([flag, *given])]
    if _TRUTH[given[0].lower()]:
        return [flag]
    section, dot, name = flag[2:].rpartition(".")
    return [f"--{section}.no-{name}"] if dot else []  # switches outside sections are off unless they are given


def _list(flag: str, given: list[str], left: list[str], annotation: Any) -> list[str]:
    """Return a list as the parser reads it: brackets and commas gone; its words are taken from what is left."""
    values = list(given)
    while left and not left[0].startswith("--"):
        values.append(left.pop(0))
    split = [part for value in values for part in (_parts(value) if _is_list(value, annotation) else [value])]
    kinds: Sequence[Any] = get_args(annotation)
    most = len(split) if Ellipsis in kinds else len(kinds)
    numbers = next((i for i, part in enumerate(split) if not _NUMBER.fullmatch(part)), len(split))
    if numbers > most:
        raise ConfigError(f"{flag} takes {most} values, not {numbers} ({' '.join(split[:numbers])})")
    return [flag, *split]


def _is_list(value: str, annotation: Any) -> bool:
    """Return whether a word is a list, or a part of one: numbers with marks, or names with commas, and no file."""
    if _NUMBERS.fullmatch(value):
        return True
    return str in get_args(annotation) and "," in value and not Path(value).exists()


def _parts(value: str) -> list[str]:
    return [part for part in re.split(r"[\[\](), ]+", value) if part]


_SENTENCES: Mapping[str, str] = {
    r"^Error parsing (--\S+): invalid literal for int\(\) with base 10: ('.*')": r"\1 must be a whole number, not \2",
    r"^Error parsing (--\S+): Could not parse arguments \[(.*?)\] into.*": r"\1 cannot be read: \2",
    r"^Error parsing (--\S+): Could not find valid parse for arguments: \[(.*)\]": r"\1 cannot be read: \2",
}


def in_words(message: str) -> str:
    """Return what the parser says of a value, without the words of Python.

    >>> in_words("Error parsing --train.steps: invalid literal for int() with base 10: '1e3'")
    "--train.steps must be a whole number, not '1e3'"
    """
    for pattern, sentence in _SENTENCES.items():
        message = re.sub(pattern, sentence, message)
    return message
