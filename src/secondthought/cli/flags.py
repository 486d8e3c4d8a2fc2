"""Flags of a command: which there are, what else they are called, and which one a mistyped one was meant to be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pydantic.fields import FieldInfo

from secondthought.cli.command_table import HELP
from secondthought.config import Config
from secondthought.errors import ConfigError

Aliases: TypeAlias = Mapping[str, "str | int"]
"""Other names of flags: what each is short for, or the place of the word that may also be given by it."""
_FLAG = re.compile(r"--\S|-[A-Za-z]$")
_SAME = {
    "n": "problems",
    "num-problems": "problems",
    "num": "problems",
    "output": "out",
    "o": "out",
    "m": "model",
    "s": "seed",
    "q": "quiet",
    "learning-rate": "lr",
    "num-steps": "steps",
    "max-steps": "steps",
    "temp": "temperature",
    "t": "temperature",
    "verbose": "debug",
    "v": "debug",
    "force": "overwrite",
    "f": "overwrite",
}
"""What other programs call the same things."""
_CLOSE, _VERY_CLOSE = 0.7, 0.85


class Flag(NamedTuple):
    """A `Flag` is one option as the command line has it; `words` are its names, the first of them the one to use."""

    path: str
    """Dotted name of the field."""
    info: FieldInfo
    words: tuple[str, ...]
    also: tuple[str, ...]
    """Names that it had before, or has for short."""
    positional: bool
    required: bool

    @property
    def section(self) -> str:
        """Return the table that the field stands in; empty for those of the command itself."""
        return self.path.rpartition(".")[0]

    @property
    def takes(self) -> int | None:
        """Return how many values follow; None for as many as there are."""
        if self.info.annotation is bool:
            return 0
        return None if is_many(self.info) else 1


def named(flag: str = "", also: Sequence[str] = ()) -> dict[str, Any]:
    """Say, as `json_schema_extra` of a field, what its flag is called, and what else it may be called."""
    return {"flag": flag, "also": list(also)}


def flag_name(name: str, info: FieldInfo) -> str:
    """Return what the flag of a field is called, without dashes before it and without its section."""
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return str(extra.get("flag") or name.strip("_").replace("_", "-"))


def flags_of(
    kind: type[Config],
    *,
    positional: Collection[str] = (),
    required: Collection[str] = (),
    hidden: Collection[str] = (),
    aliases: Aliases = {},  # noqa: B006 - never changed
) -> list[Flag]:
    """Return the flags of a command, in the order of its fields, those of sections among them."""
    found = [
        Flag(
            path=path,
            info=info,
            words=_words(path, info, path in positional),
            also=(),
            positional=path in positional,
            required=info.is_required() or path in required,
        )
        for path, info in _leaves(kind, "")
        if not any(f"{path}.".startswith(f"{item}.") for item in hidden)
    ]
    places = list(positional)
    return [flag._replace(also=(*_also(flag.info), *_short_for(flag, places, aliases))) for flag in found]


def is_section(info: FieldInfo) -> bool:
    """Return True for a field that is a table of settings with names of its own."""
    return isinstance(info.annotation, type) and issubclass(info.annotation, Config)


def is_dict(info: FieldInfo) -> bool:
    """Return True for a field that is a free table: names that only the task knows."""
    return getattr(info.annotation, "__origin__", None) is dict


def is_many(info: FieldInfo) -> bool:
    """Return True for a field that takes several values."""
    return getattr(info.annotation, "__origin__", None) is tuple or "tuple[" in str(info.annotation)


def begun_anew(words: Sequence[str], aliases: Aliases) -> list[str]:
    """Return the words with every beginning that is short for another one written out.

    >>> begun_anew(["--options.preset", "tiny"], {"--options.": "--task.options."})
    ['--task.options.preset', 'tiny']
    """
    short = {begin: meant for begin, meant in aliases.items() if begin.endswith(".") and isinstance(meant, str)}
    found = ((word, next((begin for begin in short if word.startswith(begin)), "")) for word in words)
    return [f"{short[begin]}{word[len(begin) :]}" if begin else word for word, begin in found]


def written_out(words: Sequence[str], flags: Sequence[Flag], prog: str) -> list[str]:
    """Return the words with every flag called by its name, those that are given by place first.

    Raises:
        ConfigError: a flag is unknown; the sentence names those that may have been meant.
    """
    by_word = {word: flag for flag in flags for word in (*flag.words, *flag.also)}
    free = [flag.words[0] for flag in flags if is_dict(flag.info)]
    by_place, places = list[str](), dict[int, list[str]]()
    rest, unknown, left = list[str](), list[str](), list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        flag = by_word.get(_dashed(name))
        if flag is None or (flag.positional and not name.startswith("-")):
            if not _FLAG.match(word):
                by_place.append(word)
            elif name in HELP or name.startswith("--tyro-") or name.startswith(tuple(f"{item}." for item in free)):
                rest.append(word)
            else:
                unknown.append(name)
            continue
        values = [value] if equals else _taken(left, flag.takes)
        if flag.takes == 1 and not values:
            raise ConfigError(f"{name} needs a value, as in {name} VALUE; see {prog} --help")
        if flag.positional:
            places[[item.path for item in flags if item.positional].index(flag.path)] = values
        elif equals:
            rest.append(f"{_name(flag, name)}={value}")
        else:
            rest += [_name(flag, name), *values]
    if unknown:
        raise ConfigError(unknown_sentence(unknown, flags, prog))
    for place in sorted(places):
        by_place[place:place] = places[place]
    _require_all(by_place, rest, flags, prog)
    return [*by_place, *rest]


def _require_all(by_place: Sequence[str], rest: Sequence[str], flags: Sequence[Flag], prog: str) -> None:
    """Refuse a command that lacks words without which it cannot be run; all of them are named at once."""
    given = {word.partition("=")[0] for word in rest}
    places = [flag for flag in flags if flag.positional]
    missing = [
        flag
        for flag in flags
        if flag.info.is_required()
        and (flag in places[len(by_place) :] if flag.positional else flag.words[0] not in given)
    ]
    if missing:
        names, meant = " and ".join(flag.words[0] for flag in missing), "; ".join(map(_gist, missing))
        raise ConfigError(f"{names} {'is' if len(missing) == 1 else 'are'} missing ({meant}); see {prog} --help")


def _gist(flag: Flag) -> str:
    """Return the first clause of what a flag means."""
    clause = re.split(r"[.;:,] |\.$", " ".join((flag.info.description or flag.path).split()), maxsplit=1)[0]
    return clause[:1].lower() + clause[1:]


def unknown_sentence(unknown: Sequence[str], flags: Sequence[Flag], prog: str) -> str:
    """Return the sentence about flags that do not exist, with those that may have been meant."""
    named = [f"{name}{hint(name, flags)}" for name in dict.fromkeys(unknown)]
    return f"unknown flag{'s' if len(named) > 1 else ''}: {', '.join(named)}; see {prog} --help"


def hint(name: str, flags: Sequence[Flag]) -> str:
    """Return ` (did you mean ...?)` with up to three flags that may have been meant, of any section."""
    meant = list(dict.fromkeys(_meant(name, flags)))[:3]
    return f" (did you mean {' or '.join(meant)}?)" if meant else ""


def _meant(name: str, flags: Sequence[Flag]) -> Iterator[str]:
    known = {word.lstrip("-"): word for flag in flags for word in (*flag.words, *flag.also) if word.startswith("-")}
    known |= {"debug": "--debug", "help": "--help", "version": "--version"}
    wanted = _dashed(name).lstrip("-").lower()
    free = [flag.words[0].lstrip("-") for flag in flags if is_dict(flag.info)]
    section, _, last = wanted.rpartition(".")
    tables = difflib.get_close_matches(section, free, n=1, cutoff=_VERY_CLOSE) if section else []
    same = [last, *([_SAME[last]] if last in _SAME else [])]
    ends = [flag for word in same for flag in known if flag.rpartition(".")[2] == word]
    close = [known[flag] for flag in difflib.get_close_matches(wanted, known, n=1, cutoff=_CLOSE)]
    lasts = difflib.get_close_matches(last, {flag.rpartition(".")[2] for flag in known}, n=1, cutoff=_CLOSE)
    if wanted in known:
        yield known[wanted]
    elif ends:
        yield from (known[flag] for flag in sorted(ends, key=lambda flag: _far(section, flag)))
    elif tables:
        yield f"--{tables[0]}.{last}"
    else:
        yield from close or (known[flag] for flag in known if flag.rpartition(".")[2] in lasts)


def _far(section: str, flag: str) -> float:
    """Return how unlike the sections are; without one in what was typed, sections of every command come first."""
    own = flag.rpartition(".")[0]
    return 1 - difflib.SequenceMatcher(None, section, own).ratio() if section else float(own == "critic")


def _leaves(kind: type[Config], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in kind.model_fields.items():
        if is_section(info):
            yield from _leaves(info.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            yield prefix + name, info


def _words(path: str, info: FieldInfo, positional: bool) -> tuple[str, ...]:
    section, _, name = path.rpartition(".")
    if positional:
        return (name.upper(),)
    own = flag_name(name, info)
    before = f"--{section.replace('_', '-')}." if section else "--"
    if info.annotation is not bool:
        return (before + own,)
    pair = (before + own, f"{before}no-{own}")
    return pair if section else pair[bool(info.default) :][:1]


def _also(info: FieldInfo) -> tuple[str, ...]:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    also = extra.get("also")
    return tuple(f"--{name}" for name in also) if isinstance(also, list) else ()


def _short_for(flag: Flag, places: Sequence[str], aliases: Aliases) -> Iterator[str]:
    for short, meant in aliases.items():
        if meant == flag.words[0] or (isinstance(meant, int) and places[meant : meant + 1] == [flag.path]):
            yield short


def _name(flag: Flag, given: str) -> str:
    """Return the flag's own name for one that was given: of a switch that is off or on, the same side."""
    return _dashed(given) if _dashed(given) in flag.words else flag.words[0]


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _taken(left: list[str], takes: int | None) -> list[str]:
    """Take the values that follow a flag off the words that are left."""
    values = list[str]()
    while left and not _FLAG.match(left[0]) and (takes is None or len(values) < takes):
        values.append(left.pop(0))
    return values
