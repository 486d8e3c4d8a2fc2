"""Flags under a free table, such as `--options.preset tiny`: names that only the task knows, values read as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from secondthought.config import Config
from secondthought.errors import ConfigError


def dict_fields(kind: type[Config], prefix: str = "") -> list[str]:
    """Dotted paths of the fields that are free tables."""
    found: list[str] = []
    for name, info in kind.model_fields.items():
        if getattr(info.annotation, "__origin__", None) is dict:
            found.append(prefix + name)
        elif isinstance(info.annotation, type) and issubclass(info.annotation, Config):
            found += dict_fields(info.annotation, f"{prefix}{name}.")
    return found


def take_free_options(words: Sequence[str], paths: Sequence[str]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """The words without `--PATH.KEY VALUE` and `--PATH.KEY=VALUE`, and what those set.

    Raises:
        ConfigError: a value is missing.

    >>> take_free_options(["a", "--options.max-number", "9", "--options.preset=tiny"], ["options"])
    (['a'], {'options': {'max_number': 9, 'preset': 'tiny'}})
    """
    rest: list[str] = []
    taken: dict[str, dict[str, Any]] = {}
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        path = next((path for path in paths if flag.startswith(f"--{path}.")), None)
        if path is None:
            rest.append(word)
            continue
        text = value if equals else next(left, "--")
        if not equals and text.startswith("--"):
            raise ConfigError(f"{flag} needs a value, as in {flag} VALUE")
        taken.setdefault(path, {})[flag[len(path) + 3 :].replace("-", "_")] = json_or_text(text)
    return rest, taken


def json_or_text(text: str) -> Any:
    """A JSON value where the text is one, else the text itself.

    >>> json_or_text("[1, 2]"), json_or_text("false"), json_or_text("tiny")
    ([1, 2], False, 'tiny')
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def put(data: dict[str, Any], path: str, value: Any) -> None:
    """Set what is at a dotted path; a table is added to the table that is there, tables on the way are made."""
    *parents, last = path.split(".")
    for name in parents:
        data = data.setdefault(name, {})
    data[last] = {**data.get(last, {}), **value} if isinstance(value, dict) else value
