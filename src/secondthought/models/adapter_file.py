"""The settings of a saved adapter are checked, field by field, before a library takes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from secondthought.config import describe
from secondthought.errors import PolicyError
from secondthought.models.checkpoint_files import read_object

_MEND = "mend it, or save the adapter again"


def _pattern(value: str | list[str] | None) -> str | list[str] | None:
    if isinstance(value, str) and value != "all-linear":
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from None
    return value


class AdapterFields(BaseModel):
    """`AdapterFields` are the fields of adapter_config.json that decide what is computed; others pass unread."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    r: int = Field(8, ge=1)
    lora_alpha: float = Field(8, gt=0)
    lora_dropout: float = Field(0.0, ge=0, le=1)
    target_modules: Annotated[str | list[str] | None, AfterValidator(_pattern)] = None
    exclude_modules: Annotated[str | list[str] | None, AfterValidator(_pattern)] = None
    rank_pattern: dict[str, Annotated[int, Field(ge=1)]] | None = None
    alpha_pattern: dict[str, float] | None = None
    layers_to_transform: int | list[int] | None = None
    layers_pattern: str | list[str] | None = None
    fan_in_fan_out: bool = False
    use_rslora: bool = False
    use_dora: bool = False
    task_type: str | None = None


def read_fields(path: Path) -> dict[str, Any]:
    """Return the settings of an adapter, as the file holds them.

    Raises:
        PolicyError: there is no such file, or a field is of the wrong type; the sentence names it.
    """
    found = read_object(path)
    try:
        AdapterFields.model_validate(found)
    except ValidationError as error:
        raise PolicyError(f"{path}: {describe(error)}; {_MEND}") from None
    return found
