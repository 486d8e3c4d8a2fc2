"""Mining failures, and their files."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from countdown_play import keys, player, policy, problems, requests, sampling, task  # noqa: F401

from secondthought import jsonl
from secondthought.errors import RunError
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout import failure_file as files
from secondthought.rollout.mining import fingerprint, mine
from secondthought.rollout.reflect_retry import group_of_attempts
from secondthought.rollout.scheduler import run
from secondthought.tasks import load
from secondthought.tasks.countdown.script import countdown_answers


@pytest.fixture
def mined(player, problems, keys):
    return mine(player, problems, tries=4, keys=keys, provenance={"split": "train"})


class TestMine:
    def test_keeps_one_failed_try_per_problem(self, mined, problems, task):
        found, stats = mined
        ids = [failure.problem.id for failure in found]
        assert ids == [problem.id for problem in problems if problem.id in set(ids)]
        assert len(set(ids)) == len(ids) == stats.num_failures
        for failure in found:
            assert not failure.attempt.verdict.correct
            assert failure.attempt.verdict == task.verify(failure.problem, failure.attempt.completion.text)

    def test_counts_add_up(self, mined, policy, problems):
        found, stats = mined
        assert stats.num_problems == len(problems)
        assert stats.num_tries == stats.num_correct + stats.num_failures
        assert stats.num_sampled_tokens == policy.num_sampled
        assert 0 < stats.num_first_correct <= stats.num_correct
        unsolved = len(problems) - len(found)
        assert stats.num_tries == sum(failure.provenance["num_tries"] for failure in found) + 4 * unsolved

    def test_provenance(self, mined, policy):
        source = dict(mined[0][0].provenance)
        assert source["policy"] == "scripted"
        assert source["tokenizer"] == policy.fingerprint()
        assert source["split"] == "train"
        assert (source["seed"], source["step"], source["temperature"]) == (0, 0, 1.0)

    def test_keeps_the_first_failed_of_independent_tries(self, mined, player, problems, keys):
        courses = [group_of_attempts(player, keys, problem, group_size=4) for problem in problems]
        groups = run(player.policy, courses)
        tries = {group.problem.id: [branch.tries[0] for branch in group.branches] for group in groups}
        failed = {name: [turn for turn in turns if not turn.verdict.correct] for name, turns in tries.items()}
        kept = {failure.problem.id: failure.attempt for failure in mined[0]}
        assert kept == {name: turns[0] for name, turns in failed.items() if turns}

    @pytest.mark.parametrize(("first_try", "num_failures", "num_tries"), [(1.0, 0, 160), (0.0, 40, 40)])
    def test_extremes(self, player, problems, keys, first_try, num_failures, num_tries):
        other = replace(player, policy=ScriptedPolicy(countdown_answers(first_try=first_try)))
        found, stats = mine(other, problems, tries=4, keys=keys)
        assert (len(found), stats.num_tries) == (num_failures, num_tries)

    def test_does_not_depend_on_the_order(self, mined, player, problems, keys):
        again = mine(player, problems[::-1], tries=4, keys=keys)[0]
        assert [failure.attempt for failure in again[::-1]] == [failure.attempt for failure in mined[0]]


class TestFile:
    def test_round_trip(self, mined, task, policy, tmp_path):
        path = tmp_path / "new" / "failures.jsonl"
        assert files.write(path, mined[0]) == len(mined[0])
        assert files.read(path, task, policy) == mined[0]

    def test_without_ids_the_text_is_encoded(self, mined, task, policy):
        row = json.loads(jsonl.dumps(files.to_row(mined[0][0])))
        row["attempt"] = {"text": row["attempt"]["text"]}
        row["provenance"] = {}
        read = files.from_row(row, task, policy)
        assert read.attempt.ids == mined[0][0].attempt.ids
        assert all(math.isnan(value) for value in read.attempt.completion.logprobs)
        assert json.loads(jsonl.dumps(files.to_row(read)))["attempt"]["logprobs"][0] is None

    def test_unknown_logprobs_survive(self, mined, task, policy):
        row = json.loads(jsonl.dumps(files.to_row(mined[0][0])))
        row["attempt"]["logprobs"] = [None] * len(row["attempt"]["token_ids"])
        assert all(math.isnan(value) for value in files.from_row(row, task, policy).attempt.completion.logprobs)

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (lambda row: row.pop("data"), "'data' must be an object"),
            (lambda row: row.update(attempt=3), "'attempt' must be an object"),
            (lambda row: row.update(task="chess"), "'task' is 'chess'"),
            (lambda row: row.update(problem_id="other"), "'problem_id' is 'other'"),
            (lambda row: row.update(provenance=[1]), "'provenance' must be"),
            (lambda row: row["provenance"].update(tokenizer="f00"), "the token ids are those of scripted"),
            (lambda row: row["attempt"].update(text=None), "'attempt.text' must be a text"),
            (lambda row: row["attempt"].update(prompt_ids=[1]), "'attempt.prompt_ids' is not how"),
            (lambda row: row["attempt"].update(prompt_ids=None), "'attempt.prompt_ids' must be a list"),
            (lambda row: row["attempt"].update(token_ids=["a"]), "'attempt.token_ids' must be a list"),
            (lambda row: row["attempt"].update(token_ids=[True]), "'attempt.token_ids' must be a list"),
            (lambda row: row["attempt"].update(logprobs=[0.0]), "one number per token"),
            (lambda row: row["attempt"].update(logprobs=["x"] * len(row["attempt"]["token_ids"])), "must hold numbers"),
            (lambda row: row["attempt"].update(stop="bored"), "'attempt.stop' must be"),
            (lambda row: row["data"].update(target="x"), "'target'"),
        ],
    )
    def test_a_wrong_row_is_refused_with_its_line(self, mined, task, policy, tmp_path, change, sentence):
        rows = [json.loads(jsonl.dumps(files.to_row(failure))) for failure in mined[0][:2]]
        change(rows[1])
        path = tmp_path / "failures.jsonl"
        jsonl.write(path, rows)
        with pytest.raises(RunError) as error:
            files.read(path, task, policy)
        assert f"{path}, line 2: " in str(error.value)
        assert sentence in str(error.value)

    def test_a_right_attempt_is_refused(self, mined, task, policy):
        row = files.to_row(mined[0][0])
        row["attempt"] = {"text": task.gold(mined[0][0].problem)}
        with pytest.raises(RunError, match="is correct"):
            files.from_row(row, task, policy)

    def test_another_prompt_is_refused(self, mined, policy):
        boxed = load("countdown", {"preset": "tiny", "answer_format": "boxed"})
        with pytest.raises(RunError, match="other task options"):
            files.from_row(files.to_row(mined[0][0]), boxed, policy)

    @pytest.mark.parametrize(("content", "sentence"), [("", "holds no failures"), ("{", "line 1: is not JSON")])
    def test_a_file_without_rows(self, task, policy, tmp_path, content, sentence):
        path = tmp_path / "failures.jsonl"
        path.write_text(content)
        with pytest.raises(RunError, match=sentence):
            files.read(path, task, policy)

    def test_a_missing_file(self, task, policy, tmp_path):
        with pytest.raises(RunError, match="cannot be read"):
            files.read(tmp_path / "none.jsonl", task, policy)


def test_a_policy_need_not_state_a_fingerprint(policy):
    assert fingerprint(object()) is None
    assert fingerprint(policy) == policy.fingerprint()
