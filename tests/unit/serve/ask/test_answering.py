"""One question: its turns are those of an episode, and the answer is the one that the rule or the check takes."""

import pytest

from secondthought.cli.wording import AskedEpisode
from secondthought.evaluate.calibration import QUESTION
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import play
from secondthought.serve.ask.answering import answer
from secondthought.serve.ask.calibrating import tried_twice
from secondthought.serve.ask.question import OpenQuestion
from secondthought.serve.ask.rule import MeasuredTries, TriedTwice
from secondthought.serve.ask.turns import turns
from secondthought.tasks import load

KEYS = Keys(seed=0, phase="ask")
OPEN = OpenQuestion()


def saying(first, says, reflection, second):
    """A model that answers by what it is asked last."""

    def answers(messages, key):
        last, said = messages[-1].content, sum(message.role == "assistant" for message in messages)
        if last == QUESTION:
            return says
        return (first, reflection, second)[said]

    return ScriptedPolicy(answers)


def asked(policy, calibration=None, tries=2, task=OPEN, problem=None):
    shown = []
    problem = problem or task.parse({"question": "Where?"})
    player = Player.resolve(policy, task, AskedEpisode())
    found = answer(player, problem, KEYS, tries=tries, calibration=calibration, show=shown.append)
    assert tuple(shown) == found.turns
    return found


def calibration(says, changed, first, second, n=40):
    rows = [
        TriedTwice(problem_id=str(k), says_right=says, changed=changed, first=first, second=second) for k in range(n)
    ]
    return MeasuredTries(about={"task": "t"}, rows=tuple(rows))


def test_turns_are_those_of_an_episode():
    task = load("countdown", {"preset": "tiny"})
    [problem] = task.problems("test", 1, 0)
    player = Player.resolve(ScriptedPolicy(["no", "r", "no", "s", task.gold(problem)]), task, AskedEpisode())
    [episode] = play(player, [problem], num_tries=4, keys=KEYS)
    assert tuple(turn for _, turn in turns(player, problem, KEYS, tries=4)) == episode.turns


def test_a_check_decides():
    task = load("chat_request")
    problem = task.parse({"messages": [{"role": "user", "content": "A?"}], "response_format": {"type": "json_object"}})
    found = asked(ScriptedPolicy(["no", "I must write JSON.", "{}"]), task=task, problem=problem)
    assert (found.text, found.passed) == ("{}", True)
    assert [turn.verdict for turn in found.turns] == [
        "fails the check: The answer is no JSON: the JSON is broken.", "", "passes the check",
    ]  # fmt: skip
    failed = asked(ScriptedPolicy(["no", "r", "neither"]), task=task, problem=problem)
    assert (failed.text, failed.passed) == ("neither", False)


def test_without_a_rule_the_first_stands_and_it_is_said():
    found = asked(saying("Here.", "yes", "Hm.", "There."))
    assert (found.text, found.passed) == ("Here.", None)
    assert "is not known" in found.says
    assert len(found.turns) == 3


@pytest.mark.parametrize(
    ("kept", "text", "num_turns"),
    [
        (calibration(False, True, False, True), "There.", 3),
        (calibration(False, True, True, False), "Here.", 1),
        (calibration(False, False, False, True), "Here.", 3),
        (calibration(True, True, False, True), "Here.", 1),
    ],
)
def test_the_rule_chooses(kept, text, num_turns):
    """The model calls its answer wrong and then answers otherwise: what was measured of that counts, nothing else."""
    found = asked(saying("Here.", "No.", "Hm.", "There."), kept)
    assert (found.text, len(found.turns)) == (text, num_turns)


def test_what_was_measured_is_told():
    found = asked(saying("Here.", "No.", "Hm.", "There."), calibration(False, True, False, True))
    assert (
        "Of 40 such pairs (t), the first was right in 0.0 [0.0, 8.8] %, the second in 100.0 [91.2, 100.0] %"
        in found.says
    )


def test_calibrating_plays_what_ask_plays():
    """The same turns under the same requests, whichever try was right; a check looks on and says nothing."""
    task = load("countdown", {"preset": "tiny"})
    problems = task.problems("test", 6, 0)
    heard = []

    def answers(messages, key):
        heard.append(messages[-1].content)
        if messages[-1].content == QUESTION:
            return "yes" if "right" in messages[-2].content else "no"
        said = sum(message.role == "assistant" for message in messages)
        place = next(k for k, one in enumerate(problems) if one.messages[0].content == messages[0].content)
        right = place % 2 if said == 0 else place % 3 == 0
        return "Hm." if said == 1 else f"{'right' if right else ''}{task.gold(problems[place]) if right else 'no'}"

    episode = AskedEpisode(feedback="failed", reflection_request="Where may it be wrong?")
    rows = tried_twice(Player.resolve(ScriptedPolicy(answers), task, episode), problems, KEYS)
    assert [(one.first, one.second) for one in rows] == [(bool(k % 2), k % 3 == 0) for k in range(6)]
    assert [one.says_right for one in rows] == [bool(k % 2) for k in range(6)]
    assert [one.changed for one in rows] == [bool(k % 2) != (k % 3 == 0) for k in range(6)]
    assert not any("wrong answer" in text or "check says" in text for text in heard)
