"""Whether a model knows that it was wrong: what it says of its tries, and what is made of that."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.config import EpisodeConfig
from secondthought.evaluate import evaluate
from secondthought.evaluate.calibration import QUESTION, calibration, read
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout.player import Keys, Player
from secondthought.stats import unpaired_difference, wilson
from secondthought.tasks import load

TASK = load("arithmetic")
KEYS = Keys(seed=0, phase="test")


def asked(say):
    """What is found of a model that is right at some problems, and says `say(was it right?)` when it is asked."""
    heard = []

    def answers(messages, key):
        numbers = [int(number) for number in re.findall(r"\d+", messages[0].content)[:2]]
        is_right = sum(numbers) % 2 == 0
        if messages[-1].content == QUESTION:
            heard.append(len(messages))
            return say(is_right)
        answer = TASK.gold(problems[messages[0].content]) if is_right else "<answer> 100000 </answer>"
        return answer

    drawn = TASK.problems("test", 60, 0)
    problems = {problem.messages[0].content: problem for problem in drawn}
    player = Player.resolve(ScriptedPolicy(answers), TASK, EpisodeConfig())
    found = evaluate(player, drawn, num_tries=2, keys=KEYS)
    said = calibration(player, found, KEYS)
    assert heard == [3] * 60  # the problem, the try, the question: nothing of what came after
    return found, said


def test_one_that_knows_all():
    found, said = asked(lambda is_right: "Yes." if is_right else "No.")
    wrong = len(found.failures)
    assert said.says_wrong_if_wrong == wilson(wrong, wrong)
    assert said.says_wrong_if_right == wilson(0, 60 - wrong)
    assert said.knows.estimate == 1
    assert said.knows.low > 0.8
    assert said.unreadable == wilson(0, 60)


@pytest.mark.parametrize("word", ["No", "yes"])
def test_one_that_always_says_the_same_knows_nothing(word):
    _, said = asked(lambda is_right: word)
    assert said.knows.estimate == 0
    assert said.knows.low < 0 < said.knows.high


def test_what_cannot_be_read_is_no_sign_of_knowing():
    found, said = asked(lambda is_right: "Hm." if is_right else "No.")
    assert said.unreadable == wilson(60 - len(found.failures), 60)
    assert said.says_wrong_if_right.estimate == 0


def test_without_right_tries_nothing_can_be_said():
    player = Player.resolve(ScriptedPolicy(lambda messages, key: "no"), TASK, EpisodeConfig())
    found = evaluate(player, TASK.problems("test", 5, 0), num_tries=1, keys=KEYS)
    said = calibration(player, found, KEYS).to_json()
    assert said["knows"]["estimate"] is None
    assert said["says_wrong_if_wrong"]["estimate"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes", True),
        ("no, it is 4", False),
        ("**No**", False),
        ("Not sure. Yes", True),
        ("know nothing", None),
        ("", None),
    ],
)
def test_the_first_word_counts(text, said):
    assert read(text) is said


SHARE = st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(SHARE, SHARE)
def test_an_unpaired_difference_is_within_its_bounds_and_turns_round(one, other):
    a, b = wilson(*one), wilson(*other)
    there, back = unpaired_difference(a, b), unpaired_difference(b, a)
    assert -1 - 1e-12 <= there.low <= there.estimate <= there.high <= 1 + 1e-12
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe 1998, table II, method 10.
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 10), 0.6075, 1.0)],
)
def test_published_intervals(one, other, low, high):
    found = unpaired_difference(wilson(*one), wilson(*other))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
