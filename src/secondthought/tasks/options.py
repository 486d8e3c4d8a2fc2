"""The edges that tasks share: options that refuse unknown names, and strict reading of JSON fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from secondthought.disk import at_home
from secondthought.errors import TaskError, shown
from secondthought.rng import key
from secondthought.spelling import suggestion as suggestion
from secondthought.text import whole
from secondthought.types import Split

VALIDATION_PERCENT, TEST_PERCENT = 5, 15
"""Shares of the problems; the other 80 % are for training."""


class TaskOptions(BaseModel):
    """`TaskOptions` is the base of a task's options: frozen, no unknown names, one sentence under each field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _several(cls, value: Any, info: ValidationInfo) -> Any:
        """Take one text for a list of one, as a command line gives it: `--options.files train.jsonl`."""
        kind = cls.model_fields[info.field_name].annotation if info.field_name else None
        return (value,) if isinstance(value, str) and get_origin(kind) is tuple else value

    @field_validator("*", mode="after")
    @classmethod
    def _at_home(cls, value: Any) -> Any:
        """Write out `~`, which a shell does only where a word begins with it."""
        return at_home(value)

    @classmethod
    def read(cls, task: str, options: Mapping[str, Any], *, also: tuple[str, ...] = ()) -> Self:
        """Read options from keyword arguments.

        Args:
            task: name of the task, for the error.
            options: the keyword arguments.
            also: names that the task takes besides, to be listed in the error.

        Raises:
            TaskError: a name is unknown or a value is not allowed; the sentence names the field.
        """
        unknown = sorted(set(options) - set(cls.model_fields))
        if unknown:
            allowed = (*also, *cls.model_fields)
            hint = suggestion(unknown[0], allowed)
            raise TaskError(f"task {task}: unknown option {unknown[0]!r}{hint}; allowed: {', '.join(allowed)}")
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            item = error.errors()[0]
            field = str(item["loc"][0]) if item["loc"] else "options"
            raise TaskError(f"task {task}: option {field}: {item['msg'].removeprefix('Value error, ')}") from None


class SplitOptions(TaskOptions):
    """`SplitOptions` say how a file's problems are dealt out; what is neither validation nor test is for training."""

    validation_percent: int = Field(VALIDATION_PERCENT, ge=1, le=98)
    """Percent of the problems in the validation split."""
    test_percent: int = Field(TEST_PERCENT, ge=1, le=98)
    """Percent of the problems in the test split: of a small file 15 % are too few to see a difference on."""

    @model_validator(mode="after")
    def _some_left(self) -> Self:
        """Refuse shares that leave nothing to train on."""
        taken = self.validation_percent + self.test_percent
        if taken > 99:
            raise ValueError(f"validation_percent and test_percent take {taken} % together; leave some for training")
        return self

    def split_of(self, identity: str) -> Split:
        """Return the split of a problem, from its identity and these shares."""
        return split_of(identity, validation=self.validation_percent, test=self.test_percent)


def split_of(identity: str, *, validation: int = VALIDATION_PERCENT, test: int = TEST_PERCENT) -> Split:
    """Return the split of a problem, from its identity alone: 80 % train, 5 % validation, 15 % test by default.

    No seed enters, so a test problem is in no corpus and no run, whatever was drawn before. A larger share of test
    problems holds the smaller one.

    >>> {split_of(str(n), test=45) for n in range(99) if split_of(str(n)) == "test"}
    {'test'}
    """
    percent = key("split", identity) % 100
    if percent >= 100 - test:
        return "test"
    return "validation" if percent >= 100 - test - validation else "train"


def integer(data: Mapping[str, Any], field: str, task: str) -> int:
    """Read a field that holds a whole number; true and false are none."""
    value = _present(data, field, task)
    if type(value) is not int:
        raise TaskError(f"{task} problem: {field!r} must be a whole number, not {shown(value)}")
    return value


def integers(data: Mapping[str, Any], field: str, task: str) -> tuple[int, ...]:
    """Read a field that holds a list of whole numbers; true and false are none."""
    value = _present(data, field, task)
    if not isinstance(value, (list, tuple)) or any(type(item) is not int for item in value):
        raise TaskError(f"{task} problem: {field!r} must be a list of whole numbers, not {shown(value)}")
    return tuple(value)


def string(data: Mapping[str, Any], field: str, task: str) -> str:
    """Read a field that holds a text, and make it whole."""
    value = _present(data, field, task)
    if not isinstance(value, str):
        raise TaskError(f"{task} problem: {field!r} must be a text, not {shown(value)}")
    return whole(value)


def known_fields(data: Mapping[str, Any], allowed: tuple[str, ...], task: str) -> None:
    """Refuse fields that the task does not know: a misspelt one would otherwise pass unseen."""
    for field in data:
        if field not in allowed:
            raise TaskError(f"{task} problem: unknown field {field!r}; allowed: {', '.join(allowed)}")


def _present(data: Mapping[str, Any], field: str, task: str) -> Any:
    if not isinstance(data, Mapping):
        raise TaskError(f"{task} problem: must be a JSON object, not {shown(data)}")
    if field not in data:
        raise TaskError(f"{task} problem: field {field!r} is missing")
    return data[field]
