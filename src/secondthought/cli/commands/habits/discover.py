"""`secondthought habits discover RUN|BEFORE AFTER` finds what changed between two sets of texts, whatever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought import jsonl
from secondthought.cli.input import counted, name_of, opened, size_of
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.errors import ConfigError
from secondthought.habits.discovery.changes import Sides
from secondthought.habits.discovery.search import EXAMPLES, Discoveries, Discovery, Limits, Searched, discover
from secondthought.habits.discovery.texts import WrittenText, texts_of_rows
from secondthought.progress import Onlooker
from secondthought.runs.result_rows import percent
from secondthought.stats import to_json
from secondthought.types import TurnKind

_LONGEST_NAME, _LONGEST_SENTENCE = 120, 150
"""Characters of a phrase, and of an example, that are shown."""


class Options(ProgressFlags):
    """Find phrases and kinds of sentences whose rate changed most: habits that nobody named, without a judge.

    Of a RUN, its evaluations before and after training are compared, or the first third of its stored steps with the
    last. Of two files BEFORE and AFTER, their rows {"completion": "..."} or {"text": "..."}; rows with one
    "problem_id" or "problem" are about one problem. Each change is shown with an interval, with examples, and with the
    named habit that has it already, if one has.
    """

    texts: tuple[str, ...] = Field(min_length=1)
    """A run directory, or two files of JSON lines: before, after."""
    turn: Literal["attempt", "reflection", "retry"] | None = None
    """The kind of turn to read; default: what the branches of a run begin with, and all rows of a file."""
    compare: Literal["evaluations", "steps"] | None = None
    """Of a run: what to compare; default: evaluations, and steps where there are none of that kind of turn."""
    words: int = Field(5, ge=1, le=12)
    """Words of the longest runs that are counted; a phrase that always goes on is shown longer."""
    min_texts: int = Field(5, ge=2)
    """Texts that must hold something for it to be tested."""
    alpha: float = Field(0.05, gt=0, lt=1)
    """Share of the discoveries that may be false (Benjamini and Hochberg)."""
    top: int = Field(20, ge=1)
    """Discoveries of each kind to show, those that changed most."""
    json_: bool = False
    """One JSON object instead of tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Input:
    """An `_Input` is the texts of two sides, and what they are called."""

    before_from: str
    after_from: str
    before: Sequence[WrittenText]
    after: Sequence[WrittenText]
    turn: str | None


def run(argv: list[str], prog: str) -> None:
    """Read both sides, search, and show what changed."""
    given = parse(Options, argv, prog, positional=("texts",))
    is_run = _is_run(given, prog)
    limits = Limits(longest=given.words, least_texts=given.min_texts, alpha=given.alpha, top=given.top)
    with progress(given) as shown:
        read = _run(given, shown) if is_run else _files(given, shown)
        found = discover(read.before, read.after, limits, shown)
    if given.json_:
        write_line(_json(read, found, limits))
    else:
        _show(read, found, limits)


def _is_run(given: Options, prog: str) -> bool:
    """Tell whether a run is to be read, and not two files."""
    directories = [text for text in given.texts if Path(text).is_dir()]
    if len(given.texts) > 2:
        raise ConfigError(f"{prog}: give a run directory, or two files BEFORE AFTER, and not {len(given.texts)} names")
    if len(given.texts) == 1 and not directories:
        raise ConfigError(f"{prog}: give a run directory, or two files BEFORE AFTER; {given.texts[0]} is one file")
    if len(given.texts) == 2 and directories:
        raise ConfigError(f"{prog}: {directories[0]} is a directory; give one run directory, or two files BEFORE AFTER")
    if len(given.texts) == 2 and given.texts[0] == given.texts[1] == "-":
        raise ConfigError(f"{prog}: stdin cannot be both sides; name a file for one of them")
    if given.compare is not None and not directories:
        raise ConfigError(f"{prog}: --compare has no use with files; see {prog} --help")
    return bool(directories)


def _run(given: Options, onlooker: Onlooker) -> _Input:
    from secondthought.report.numbers.run_texts import texts_of_run  # here, so that --help does without jinja2

    turn = None if given.turn is None else TurnKind(given.turn)
    found = texts_of_run(Path(given.texts[0]), turn, given.compare, onlooker=onlooker)
    return _Input(
        before_from=found.before_from,
        after_from=found.after_from,
        before=found.before,
        after=found.after,
        turn=found.turn.value,
    )


def _files(given: Options, onlooker: Onlooker) -> _Input:
    before, after = (_file(file, given, onlooker) for file in given.texts)
    names = [name_of(file) for file in given.texts]
    return _Input(before_from=names[0], after_from=names[1], before=before, after=after, turn=given.turn)


