"""Settings share a base: frozen models that refuse unknown keys, TOML files, and errors field by field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from secondthought.disk import at_home, read_text, why_unread
from secondthought.errors import ConfigError
from secondthought.text import whole, whole_within


class Config(BaseModel):
    """Base of all configs."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )

    RETIRED: ClassVar[frozenset[str]] = frozenset()
    """Keys that are settings no longer. Files of earlier versions may hold them: they are passed over."""

    MAY_CHANGE: ClassVar[frozenset[str]] = frozenset()
    """Dotted names of settings, or of whole tables, that may be others when a run is resumed."""

    EXTENDS: ClassVar[frozenset[str]] = frozenset()
    """Those of them that a finished run is resumed for: with others there is something left to do."""

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, data: Any) -> Any:
        retired = cls.RETIRED - cls.model_fields.keys()
        if not retired or not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if key not in retired}

    @field_validator("*", mode="after")
    @classmethod
    def _at_home(cls, value: Any) -> Any:
        """Write out `~`, which a shell does only where a word begins with it, and make texts whole."""
        if isinstance(value, Path) and "\0" in str(value):
            raise ValueError("holds a zero character, which no path may hold")
        if isinstance(value, Path) and whole(str(value)) != str(value):
            raise ValueError("has a name that is not UTF-8; rename it")
        return at_home(value if isinstance(value, Config) else whole_within(value))

    def changed(self) -> list[str]:
        """Return the names of the settings that differ from their defaults."""
        defaults = type(self).model_construct()
        return [name for name in type(self).model_fields if getattr(self, name) != getattr(defaults, name, None)]


ConfigT = TypeVar("ConfigT", bound=Config)


def completed(kind: type[ConfigT], data: Mapping[str, Any], *, source: str) -> ConfigT:
    """Complete a config from sparse data.

    Raises:
        ConfigError: a key is unknown or a value is out of range; the sentence names each field.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe(error)}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file.

    Raises:
        ConfigError: the file is missing or is not TOML; the sentence names it and the line.
    """
    path = at_home(path)
    try:
        text = read_text(path)
    except OSError as error:
        raise ConfigError(why_unread(path, error, absent="no such config file")) from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return parse_toml(text, str(path))


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return the tables of a text in TOML.

    Raises:
        ConfigError: it is not TOML; the sentence names the source and the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        other = "; it looks like JSON" if text.lstrip().startswith("{") else ""
        raise ConfigError(f"{source}: is not valid TOML: {error}{other}") from None
    except RecursionError:
        raise ConfigError(f"{source}: is not valid TOML: nested too deeply") from None


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested tables, `top` winning.

    >>> overlay({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(base)
    for key, value in top.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = overlay(merged[key], value) if both else value
    return merged


def describe(error: ValidationError) -> str:
    """Describe all problems of a validation error in one line, field by field."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'config'}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors()
    )
