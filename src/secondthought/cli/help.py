"""Help of a command: usage, what it does, and its flags section by section, what names task and model first."""

from __future__ import annotations

import difflib
import inspect
import shlex
import shutil
import textwrap
import types
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from secondthought.cli.command_table import HELP
from secondthought.cli.flags import Flag, is_dict, is_many
from secondthought.config import Config
from secondthought.errors import ConfigError

_WIDEST = 100
_COLUMN = 26
"""Where meanings begin; longer flags have theirs on the next line."""
_FIRST = ("task", "model")
"""Sections that stand before all else where they name what is played and by whom."""
_LAST = ("quiet", "json_", "dry_run")
_METAVARS = {int: "INT", float: "FLOAT", str: "TEXT"}


def asked_for(words: Sequence[str]) -> bool:
    """Return True if the words ask for help."""
    return any(word in HELP for word in words)


def page(kind: type[Config], flags: Sequence[Flag], words: Sequence[str], prog: str) -> str:
    """Return the help that the words ask for: the whole, or the section that is named after --help.

    Raises:
        ConfigError: there is no such section.
    """
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    sections = {name: item for name in _sections(flags) if (item := _kind_of(kind, name))}
    wanted = _wanted(words, list(sections), prog)
    if wanted:
        parts = [name for name in sections if f"{name}.".startswith(f"{wanted}.")]
        return "\n".join(_section(name, sections[name], flags, width) for name in parts)
    parts = [_usage(flags, prog, width), _about(inspect.cleandoc(kind.__doc__ or ""), width)]
    own = [flag for flag in flags if not flag.section]
    parts.append(_table([flag for flag in own if flag.positional], width))
    named = [name for name in _FIRST if _names_something(name, flags)]
    parts += [_section(name, sections[name], flags, width) for name in named]
    rest = sorted((flag for flag in own if not flag.positional), key=_place)
    parts.append("options:\n" + _table(rest, width) + _row("--help", _help_text(sections), width))
    parts += [_section(name, sections[name], flags, width) for name in sections if name not in named]
    return "\n".join(part for part in parts if part)


def _wanted(words: Sequence[str], sections: Sequence[str], prog: str) -> str:
    """Return the section that is named after --help; empty where none is."""
    place = max(place for place, word in enumerate(words) if word in HELP)
    word = next(iter(words[place + 1 :]), "-")
    if word.startswith("-") or not sections:
        return ""
    tops = list(dict.fromkeys(part for name in sections for part in (name, name.split(".")[0])))
    if word not in tops:
        close = difflib.get_close_matches(word, tops, n=1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise ConfigError(f"{prog} --help: there is no section {word!r}{meant}; sections: {', '.join(tops)}")
    return word


def _sections(flags: Sequence[Flag]) -> list[str]:
    return [name for name in dict.fromkeys(flag.section for flag in flags) if name]


def _kind_of(kind: type[Config], section: str) -> Any:
    """Return the settings that stand in a section."""
    found: Any = kind
    for name in section.split("."):
        found = found.model_fields[name].annotation
    return found


def _names_something(section: str, flags: Sequence[Flag]) -> bool:
    return any(flag.path in (f"{section}.name", f"{section}.path") for flag in flags)


def _place(flag: Flag) -> int:
    """Return where an option stands: task and model first, how it is shown last."""
    if flag.words[0] in ("--task", "--model"):
        return -1
    return 1 + _LAST.index(flag.path) if flag.path in _LAST else 0


def _usage(flags: Sequence[Flag], prog: str, width: int) -> str:
    words = [
        (f"{flag.words[0]}{'...' if is_many(flag.info) else ''}", flag.required) for flag in flags if flag.positional
    ]
    must = [f"{flag.words[0]} {_metavar(flag)}" for flag in flags if flag.required and not flag.positional]
    parts = [*(word if needed else f"[{word}]" for word, needed in words), *must, "[OPTIONS]"]
    return textwrap.fill(f"usage: {prog} {' '.join(parts)}", width, subsequent_indent="       ") + "\n"


def _about(text: str, width: int) -> str:
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return "\n\n".join(textwrap.fill(part, width, break_on_hyphens=False) for part in paragraphs) + "\n"


def _section(name: str, kind: type[Config], flags: Sequence[Flag], width: int) -> str:
    text = " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())
    head = textwrap.fill(f"{name}: {text}", width, subsequent_indent="  ", break_on_hyphens=False)
    return f"{head}\n{_table([flag for flag in flags if flag.section == name], width)}"


def _table(flags: Sequence[Flag], width: int) -> str:
    return "".join(_row(_flag_text(flag), _meaning(flag), width) for flag in flags)


def _row(flag: str, meaning: str, width: int) -> str:
    indent = " " * _COLUMN
    lines = textwrap.wrap(meaning, max(20, width - _COLUMN), break_on_hyphens=False) or [""]
    head = f"  {flag}" if len(flag) + 2 <= width else "  " + flag.replace(" | ", "\n  ")
    first = f"{head:{_COLUMN}}{lines[0]}" if len(head) < _COLUMN - 1 else f"{head}\n{indent}{lines[0]}"
    return "\n".join([first, *(indent + line for line in lines[1:])]).rstrip() + "\n"


def _flag_text(flag: Flag) -> str:
    if flag.positional:
        return flag.words[0]
    if is_dict(flag.info):
        return f"{flag.words[0]}.NAME VALUE"
    return " | ".join(flag.words) + (f" {_metavar(flag)}" if flag.takes != 0 else "")


def _meaning(flag: Flag) -> str:
    text = " ".join((flag.info.description or "").split())
    also = f" [also {', '.join(flag.also)}]" if flag.also else ""
    return f"{text}{also}{_default(flag)}"


def _default(flag: Flag) -> str:
    value = flag.info.get_default(call_default_factory=True) if not flag.info.is_required() else None
    if flag.required:
        return " (required)"
    if value is None or value is False or value in ("", (), {}) or (flag.takes == 0 and not flag.section):
        return ""
    if isinstance(value, tuple):
        value = " ".join(shlex.quote(str(item)) for item in value)
    shown = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
    return f" (default: {shown.value if isinstance(shown, Enum) else shown})"


def _metavar(flag: Flag) -> str:
    own = _metavar_of(flag.info.annotation)
    return f"{own}..." if is_many(flag.info) else own


def _metavar_of(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _metavar_of(args[0])
    if origin is Literal:
        return "{" + ",".join(map(str, args)) + "}"
    if origin is tuple:
        return _metavar_of(args[0])
    if origin in (Union, types.UnionType):
        return "|".join(dict.fromkeys(_metavar_of(arg) for arg in args if arg is not type(None)))
    return _METAVARS.get(annotation, "PATH" if getattr(annotation, "__name__", "") == "Path" else "TEXT")


def _help_text(sections: Iterable[str]) -> str:
    names = [name for name in sections if "." not in name]
    return "Show this." + (f" --help SECTION shows one part: {', '.join(names)}." if names else "")
