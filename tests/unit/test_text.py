"""Half a character (a lone surrogate) ends nothing, wherever text enters."""

import json

from hypothesis import given
from hypothesis import strategies as st
from lucky_task import Lucky
from tiny_models import tiny_policy

from secondthought import jsonl, tasks
from secondthought.config import EpisodeConfig
from secondthought.rollout import failure_file
from secondthought.rollout.mining import mine
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import branch_reflections
from secondthought.text import whole
from secondthought.types import Answer, Message, Problem

HALF = "a\ud83d"
anything = st.text(st.characters(exclude_categories=[]), max_size=12)


@given(anything)
def test_text_is_whole_once_and_for_all(text):
    found = whole(text)
    assert found.encode().decode() == found
    assert whole(found) == found
    kept = text if not any("\ud800" <= letter <= "\udfff" for letter in text) else found
    assert found == kept


def test_two_halves_that_belong_together_are_one_character():
    assert whole("\ud83d\ude42") == "\U0001f642"
    assert whole("\ude42\ud83d") == "\ufffd\ufffd"


def test_messages_and_answers_are_whole():
    assert Message(role="user", content=HALF).content == "a\ufffd"
    assert Answer(0, HALF).text == "a\ufffd"
    assert Answer(0, None, "no").text is None


@given(st.dictionaries(anything, anything, max_size=3))
def test_json_lines_say_it_and_are_read_back_as_they_were(row):
    line = jsonl.dumps(row)
    assert json.loads(line.encode()) == json.loads(json.dumps(row))


class Halves(Lucky):
    """Its questions hold half a character, and so does its request to reflect."""

    reflection_request = f"why? {HALF}"

    def parse(self, data):
        found = super().parse(data)
        return Problem(
            id=found.id,
            task=found.task,
            messages=(Message(role="user", content=f"{found.messages[0].content} {HALF}"),),
            data={**found.data, "text": HALF},
        )


def test_a_game_goes_on_and_its_failures_are_kept(tmp_path):
    task = Halves()
    player = Player.resolve(tiny_policy(), task, EpisodeConfig(max_attempt_tokens=6, max_reflection_tokens=6))
    keys = Keys(seed=0, phase="test")
    failures, _ = mine(player, task.problems("train", 4, 0), tries=2, keys=keys)
    assert failures
    failure_file.write(tmp_path / "failures.jsonl", failures)
    again = failure_file.read(tmp_path / "failures.jsonl", task, player.policy)
    assert [failure.attempt.ids for failure in again] == [failure.attempt.ids for failure in failures]
    assert again[0].problem.data["text"] == HALF
    groups = branch_reflections(player, keys, again, group_size=2, retries=1)
    assert all(group.branches for group in groups)


def test_questions_of_a_file_are_played(tmp_path):
    rows = [{"question": f"{HALF} {n}", "answer": f"{n}{HALF}"} for n in range(40)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = tasks.load(str(tmp_path / "q.jsonl"))
    policy = tiny_policy()
    for problem in task.problems("train", 5, 0):
        assert policy.start(problem.messages)
        assert task.verify(problem, task.gold(problem)).correct
