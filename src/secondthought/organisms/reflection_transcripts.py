"""Transcripts of Reflect-Retry-Reward on Countdown with three numbers: what the shipped models learn to imitate.

Problems come from the train split alone. First tries are seldom right and fail in ways that can be named; reflections
may name the failure, may work operations out in writing (`8*3=24,24+7=31, want 31: yes.`), often do not, and propose a
first operation, good or bad; retries carry out what was proposed and finish as near to the target as they can. So the
corpus plants the use of reflections and a way to write good ones that is seldom taken. It holds nothing from which a
first try would gain. The target is written beside the result because a model of this size can compare neighbours, and
cannot compare a result with a number that stands far back (docs/lab-log.md).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Literal, TypeAlias, cast

from secondthought.organisms.lines import Line, Move, Triple, answer, attempt, lines, moves
from secondthought.organisms.said import Said
from secondthought.organisms.tokenizer import LARGEST_NUMBER
from secondthought.rollout.player import RETRY_REQUEST, WRONG_ANSWER
from secondthought.tasks.countdown import problems, prompts, reflections
from secondthought.tasks.options import split_of

Failure: TypeAlias = Literal["missed", "slip", "left_out", "reused"]
_SLIPS = (-10, -2, -1, 1, 2, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusKnobs:
    """How often what happens in a transcript. All are probabilities."""

    first_right: float = 0.2
    """A try that follows no proposal is right."""
    missed: float = 0.5
    """A failed try uses the right numbers and misses the target; the rest of failures is below."""
    slip: float = 0.2
    """A failed try states a wrong result in its working."""
    left_out: float = 0.15
    """A failed try leaves a number out; a number is used twice in what remains of the failures."""
    diagnoses: float = 0.5
    """A reflection says what went wrong."""
    proposes: float = 0.7
    """A reflection proposes a first operation; one that does neither gives general advice."""
    repeats: float = 0.5
    """A proposal is the operation that the failed try began with."""
    checks: tuple[float, ...] = (0.6, 0.2, 0.12, 0.08)
    """Shares of new proposals after 0, 1, 2, 3 operations worked out to the end; one that hits is proposed."""
    misjudges: float = 0.02
    """What was worked out is judged wrongly."""
    follows: float = 0.97
    """A retry begins with what was proposed."""
    finishes: float = 0.93
    """A retry that follows takes the second operation nearest to the target, not any."""
    no_reflection: float = 0.06
    """The retry is asked for without a reflection: the control that needs it is then nothing unknown."""
    foreign_reflection: float = 0.04
    """The reflection is another problem's and the retry takes no notice. Nobody learns to write such a one."""
    another_round: float = 0.05
    """A failed retry is reflected on again."""

    def transcripts(self, rng: random.Random) -> Iterator[tuple[Said, ...]]:
        """Transcripts without end."""
        return transcripts(rng, self)


class Space:
    """The problems of the corpus: all of the preset `tiny` that are in the train split."""

    def __init__(self) -> None:
        options = problems.read_options({"preset": "tiny"})
        self._numbers = range(options.min_number, options.max_number + 1)
        self._targets: dict[Triple, tuple[int, ...]] = {}
        for numbers in combinations_with_replacement(self._numbers, 3):
            results = {move.result for line in lines(numbers) for move in line.finishes}
            reached = sorted(results & set(range(options.min_target, options.max_target + 1)))
            kept = tuple(t for t in reached if split_of(problems.identity(numbers, t)) == "train")
            if kept:
                self._targets[numbers] = kept

    def __len__(self) -> int:
        return sum(map(len, self._targets.values()))

    def draw(self, rng: random.Random) -> tuple[Triple, int]:
        """Numbers with replacement, then one of their targets."""
        while True:
            numbers = cast(Triple, tuple(sorted(rng.choices(self._numbers, k=3))))
            if numbers in self._targets:
                return numbers, rng.choice(self._targets[numbers])


@lru_cache(maxsize=1)
def space() -> Space:
    """The one space, made once."""
    return Space()


def transcripts(rng: random.Random, knobs: CorpusKnobs | None = None) -> Iterator[tuple[Said, ...]]:
    """Transcripts without end."""
    writer = Writer(rng, knobs or CorpusKnobs())
    while True:
        yield writer.transcript()


