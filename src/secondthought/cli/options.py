"""Words of a command line become a frozen config here: class default < TOML file < flag. No other module knows tyro.

A command states its options as a pydantic `Config`. For tyro it is mirrored as a dataclass without constraints, whose
defaults are the file's values, so that every value is checked once, by the config, and every error names its field.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import tyro
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from secondthought.cli.flags import Aliases, begun_anew, flag_name, flags_of, is_dict, is_section, written_out
from secondthought.cli.forms import in_words, plain_forms
from secondthought.cli.help import asked_for, page
from secondthought.config import Config, describe, read_toml
from secondthought.errors import ConfigError
from secondthought.spelling import suggestion

ConfigT = TypeVar("ConfigT", bound=Config)

FINITE = ConfigDict(allow_inf_nan=False)
"""As in `Config`: values of a file are checked one by one, before there is a config."""
_BOX = re.compile(r"[\u2500-\u257f]+")


def parse(
    kind: type[ConfigT],
    argv: Sequence[str],
    prog: str,
    *,
    positional: Sequence[str] = (),
    required: Sequence[str] = (),
    reserved: Sequence[str] = (),
    fixed: Mapping[str, Any] = MappingProxyType({}),
    aliases: Aliases = MappingProxyType({}),
) -> ConfigT:
    """Return the options of a command.

    A field called `config` is the path of a TOML file whose values come before class defaults and after flags.

    Args:
        kind: the options; its docstring is the help text, the sentence under each field the field's.
        argv: the words after the command.
        prog: the command, as help and errors call it.
        positional: fields that are given by place.
        required: fields that must be given although they have a default, which the command itself refuses.
        reserved: fields that are set by flags only, never by a file.
        fixed: dotted paths that the command itself sets, whatever a file says.
        aliases: other names of flags, and what each stands for: a flag, the place of a word, or, for one that ends in a
            dot, the beginning of a flag.

    Raises:
        ConfigError: a flag or key is unknown, or a value is not allowed.
        SystemExit: help was asked for (code 0).
    """
    flags = flags_of(kind, positional=positional, required=required, hidden=[*fixed], aliases=aliases)
    if asked_for(argv):
        sys.stdout.write(page(kind, flags, argv, prog))
        raise SystemExit(0)
    words, free = take_free_options(begun_anew(argv, aliases), dict_fields(kind))
    words = written_out(plain_forms(flags, words), flags, prog)
    base: dict[str, Any] = {}
    data = _parse(kind, words, prog, base, positional, tuple(fixed))
    if data.get("config") is not None:
        base = file_values(kind, Path(data["config"]), (*positional, *reserved))
        data = _parse(kind, words, prog, base, positional, tuple(fixed))
    for path, value in {**fixed, **free}.items():
        put(data, path, value)
    return checked(kind, data, "command line")


def file_values(kind: type[Config], path: Path, reserved: Sequence[str] = ()) -> dict[str, Any]:
    """Read a TOML file and check each value by itself; what depends on two of them is checked after the flags.

    Raises:
        ConfigError: the file is not TOML, or a key is unknown, or a value is not allowed.
    """
    retired = kind.RETIRED - kind.model_fields.keys()
    data = {key: value for key, value in read_toml(path).items() if key not in retired}
    _check_keys(kind, data, str(path), "", reserved)
    return _check_values(kind, data, path)


def checked(kind: type[ConfigT], data: Mapping[str, Any], source: str) -> ConfigT:
    """Make a config of data.

    Raises:
        ConfigError: a value is not allowed; the sentence names source and field.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe(error)}") from None


def _parse(
    kind: type[Config],
    words: Sequence[str],
    prog: str,
    base: Mapping[str, Any],
    positional: Sequence[str],
    hidden: Sequence[str],
) -> dict[str, Any]:
    mirror = _mirror(kind, base, positional, hidden, pairs=False)
    stderr = io.StringIO()
    try:
        with contextlib.redirect_stderr(stderr):
            found = tyro.cli(mirror, args=list(words), prog=prog, description=inspect.cleandoc(kind.__doc__ or ""))
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ConfigError(_sentence(stderr.getvalue(), prog)) from None
    data = _merge(_defaults(kind), base)
    return _merge(data, dataclasses.asdict(found))


def _mirror(
    kind: type[Config], base: Mapping[str, Any], positional: Sequence[str], hidden: Sequence[str], *, pairs: bool
) -> Any:
    fields: list[Any] = []
    for name, info in kind.model_fields.items():
        if name in hidden or is_dict(info):
            continue
        if is_section(info):
            section = _mirror(info.annotation, base.get(name, {}), (), _below(name, hidden), pairs=True)  # type: ignore[arg-type]
            # Help given here spares tyro the search for it in source files, a third of the time of --help.
            text = info.description or inspect.getdoc(info.annotation) or ""
            parts = (section, tyro.conf.arg(help=text))
            described: Any = Annotated[parts]
            fields.append((name, described, dataclasses.field(default_factory=section)))
            continue
        default = base[name] if name in base else info.get_default(call_default_factory=True)
        field = dataclasses.field() if name not in base and info.is_required() else dataclasses.field(default=default)
        fields.append((name, _annotated(name, info, name in positional, pairs), field))
    return dataclasses.make_dataclass(kind.__name__, fields, frozen=True, kw_only=True)


