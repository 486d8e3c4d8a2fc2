"""Evaluations, their rows and their numbers, counted again the slow way."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from countdown_play import keys, player, policy, problems, requests, sampling, task  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought import jsonl
from secondthought.errors import RunError
from secondthought.evaluate import Evaluation, evaluate, read_rows, rows, summarise, to_json, write_rows
from secondthought.evaluate.rows import ProblemRow, TurnRow
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout.reflect_retry import play
from secondthought.stats import Interval, wilson
from secondthought.tasks import load
from secondthought.types import StopReason, TurnKind, Verdict


@pytest.fixture
def evaluation(player, problems, keys):
    return evaluate(player, problems, num_tries=3, keys=keys)


@pytest.fixture
def episodes(player, problems, keys):
    return play(player, problems, num_tries=3, keys=keys)


def turn(kind, correct=None, *, tokens=3, stop=StopReason.END):
    reason = {None: "", True: "correct", False: "missed_target"}
    verdict = (
        None
        if correct is None
        else Verdict(correct=correct, reward=float(correct), reason=reason[correct], well_formed=True)
    )
    return TurnRow(kind=kind, request=None, text="t", num_tokens=tokens, stop=stop, verdict=verdict)


def row(*right, name="p", leak=()):
    turns = [turn(TurnKind.ATTEMPT, right[0])]
    for correct in right[1:]:
        turns += [turn(TurnKind.REFLECTION), turn(TurnKind.RETRY, correct)]
    return ProblemRow(problem_id=name, data={}, temperature=1.0, turns=tuple(turns), leak=leak)


def an_evaluation(played, num_tries=3):
    return Evaluation(task="t", policy="p", temperature=1.0, num_tries=num_tries, rows=tuple(played))


PLAYED = st.sampled_from([(True,), (False, True), (False, False, True), (False, False, False)])


class TestEvaluate:
    def test_rows_are_the_episodes(self, evaluation, episodes, requests, task):
        assert [item.problem_id for item in evaluation.rows] == [episode.problem.id for episode in episodes]
        for item, episode in zip(evaluation.rows, episodes, strict=True):
            assert [(t.kind, t.text, t.verdict) for t in item.turns] == [
                (t.kind, t.completion.text, t.verdict) for t in episode.turns
            ]
            assert [t.num_tokens for t in item.turns] == [len(t.completion.token_ids) for t in episode.turns]
            assert [item.solved_by(k) for k in range(4)] == [episode.solved_by(k) for k in range(4)]
            asked = [episode.problem.messages[-1].content]
            asked += [requests.reflection, requests.retry_after_reflection(episode.problem)] * 2
            assert [t.request for t in item.turns] == asked[: len(item.turns)]
            assert list(item.leak) == [task.leak(episode.problem, t.text) for t in item.reflections]

    def test_failures_and_their_reflections(self, evaluation, episodes):
        failed = [episode for episode in episodes if not episode.solved_by(1)]
        assert [failure.attempt for failure in evaluation.failures] == [episode.turns[0] for episode in failed]
        assert list(evaluation.reflections) == [episode.turns[1].completion for episode in failed]

    def test_one_try_has_no_reflections(self, player, problems, keys):
        only = evaluate(player, problems, num_tries=1, keys=keys)
        assert only.failures
        assert only.reflections == ()
        assert math.isnan(summarise(only)["rescue_rate"].estimate)
        assert "second_try" not in summarise(only)

    def test_a_task_that_reads_no_reflections(self, player, keys):
        task = load("arithmetic")
        silent = replace(player, policy=ScriptedPolicy(lambda messages, key: "no"), task=task)
        found = evaluate(silent, task.problems("test", 10, seed=0), num_tries=2, keys=keys)
        assert all(item.leak == () for item in found.rows)
        summary = summarise(found)
        assert math.isnan(summary["leak/none"].estimate)
        assert summary["format_valid/attempt"] == wilson(0, 10)
        assert summary["reason/retry/no_answer"] == wilson(10, 10)

    def test_greedy_ignores_the_keys(self, player, problems, keys):
        first, second = (
            evaluate(player.at(0.0), problems, num_tries=2, keys=own) for own in (keys, replace(keys, seed=9))
        )
        assert first.rows == second.rows
        assert first.temperature == 0.0


class TestSummary:
    @given(st.lists(PLAYED, max_size=20))
    @settings(deadline=None)
    def test_counts(self, played):
        found = summarise(an_evaluation(row(*right) for right in played))
        n = len(played)
        solved = [sum(any(right[:k]) for right in played) for k in range(4)]
        assert found["num_problems"] == n
        _same(found["pass@1"], wilson(solved[1], n))
        _same(found["second_try"], wilson(solved[2], n))
        _same(found["try_3"], wilson(solved[3], n))
        _same(found["gain/try_2"], wilson(solved[2] - solved[1], n))
        _same(found["gain/try_3"], wilson(solved[3] - solved[2], n))
        _same(found["rescue_rate"], wilson(solved[2] - solved[1], n - solved[1]))
        retries = [correct for right in played for correct in right[1:]]
        if retries.count(False):
            _same(found["reason/retry/missed_target"], wilson(retries.count(False), len(retries)))

    @given(st.lists(PLAYED, min_size=1, max_size=20))
    @settings(deadline=None)
    def test_later_tries_are_never_worse(self, played):
        found = summarise(an_evaluation(row(*right) for right in played))
        names = ["pass@1", "second_try", "try_3"]
        estimates = [found[name].estimate for name in names]
        assert estimates == sorted(estimates)
        gains = found["gain/try_2"].estimate + found["gain/try_3"].estimate
        assert estimates[0] + gains == pytest.approx(estimates[2])

    def test_lengths_and_truncation(self):
        played = ProblemRow(
            problem_id="p",
            data={},
            temperature=1.0,
            turns=(
                turn(TurnKind.ATTEMPT, False, stop=StopReason.LENGTH),
                turn(TurnKind.REFLECTION, tokens=4),
                turn(TurnKind.RETRY, False),
                turn(TurnKind.REFLECTION, tokens=8, stop=StopReason.LENGTH),
                turn(TurnKind.RETRY, True),
            ),
            leak=("none", "solution"),
        )
        found = summarise(an_evaluation([played]))
        assert found["reflection_tokens"].estimate == 6.0
        assert found["reflection_tokens"].n == 2
        assert found["truncated/attempt"] == wilson(1, 1)
        assert found["truncated/reflection"] == wilson(1, 2)
        assert found["truncated/retry"] == wilson(0, 2)
        assert found["leak/solution"] == wilson(1, 2)
        assert found["leak/first_step"] == wilson(0, 2)

    def test_shares_of_reasons_add_up(self, evaluation):
        found = summarise(evaluation)
        for kind in ("attempt", "retry"):
            shares = [value.estimate for name, value in found.items() if name.startswith(f"reason/{kind}/")]
            assert len(shares) > 1
            assert sum(shares) == pytest.approx(1)
        assert found["reason/attempt/correct"] == found["pass@1"]

    def test_nothing_played_is_undefined(self):
        found = summarise(an_evaluation([]))
        for name in ("pass@1", "second_try", "rescue_rate", "format_valid/retry", "reflection_tokens", "leak/none"):
            assert math.isnan(found[name].estimate), name
            assert found[name].n == 0

    def test_json(self, evaluation):
        written = json.loads(json.dumps(to_json(summarise(evaluation)), allow_nan=False))
        assert written["pass@1"].keys() == {"estimate", "low", "high", "n"}
        assert written["num_problems"] == 40.0
        empty = to_json(summarise(an_evaluation([])))
        assert empty["pass@1"] == {"estimate": None, "low": None, "high": None, "n": 0}

    def test_json_of_numbers(self):
        assert to_json({"a": float("nan"), "b": Interval(estimate=1.0, low=0.5, high=math.inf, n=2)}) == {
            "a": None,
            "b": {"estimate": 1.0, "low": 0.5, "high": None, "n": 2},
        }


class TestRows:
    def test_round_trip(self, evaluation, tmp_path):
        path = tmp_path / "evaluations" / "before.jsonl"
        assert write_rows(path, evaluation.rows) == 40
        read = read_rows(path)
        assert read == evaluation.rows
        assert summarise(replace(evaluation, rows=read, failures=())) == summarise(evaluation)

    def test_schema(self, evaluation):
        value = rows.to_json(next(item for item in evaluation.rows if item.reflections))
        assert list(value) == ["problem_id", "data", "temperature", "turns", "leak"]
        assert list(value["turns"][0]) == ["kind", "request", "text", "num_tokens", "stop", "verdict"]
        assert value["turns"][0]["verdict"].keys() == {"correct", "reward", "reason", "well_formed"}
        assert value["turns"][1]["verdict"] is None
        assert len(value["leak"]) == sum(item["kind"] == "reflection" for item in value["turns"])

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (lambda value: value.pop("turns"), "lacks 'turns'"),
            (lambda value: value.update(turns=3), "not one of an evaluation"),
            (lambda value: value["turns"][0].update(kind="song"), "'song' is not a valid TurnKind"),
            (lambda value: value["turns"][0].update(verdict={"correct": True}), "not one of an evaluation"),
        ],
    )
    def test_a_wrong_row_is_refused_with_its_line(self, evaluation, tmp_path, change, sentence):
        values = [json.loads(jsonl.dumps(rows.to_json(item))) for item in evaluation.rows[:2]]
        change(values[1])
        path = tmp_path / "rows.jsonl"
        jsonl.write(path, values)
        with pytest.raises(RunError, match=sentence) as error:
            read_rows(path)
        assert "line 2" in str(error.value)

    def test_files_that_cannot_be_read(self, tmp_path):
        with pytest.raises(RunError, match=r"(?i)no such file"):
            read_rows(tmp_path / "none.jsonl")
        (tmp_path / "bad.jsonl").write_text("[]\n")
        with pytest.raises(RunError, match="line 1: is not a JSON object"):
            read_rows(tmp_path / "bad.jsonl")


def _same(found: Interval, expected: Interval) -> None:
    assert found.n == expected.n
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (expected.estimate, expected.low, expected.high), nan_ok=True
    )
