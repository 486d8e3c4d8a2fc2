"""JSON lines are read and written strictly: UTF-8, one object a line, errors with the line number."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from secondthought.disk import decoded, new_file
from secondthought.text import whole


class JsonLine(NamedTuple):
    """A `JsonLine` is a line of input: its number from 1, and either the object or why there is none."""

    number: int
    value: dict[str, Any] | None
    error: str | None
    is_whole_file: bool = False
    """The error is about the file: no further line is read."""


def dumps(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    r"""Write standard JSON, one line without `indent`: NaN and infinities, which JSON lacks, become null.

    Half a character (a lone surrogate), which UTF-8 lacks, is escaped: it is read back as it was.

    >>> dumps({"a": math.nan, "b": 1}), dumps({"a": "\ud83d"})
    ('{"a": null, "b": 1}', '{"a": "\\ud83d"}')
    """
    try:  # nearly every record is what JSON can hold as it stands
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
        text.encode()
    except (TypeError, ValueError):
        return _dumps(finite(value), indent)
    return text


def _dumps(finite: Any, indent: int | None) -> str:
    text = json.dumps(finite, ensure_ascii=False, allow_nan=False, indent=indent)
    return text if whole(text) == text else json.dumps(finite, allow_nan=False, indent=indent)


def parse(lines: Iterable[str | bytes]) -> Iterator[JsonLine]:
    """Yield each non-blank line as an object, or as an error that says what is wrong; no content makes this raise.

    A file of another kind (one JSON array, UTF-16) is one error, that of its first line.
    """
    is_first = True
    for number, raw in enumerate(lines, start=1):
        if number == 1 and (wrong := _encoding_error(raw)):
            yield JsonLine(number, None, wrong, is_whole_file=True)
            return
        try:
            text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
            text = text.removeprefix("\ufeff") if number == 1 else text  # some editors begin a file with this mark
            if not text.strip():
                continue
            if is_first and (wrong := _whole_file(text)):
                yield JsonLine(number, None, wrong, is_whole_file=True)
                return
            is_first = False
            value = json.loads(text)
        except UnicodeDecodeError:
            yield JsonLine(number, None, "is not UTF-8")
        except (json.JSONDecodeError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            yield JsonLine(number, None, f"is not JSON ({reason})")
        except ValueError as error:
            yield JsonLine(number, None, f"is not JSON ({error})")
        else:
            if isinstance(value, dict):
                yield JsonLine(number, value, None)
            else:
                yield JsonLine(number, None, "is not a JSON object")


def _encoding_error(first: str | bytes) -> str | None:
    """Return what is wrong with a file whose first line is no UTF-8 text at all."""
    try:
        if isinstance(first, bytes) and (b"\0" in first or first.startswith((b"\xff\xfe", b"\xfe\xff"))):
            decoded(first)
    except ValueError as error:
        return str(error)
    return None


def _whole_file(first: str) -> str | None:
    """Return what is wrong with a file whose first line begins one array or object over all lines."""
    start = first.lstrip()
    if start.rstrip() == "{":
        return "is not JSON: an object goes on over several lines; write each on one line (jq -c . FILE does it)"
    if not start.startswith("["):
        return None
    try:
        found = json.loads(start)
    except (ValueError, RecursionError):
        found = None if start.startswith(("[{", "[ {")) or start.rstrip() == "[" else ()
    if found is None or (isinstance(found, list) and found and isinstance(found[0], dict)):
        return "begins a JSON array; write one object a line, without the brackets (jq -c '.[]' FILE does it)"
    return None


def read(path: Path) -> Iterator[JsonLine]:
    """Yield the lines of a file, lazily."""
    with path.open("rb") as file:
        yield from parse(file)


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows to a new file and return how many; the file appears whole or not at all."""
    require_plain(path)
    count = 0
    with new_file(path) as file:
        for row in rows:
            file.write(dumps(row) + "\n")
            count += 1
    return count


def require_plain(path: Path) -> None:
    """Refuse a path that is there and no plain file: a device would be replaced, or never come to its end.

    Raises:
        OSError: the path is a device, a pipe or a directory.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no plain file", str(path))


def drop_torn_line(path: Path) -> None:
    """Cut off what stands after the last end of a line: the process was killed while it wrote that."""
    written = path.read_bytes()
    whole_lines = written.rfind(b"\n") + 1
    if whole_lines < len(written):
        with path.open("r+b") as file:
            file.truncate(whole_lines)


def finite(value: Any) -> Any:
    """Return a value with NaN and infinities in it, which JSON lacks, replaced by None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(name): finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