def _annotated(name: str, info: FieldInfo, positional: bool, pairs: bool) -> Any:
    marks = [tyro.conf.arg(name=flag_name(name, info), help=info.description)]
    if positional:
        marks = [tyro.conf.arg(metavar=name.upper(), help=info.description), tyro.conf.Positional]
    elif info.annotation is bool and not pairs:
        marks.append(tyro.conf.FlagCreatePairsOff)
    return Annotated[(info.annotation, *marks)]


def _below(section: str, paths: Sequence[str]) -> list[str]:
    """Return the parts of dotted paths below a section."""
    return [path.removeprefix(f"{section}.") for path in paths if path.startswith(f"{section}.")]


def _defaults(kind: type[Config]) -> dict[str, Any]:
    return {
        name: _defaults(info.annotation) if is_section(info) else info.get_default(call_default_factory=True)  # type: ignore[arg-type]
        for name, info in kind.model_fields.items()
        if not info.is_required()
    }


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {**under, **over}
    for name in under.keys() & over.keys():
        if isinstance(under[name], Mapping) and isinstance(over[name], Mapping):
            both[name] = _merge(under[name], over[name])
    return both


def _check_keys(kind: type[Config], data: Mapping[str, Any], source: str, prefix: str, reserved: Sequence[str]) -> None:
    allowed = [name for name in kind.model_fields if name not in reserved]
    for name, value in data.items():
        if name not in allowed:
            hint = suggestion(name, allowed)
            raise ConfigError(f"{source}: unknown key {prefix}{name}{hint}; allowed: {', '.join(allowed)}")
        info = kind.model_fields[name]
        if is_section(info):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{source}: {prefix}{name} is a table; write it as [{prefix}{name}]")
            _check_keys(info.annotation, value, source, f"{prefix}{name}.", _below(name, reserved))  # type: ignore[arg-type]


def _check_values(kind: type[Config], data: Mapping[str, Any], source: Path, prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in data.items():
        info = kind.model_fields[name]
        if is_section(info):
            values[name] = _check_values(info.annotation, value, source, f"{prefix}{name}.")  # type: ignore[arg-type]
            continue
        constrained: Any = Annotated[(info.annotation, info)]
        try:
            values[name] = TypeAdapter(constrained, config=FINITE).validate_python(value)
        except ValidationError as error:
            reason = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
            raise ConfigError(f"{source}: {prefix}{name}: {reason}") from None
    return values


def _sentence(text: str, prog: str) -> str:
    """Return the first part of tyro's box as one sentence, with its nearest suggestion."""
    parts = list(_parts(text))
    first = parts[0] if parts else "the command line cannot be read"
    first = re.sub(r"^Missing from [^:]*: (\S+).*", r"\1 is missing", first)
    first = in_words(first)
    first = re.sub(r"^Unrecognized options:", "unknown words or flags:", first)
    close = re.search(r"meant: *(--[\w.-]+)", " ".join(parts[1:]))
    hint = f" (did you mean {close[1]}?)" if close else ""
    return f"{first.rstrip('.')}{hint}; see {prog} --help"


def _parts(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in text.splitlines()[1:]:
        inner = _BOX.sub("", line).strip()
        if inner:
            lines.append(inner)
        elif lines:
            yield " ".join(lines)
            lines = []
    if lines:
        yield " ".join(lines)


def dict_fields(kind: type[Config], prefix: str = "") -> list[str]:
    """Return the dotted paths of fields that are free tables: names that only the task knows, values read as JSON."""
    found: list[str] = []
    for name, info in kind.model_fields.items():
        if is_dict(info):
            found.append(prefix + name)
        elif is_section(info):
            found += dict_fields(info.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]
    return found


def take_free_options(words: Sequence[str], paths: Sequence[str]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Return the words without `--PATH.KEY VALUE` and `--PATH.KEY=VALUE`, and what those set.

    Raises:
        ConfigError: a value is missing.

    >>> take_free_options(["a", "--options.max-number", "9", "--options.preset=tiny"], ["options"])
    (['a'], {'options': {'max_number': 9, 'preset': 'tiny'}})
    >>> take_free_options(["--executor-options.partition", "cpu"], ["executor_options"])
    ([], {'executor_options': {'partition': 'cpu'}})
    """
    rest: list[str] = []
    taken: dict[str, dict[str, Any]] = {}
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        place = flag.removeprefix("--").replace("-", "_") if flag.startswith("--") else ""
        path = next((path for path in paths if place.startswith(f"{path}.")), None)
        if path is None:
            rest.append(word)
            continue
        text = value if equals else next(left, "--")
        if not equals and text.startswith("--"):
            raise ConfigError(f"{flag} needs a value, as in {flag} VALUE")
        taken.setdefault(path, {})[flag[len(path) + 3 :].replace("-", "_")] = json_or_text(text)
    return rest, taken


def json_or_text(text: str) -> Any:
    """Return a JSON value where the text is one, else the text itself.

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
