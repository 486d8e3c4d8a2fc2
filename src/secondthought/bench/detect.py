"""Measure how fast the pattern detector reads on one core: prose with hardly a habit, and a dense reasoning trace.

CPU time counts, not wall time, so that other work on the machine counts less. Texts are made here; `paths` measures
files of one's own instead (text, or JSON lines with a field `text`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from secondthought import jsonl, rng
from secondthought.habits.patterns import PatternDetector
from secondthought.types import Thought

WANTED_MEGABYTES = {"prose": 20.0, "trace": 2.0}

_SUBJECTS = ("The harbour", "An old map", "Her neighbour", "The committee", "A narrow road", "The new library")
_VERBS = ("opens in spring", "was painted by hand", "keeps three goats", "needs a longer ladder", "runs past the mill")
_ENDS = ("near the coast", "for the second year", "before the first snow", "with other visitors", "on Sunday mornings")
_HABITS = (
    "Wait, that's not right.",
    "Let me try {a} * {b} = {c} (too big)",
    "First, I need to find a number close to {c}.",
    "Let me double-check: {a} + {b} is not {c}.",
    "To reach {c}, I need {a} more.",
    "So {a} times {b} gives {c}.",
)


def run(*, kilobytes: int = 1000, rounds: int = 5, seed: int = 0, paths: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the median megabytes per second over `rounds` passes, for each kind of text."""
    kinds = {path.name: _texts(path) for path in paths} or {
        "prose": prose(int(kilobytes), int(seed)),
        "trace": trace(int(kilobytes), int(seed)),
    }
    detector = PatternDetector()
    seconds = {kind: [_pass(detector, texts) for _ in range(int(rounds))] for kind, texts in kinds.items()}
    size = {kind: sum(len(text.encode()) for text in texts) / 1e6 for kind, texts in kinds.items()}
    speed = {kind: size[kind] / statistics.median(taken) for kind, taken in seconds.items()}
    spans = {kind: sum(len(r.spans) for r in detector.detect([Thought(text=t) for t in kinds[kind]])) for kind in kinds}
    return {
        "settings": {"kilobytes": int(kilobytes), "rounds": int(rounds), "seed": int(seed)},
        "raw": {"cpu_seconds": seconds, "megabytes": size, "spans": spans},
        "megabytes_per_second": speed,
        "ratios": {
            f"{kind}_to_wanted": speed[kind] / WANTED_MEGABYTES[kind] for kind in speed if kind in WANTED_MEGABYTES
        },
    }


def prose(kilobytes: int, seed: int) -> list[str]:
    """Write pages of 4 KB in which people do other things than reason."""
    return [_page(seed, "prose", page, _sentence) for page in range(max(1, kilobytes // 4))]


def trace(kilobytes: int, seed: int) -> list[str]:
    """Write pages of 4 KB in which nearly every line shows a habit."""
    return [_page(seed, "trace", page, _thought) for page in range(max(1, kilobytes // 4))]


def _page(seed: int, kind: str, page: int, line: Any) -> str:
    generator, parts, length = rng.stream("bench", "habits", kind, seed, page), [], 0
    while length < 4000:
        parts.append(line(generator))
        length += len(parts[-1]) + 1
    return ("\n" if kind == "trace" else " ").join(parts)


def _sentence(generator: Any) -> str:
    return f"{generator.choice(_SUBJECTS)} {generator.choice(_VERBS)} {generator.choice(_ENDS)}."


def _thought(generator: Any) -> str:
    a, b = generator.randrange(2, 100), generator.randrange(2, 100)
    return str(generator.choice(_HABITS).format(a=a, b=b, c=a * b))


def _texts(path: Path) -> list[str]:
    if path.suffix != ".jsonl":
        return [path.read_text(encoding="utf-8")]
    return [str(line.value["text"]) for line in jsonl.read(path) if line.value and "text" in line.value]


def _pass(detector: PatternDetector, texts: list[str]) -> float:
    start = time.process_time()
    for text in texts:
        detector.read(text)
    return time.process_time() - start