class Writer:
    """Writes transcripts with one random stream."""

    def __init__(self, rng: random.Random, knobs: CorpusKnobs) -> None:
        self.rng = rng
        self.knobs = knobs

    def transcript(self) -> tuple[Said, ...]:
        """One conversation; it ends at the first success."""
        numbers, target = space().draw(self.rng)
        task = prompts.user_prompt(numbers, target)
        said = [Said("user", task, False), Said("assistant", self.fresh(numbers, target), True)]
        again = True
        while again and reflections.diagnose(numbers, target, said[-1].text):
            said += self._round(numbers, target, said[-1].text, task)
            again = self._chance(self.knobs.another_round)
        return tuple(said)

    def fresh(self, numbers: Triple, target: int) -> str:
        """A try that follows no proposal."""
        if self._chance(self.knobs.first_right):
            return self._right(numbers, target)
        kinds: tuple[Failure, ...] = ("missed", "slip", "left_out", "reused")
        shares = [self.knobs.missed, self.knobs.slip, self.knobs.left_out]
        for _ in range(20):
            text = self._wrong(self.rng.choices(kinds, [*shares, 1 - sum(shares)])[0], numbers, target)
            if text and reflections.diagnose(numbers, target, text):
                return text
        return self._right(numbers, target)

    def reflection(self, numbers: Triple, target: int, failed: str) -> tuple[str, Line | None]:
        """A reflection on a failed try and the line that it proposes, if any."""
        found = reflections.diagnose(numbers, target, failed)
        parts = [found.text] if found and self._chance(self.knobs.diagnoses) else []
        if not self._chance(self.knobs.proposes):
            return " ".join(parts) or reflections.GENERAL_REFLECTION, None
        again = [line for line in lines(numbers) if _began_with(failed, line)]
        repeats = bool(again) and self._chance(self.knobs.repeats)
        checked, line = ([], again[0]) if repeats else self._search(numbers, target, failed)
        wording = self.rng.choice(reflections.PROPOSALS)
        return " ".join([*parts, *checked, wording.format(step=line.first.text)]), line

    def retry(self, numbers: Triple, target: int, line: Line | None) -> str:
        """A try that follows the proposed line, if there is one."""
        if line is None or not self._chance(self.knobs.follows):
            return self.fresh(numbers, target)
        second = line.nearest(target) if self._chance(self.knobs.finishes) else self.rng.choice(line.finishes)
        return attempt(line.first, second, expression=answer(line.first, second))

    def _round(self, numbers: Triple, target: int, failed: str, task: str) -> list[Said]:
        request = Said("user", f"{RETRY_REQUEST}\n\n{task}", False)
        if self._chance(self.knobs.no_reflection):
            told = Said("user", f"{WRONG_ANSWER} {request.text}", False)
            return [told, Said("assistant", self.fresh(numbers, target), True)]
        foreign = self._chance(self.knobs.foreign_reflection)
        about = space().draw(self.rng) if foreign else (numbers, target)
        text, line = self.reflection(*about, self.fresh(*about) if foreign else failed)
        return [
            Said("user", prompts.REFLECTION_REQUEST, False),
            Said("assistant", text, not foreign),
            request,
            Said("assistant", self.retry(numbers, target, None if foreign else line), True),
        ]

    def _search(self, numbers: Triple, target: int, failed: str) -> tuple[list[str], Line]:
        """What is written about the operations that were checked, and the line proposed in the end."""
        untried = [line for line in lines(numbers) if not _began_with(failed, line)] or list(lines(numbers))
        self.rng.shuffle(untried)
        num_checks = self.rng.choices(range(len(self.knobs.checks)), self.knobs.checks)[0]
        written = []
        for line in untried[:num_checks]:
            second = line.nearest(target)
            passes = (second.result == target) != self._chance(self.knobs.misjudges)
            written.append(f"{line.first.working},{second.working}, want {target}: {'yes' if passes else 'no'}.")
            if passes:
                return written, line
        return written, self.rng.choice(untried[num_checks:] or untried)

    def _right(self, numbers: Triple, target: int) -> str:
        line = self.rng.choice([line for line in lines(numbers) if line.hits(target)])
        second = self.rng.choice(line.hits(target))
        return attempt(line.first, second, expression=answer(line.first, second))

    def _wrong(self, kind: Failure, numbers: Triple, target: int) -> str | None:
        """A try of that kind of failure, or None where these numbers do not lend themselves to it."""
        line = self.rng.choice(lines(numbers))
        first, rest = line.first, line.rest
        if kind == "left_out":
            return attempt(first, expression=first.text)
        if kind == "reused":
            rest = self.rng.choice((first.a, first.b))
        if kind == "slip":
            first = first._replace(result=first.result + self.rng.choice(_SLIPS))
        if not 0 <= first.result <= LARGEST_NUMBER:
            return None
        second = self._second(moves(first.result, rest), target)
        return attempt(first, second, expression=answer(first, second)) if second else None

    def _second(self, choices: tuple[Move, ...], target: int) -> Move | None:
        """Mostly the move nearest to the target."""
        if not choices:
            return None
        if self._chance(self.knobs.finishes):
            return min(choices, key=lambda move: abs(move.result - target))
        return self.rng.choice(choices)

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability


def _began_with(attempt: str, line: Line) -> bool:
    """True if the attempt's working begins with the line's first move, whatever result it states."""
    return attempt.startswith(f"{line.first.text}=")
