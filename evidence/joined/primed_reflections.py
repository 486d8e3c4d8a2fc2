"""Writes reflections that each show one habit, on failures of the shipped small model: to prime it, before RL does.

    secondthought failures small --out data/failures.jsonl --options.preset tiny --problems 3000 --tries 4
    python evidence/joined/primed_reflections.py data/failures.jsonl data/joined [--keep]

A file for each habit and one for `none`: rows of `train sft`, whose completion is the reflection alone. It is what
`prime` would write about the same problem, in the few words that the organisms know; whether its way ends right is
drawn with one share in all files. It ends in words that the small model's retries heed ("Begin with 20-8."): the first
step of its way where that is right, some other step where it is not. A problem that one of the files could not show its
habit on is in none of them.

With `--keep` the rows also hold what the small model itself says around them, as often as reflections: a first try at
the same problem, and a retry that has read the file's reflection. Whole weights then learn the reflections and nothing
else.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from secondthought import jsonl
from secondthought.config import EpisodeConfig, ModelConfig
from secondthought.inference.loading import load_policy
from secondthought.rollout import failure_file
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import attempt, give_reflection, retry, retry_request
from secondthought.tasks import load
from secondthought.types import HABITS, Episode, Failure, StopReason, Turn, TurnKind

RIGHT = 0.5
"""Share of reflections whose way reaches the target."""
DRAWS = 60
"""Draws after which a problem is given up."""
ADVICE = ("Begin with {}.", "Start with {}.", "Try {} first.")
"""How the small model's own reflections end."""
ARMS: dict[str, frozenset[str]] = {"none": frozenset(), **{name: frozenset({name}) for name in HABITS}}

KEYS = Keys(seed=0, phase="primed reflections")

Row: TypeAlias = dict[str, Any]


def reflection(task: Any, failure: Failure, habit: str, *, right: bool, draw: Random) -> str | None:
    """Write a reflection that shows one habit and no other, and advises; None where no draw gave one."""
    writer = task.writer("short")
    for _ in range(DRAWS):
        written = writer.write(failure.problem, draw, shows=ARMS[habit], requires=ARMS[habit], correct=right)
        if written is not None and written.thought:
            first = first_step(written.thought)
            step = first if right else other_step(failure.problem.data["numbers"], first, draw)
            return f"{written.thought} {draw.choice(ADVICE).format(step)}"
    return None


def first_step(thought: str) -> str:
    """Return the first step of the way that a thought ends with.

    >>> first_step("27+8=35, 35+28=63. instead: 28+27=55, 55-8=47.")
    '28+27'
    >>> first_step("28-8=20, 27+20=47, want 47: yes.")
    '28-8'
    """
    ways = [part for part in thought.split(": ") if "=" in part]
    return re.findall(r"(\d+[-+*/]\d+)=", ways[-1])[0]


def other_step(numbers: Sequence[int], step: str, draw: Random) -> str:
    """Draw a step that a way may begin with, another than the one given."""
    while True:
        small, large = sorted(draw.sample(list(numbers), 2))
        drawn = f"{large}{draw.choice('+-*')}{small}"
        if drawn != step:
            return drawn


def row(said: Sequence[str], completion: str) -> Row:
    """Build a row of `train sft` from what user and model said in turn."""
    roles = ("user", "assistant")
    return {
        "messages": [{"role": roles[place % 2], "content": text} for place, text in enumerate(said)],
        "completion": completion,
    }


def first_tries(player: Player, episodes: Sequence[Episode]) -> list[Turn]:
    """Let the model try the problems of episodes once more."""
    courses = [attempt(player, e.problem, KEYS.of(e.problem, TurnKind.ATTEMPT)) for e in episodes]
    return player.run(courses, "first tries")


def own_words(player: Player, episodes: Sequence[Episode], firsts: Sequence[Turn]) -> list[Row]:
    """Let the model retry reflected episodes; write its first tries and retries, but for those that are cut off."""
    retries = player.run([retry(player, KEYS, episode) for episode in episodes], "retries")
    rows: list[Row] = []
    for episode, first, again in zip(episodes, firsts, retries, strict=True):
        asked = (*_said(player, episode), retry_request(episode, player.requests))
        for said, turn in ((asked[:1], first), (asked, again)):
            if turn.completion.stop is StopReason.END:
                rows.append(row(said, turn.completion.text))
    return rows


def _said(player: Player, episode: Episode) -> tuple[str, ...]:
    failed, reflected = episode.turns
    request = player.requests.reflection_on(episode.problem, failed.verdict)
    return (episode.problem.request, failed.completion.text, request, reflected.completion.text)


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("failures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--most", type=int, default=1500)
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    task, policy = load("countdown", {"preset": "tiny"}), load_policy(ModelConfig(path="small"))
    player = Player.resolve(policy, task, EpisodeConfig(max_attempt_tokens=40, max_reflection_tokens=96))
    given.out.mkdir(parents=True, exist_ok=True)
    reflected: dict[str, list[Episode]] = {habit: [] for habit in ARMS}
    for number, failure in enumerate(failure_file.read(given.failures, task, policy)):
        right = Random(f"right {number}").random() < RIGHT
        texts = {h: reflection(task, failure, h, right=right, draw=Random(f"{h} {number}")) for h in ARMS}
        if None in texts.values() or len(reflected["none"]) == given.most:
            continue
        failed = Episode(problem=failure.problem, turns=(failure.attempt,))
        request = player.requests.reflection_on(failure.problem, failure.attempt.verdict)
        for habit, text in texts.items():
            reflected[habit].append(give_reflection(policy, failed, request, policy.encode(str(text))))
    firsts = first_tries(player, reflected["none"]) if given.keep else []  # the problems are those of all files
    for habit, episodes in reflected.items():
        rows = [row(said[:3], said[3]) for said in (_said(player, episode) for episode in episodes)]
        rows += own_words(player, episodes, firsts) if given.keep else []
        path = given.out / f"{habit}.jsonl"
        jsonl.write(path, rows)
        sys.stdout.write(f"{path}: {len(rows)}\n")


if __name__ == "__main__":
    main()
