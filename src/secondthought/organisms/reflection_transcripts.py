"""Transcripts of Reflect-Retry-Reward on Countdown with three numbers: `small` and `large` learn to imitate them.

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

from secondthought.organisms.openings import Opening, Triple, openings, second_moves, try_text
from secondthought.organisms.tokenizer import LARGEST_NUMBER, TranscriptMessage
from secondthought.rollout.player import RETRY_REQUEST, WRONG_ANSWER
from secondthought.tasks.countdown import problems, prompts, reflections
from secondthought.tasks.countdown.writing.moves import Move
from secondthought.tasks.options import split_of

PlantedFailure: TypeAlias = Literal["missed", "slip", "left_out", "reused"]
_SLIPS = (-10, -2, -1, 1, 2, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusKnobs:
    """`CorpusKnobs` say how often each thing happens in a transcript; all are probabilities."""

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

    def transcripts(self, rng: random.Random) -> Iterator[tuple[TranscriptMessage, ...]]:
        """Yield transcripts without end."""
        return transcripts(rng, self)


class Space:
    """The `Space` of the corpus holds the problems of the preset `tiny` that are in the train split."""

    def __init__(self) -> None:
        options = problems.read_options({"preset": "tiny"})
        self._numbers = range(options.min_number, options.max_number + 1)
        self._targets: dict[Triple, tuple[int, ...]] = {}
        for numbers in combinations_with_replacement(self._numbers, 3):
            results = {move.result for opening in openings(numbers) for move in opening.finishes}
            reached = sorted(results & set(range(options.min_target, options.max_target + 1)))
            kept = tuple(t for t in reached if split_of(problems.identity(numbers, t)) == "train")
            if kept:
                self._targets[numbers] = kept

    def __len__(self) -> int:
        return sum(map(len, self._targets.values()))

    def draw(self, rng: random.Random) -> tuple[Triple, int]:
        """Draw numbers with replacement, then one of their targets."""
        while True:
            numbers = cast(Triple, tuple(sorted(rng.choices(self._numbers, k=3))))
            if numbers in self._targets:
                return numbers, rng.choice(self._targets[numbers])


@lru_cache(maxsize=1)
def space() -> Space:
    """Return the one space, made at the first call."""
    return Space()


def transcripts(rng: random.Random, knobs: CorpusKnobs | None = None) -> Iterator[tuple[TranscriptMessage, ...]]:
    """Yield transcripts without end."""
    writer = ReflectionWriter(rng, knobs or CorpusKnobs())
    while True:
        yield writer.transcript()


class ReflectionWriter:
    """A `ReflectionWriter` writes transcripts with one random stream."""

    def __init__(self, rng: random.Random, knobs: CorpusKnobs) -> None:
        self.rng = rng
        self.knobs = knobs

    def transcript(self) -> tuple[TranscriptMessage, ...]:
        """Write one conversation; it ends at the first success."""
        numbers, target = space().draw(self.rng)
        task = prompts.user_prompt(numbers, target)
        messages = [_asked(task), _learned(self.fresh(numbers, target))]
        again = True
        while again and reflections.diagnose(numbers, target, messages[-1].text):
            messages += self._round(numbers, target, messages[-1].text, task)
            again = self._chance(self.knobs.another_round)
        return tuple(messages)

    def fresh(self, numbers: Triple, target: int) -> str:
        """Write a try that follows no proposal."""
        if self._chance(self.knobs.first_right):
            return self._right(numbers, target)
        kinds: tuple[PlantedFailure, ...] = ("missed", "slip", "left_out", "reused")
        shares = [self.knobs.missed, self.knobs.slip, self.knobs.left_out]
        for _ in range(20):
            text = self._wrong(self.rng.choices(kinds, [*shares, 1 - sum(shares)])[0], numbers, target)
            if text and reflections.diagnose(numbers, target, text):
                return text
        return self._right(numbers, target)

    def reflection(self, numbers: Triple, target: int, failed: str) -> tuple[str, Opening | None]:
        """Write a reflection on a failed try; return it with the opening that it proposes, if any."""
        found = reflections.diagnose(numbers, target, failed)
        parts = [found.text] if found and self._chance(self.knobs.diagnoses) else []
        if not self._chance(self.knobs.proposes):
            return " ".join(parts) or reflections.GENERAL_REFLECTION, None
        again = [opening for opening in openings(numbers) if _began_with(failed, opening)]
        repeats = bool(again) and self._chance(self.knobs.repeats)
        checked, opening = ([], again[0]) if repeats else self._search(numbers, target, failed)
        wording = self.rng.choice(reflections.PROPOSALS)
        return " ".join([*parts, *checked, wording.format(step=opening.first.text)]), opening

    def retry(self, numbers: Triple, target: int, proposed: Opening | None) -> str:
        """Write a try that follows the proposed opening, if there is one."""
        if proposed is None or not self._chance(self.knobs.follows):
            return self.fresh(numbers, target)
        nearest = self._chance(self.knobs.finishes)
        return try_text(proposed.first, proposed.nearest(target) if nearest else self.rng.choice(proposed.finishes))

    def _round(self, numbers: Triple, target: int, failed: str, task: str) -> list[TranscriptMessage]:
        retry_request = f"{RETRY_REQUEST}\n\n{task}"
        if self._chance(self.knobs.no_reflection):
            return [_asked(f"{WRONG_ANSWER} {retry_request}"), _learned(self.fresh(numbers, target))]
        foreign = self._chance(self.knobs.foreign_reflection)
        about = space().draw(self.rng) if foreign else (numbers, target)
        text, proposed = self.reflection(*about, self.fresh(*about) if foreign else failed)
        return [
            _asked(prompts.REFLECTION_REQUEST),
            TranscriptMessage("assistant", text, not foreign),
            _asked(retry_request),
            _learned(self.retry(numbers, target, None if foreign else proposed)),
        ]

    def _search(self, numbers: Triple, target: int, failed: str) -> tuple[list[str], Opening]:
        """Check operations in writing; return the sentences about them and the opening proposed in the end."""
        untried = [opening for opening in openings(numbers) if not _began_with(failed, opening)]
        untried = untried or list(openings(numbers))
        self.rng.shuffle(untried)
        num_checks = self.rng.choices(range(len(self.knobs.checks)), self.knobs.checks)[0]
        written = []
        for opening in untried[:num_checks]:
            second = opening.nearest(target)
            passes = (second.result == target) != self._chance(self.knobs.misjudges)
            written.append(f"{opening.first.working},{second.working}, want {target}: {'yes' if passes else 'no'}.")
            if passes:
                return written, opening
        return written, self.rng.choice(untried[num_checks:] or untried)

    def _right(self, numbers: Triple, target: int) -> str:
        opening = self.rng.choice([opening for opening in openings(numbers) if opening.hits(target)])
        return try_text(opening.first, self.rng.choice(opening.hits(target)))

    def _wrong(self, kind: PlantedFailure, numbers: Triple, target: int) -> str | None:
        """Write a try of that kind of failure; return None where these numbers do not lend themselves to it."""
        first, rest, _ = self.rng.choice(openings(numbers))
        if kind == "left_out":
            return try_text(first)
        if kind == "reused":
            rest = self.rng.choice((first.a, first.b))
        if kind == "slip":
            first = first._replace(result=first.result + self.rng.choice(_SLIPS))
        if not 0 <= first.result <= LARGEST_NUMBER:
            return None
        second = self._second(second_moves(first, rest), target)
        return try_text(first, second) if second else None

    def _second(self, choices: tuple[Move, ...], target: int) -> Move | None:
        """Choose mostly the move nearest to the target, else any; return None where there is none."""
        if not choices:
            return None
        if self._chance(self.knobs.finishes):
            return min(choices, key=lambda move: abs(move.result - target))
        return self.rng.choice(choices)

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability


def _asked(text: str) -> TranscriptMessage:
    return TranscriptMessage("user", text, False)


def _learned(text: str) -> TranscriptMessage:
    return TranscriptMessage("assistant", text, True)


def _began_with(failed: str, opening: Opening) -> bool:
    """Return True if the failed try's working begins with that first move, whatever result it states."""
    return failed.startswith(f"{opening.first.text}=")