def _file(file: str, given: Options, onlooker: Onlooker) -> list[WrittenText]:
    name = name_of(file)
    with opened(file) as lines, onlooker.stage(name, size_of(file), "bytes") as stage:
        return texts_of_rows(jsonl.parse(counted(lines, stage)), name, given.turn)


def _json(read: _Input, found: Discoveries, limits: Limits) -> dict[str, Any]:
    sides = found.sides
    texts, problems = sides.num_texts, sides.num_problems
    return {
        "before": {"from": read.before_from, "texts": texts[0], "problems": problems[0]},
        "after": {"from": read.after_from, "texts": texts[1], "problems": problems[1]},
        "turn": read.turn,
        "paired": sides.is_paired,
        "left_out": sides.left_out,
        "alpha": limits.alpha,
        "cannot_tell": found.why_not,
        "in_problems": found.in_problems,
        **{name: _searched(getattr(found, name)) for name in ("phrases", "sentences")},
    }


def _searched(searched: Searched) -> dict[str, Any]:
    return {
        "seen": searched.seen,
        "tested": searched.tested,
        "found": searched.found,
        "echoes": searched.echoes,
        "level": searched.level,
        "discoveries": [_discovery(each) for each in searched.discoveries],
    }


def _discovery(each: Discovery) -> dict[str, Any]:
    change, cover = each.change, each.cover
    rates = {"before": change.before, "after": change.after, "difference": change.difference}
    return {
        "name": each.name,
        "texts_before": change.texts_before,
        "texts_after": change.texts_after,
        **to_json(rates),
        "q": each.q,
        "named": {**to_json({"presence": cover.by_any}), "habits": dict(cover.by_habit)},
        "examples": [
            {"source": example.source, "side": "after" if example.is_after else "before", "sentence": example.sentence}
            for example in each.examples
        ],
    }


def _show(read: _Input, found: Discoveries, limits: Limits) -> None:
    """Write what was compared, then a table for each kind with examples below it."""
    write_text(_compared(read, found.sides))
    if found.why_not is not None:
        write_text(found.why_not)
        return
    _show_kind("phrases", found.phrases, limits, examples=1)
    _show_kind("sentences like", found.sentences, limits, examples=EXAMPLES)
    if found.in_problems:
        write_text(f"{found.in_problems} phrases are left out: they stand in the problems of those who wrote them")


def _compared(read: _Input, sides: Sides) -> str:
    ends = [
        f"{name} ({texts} texts, {problems} problems)"
        for name, texts, problems in zip(
            (read.before_from, read.after_from), sides.num_texts, sides.num_problems, strict=True
        )
    ]
    turn = f"{read.turn}, " if read.turn else ""
    pairs = "in pairs, problem by problem" if sides.is_paired else "as samples of their own"
    left_out = f"; {sides.left_out} texts left out, which the other side has no match for" if sides.left_out else ""
    return f"{turn}before: {ends[0]}; after: {ends[1]}; compared {pairs}{left_out}"


def _show_kind(what: str, searched: Searched, limits: Limits, *, examples: int) -> None:
    counts = f"{what}: of {searched.seen} that {limits.least_texts} texts hold, {searched.tested} could show a change"
    rate = f"at a false discovery rate of {limits.alpha:g}"
    if not searched.discoveries:
        write_text(f"{counts}; none changed, {rate}")
        return
    echoes = f", {searched.echoes} of them explained by others" if searched.echoes else ""
    title = (
        f"{counts}; {searched.found} changed{echoes}, {rate}; percent of texts, "
        f"change [{100 * searched.level:.2f} % interval]"
    )
    columns = [what, "before", "after", "change", "named habit"]
    write_table(title, columns, [_row(place, each) for place, each in enumerate(searched.discoveries, start=1)])
    told: set[str] = set()
    for place, each in enumerate(searched.discoveries, start=1):
        fresh = sorted(each.examples, key=lambda example: example.sentence in told)[:examples]
        for example in fresh:
            told.add(example.sentence)
            write_text(f"{place}. {_clean(example.sentence, _LONGEST_SENTENCE)} ({_clean(example.source, 80)})")


def _row(place: int, each: Discovery) -> tuple[Any, ...]:
    rates = (percent(rate.to_json()) for rate in (each.change.before, each.change.after))
    most = each.cover.most
    named = "none" if most is None else f"{most[0].replace('_', ' ')} {100 * most[1]:.0f}%"
    name = f"{place}. {_clean(each.name, _LONGEST_NAME)}"
    return name, *rates, percent(each.change.difference.to_json(), "+"), named


def _clean(text: str, most: int) -> str:
    """Return a text on one line, without characters that a terminal would obey, and at most so long."""
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 3] + "..."
