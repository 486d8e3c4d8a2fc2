"""Settings share a base: frozen models that refuse unknown keys, TOML files, and errors field by field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from secondthought.errors import ConfigError


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

    def changed(self) -> list[str]:
        """Return the names of the settings that differ from their defaults."""
        defaults = type(self).model_construct()
        return [name for name in type(self).model_fields if getattr(self, name) != getattr(defaults, name, None)]


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file.

    Raises:
        ConfigError: the file is missing or is not TOML; the sentence names it and the line.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


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
