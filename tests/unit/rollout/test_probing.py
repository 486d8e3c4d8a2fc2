"""Probing failures: counts, what is kept, and a search that is interrupted and goes on."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from countdown_play import keys, player, policy, problems, requests, sampling, task  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

from secondthought.errors import RunError
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout import failure_file, probe_stage
from secondthought.rollout.mining import mine
from secondthought.rollout.player import Keys
from secondthought.rollout.probing import (
    PROBE,
    Probed,
    ProbeReflection,
    find_and_probe,
    keeps,
    leverage,
    probe,
    stats_of,
)
from secondthought.rollout.reflect_retry import branch_reflections
from secondthought.stats import variance_between
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.types import Failure

REFLECTIONS = 4


@pytest.fixture
def request_(problems):
    return probe_stage.ProbeRequest(
        problems=problems, stored=None, tries=2, reflections=REFLECTIONS, split="train", seed=0, about={}
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "f.probes.jsonl"


def probed(rescued, reflections=REFLECTIONS):
    counts = {"reflections": reflections, "rescued": rescued, "tokens": 10}
    return Probed(problem_id="p", failure=Failure(problem=None, attempt=None, provenance={PROBE: counts}))


class TestProbe:
    def test_counts_are_those_of_a_group_of_reflections(self, player, problems, keys):
        failures, _ = mine(player, problems[:10], tries=2, keys=keys)
        groups = branch_reflections(player, keys, failures, group_size=REFLECTIONS, retries=1)
        found = player.run([probe(player, keys, item, reflections=REFLECTIONS) for item in failures], "probes")
        for failure, probed_, group in zip(failures, found, groups, strict=True):
            item = probed_.failure
            assert [tuple(item) for item in probed_.reflections] == [
                (
                    branch.reflection.completion.text,
                    (branch.tries[0].completion.text,),
                    (branch.tries[0].verdict.correct,),
                )
                for branch in group.branches
            ]
            turns = [turn for branch in group.branches for turn in (branch.reflection, *branch.tries)]
            assert item.provenance[PROBE] == {
                "reflections": REFLECTIONS,
                "rescued": sum(branch.tries[0].verdict.correct for branch in group.branches),
                "tokens": sum(len(turn.completion.token_ids) for turn in turns),
            }
            assert replace(item, provenance=failure.provenance) == failure
            assert {**failure.provenance, PROBE: item.provenance[PROBE]} == item.provenance

    def test_the_failures_are_those_that_mining_finds(self, player, problems):
        keys = Keys(seed=0, phase="failures")
        failures, stats = mine(player, problems, tries=2, keys=keys)
        courses = [
            find_and_probe(player, keys, item, tries=2, reflections=REFLECTIONS, provenance={}) for item in problems
        ]
        found = player.run(courses, "problems")
        assert [item.failure.attempt for item in found if item.failure] == [item.attempt for item in failures]
        counted = stats_of(found, "all")
        assert (counted.num_failures, counted.num_tries) == (stats.num_failures, stats.num_tries)
        assert counted.num_sampled_tokens == stats.num_sampled_tokens

    @pytest.mark.parametrize(
        ("keep", "expected"), [("mixed", [1, 2, 3]), ("any", [1, 2, 3, 4]), ("all", [0, 1, 2, 3, 4])]
    )
    def test_what_is_kept(self, keep, expected):
        assert [count for count in range(REFLECTIONS + 1) if keeps(keep, probed(count))] == expected
        assert not keeps(keep, Probed(problem_id="p", failure=None))

    def test_several_retries_tell_how_much_depends_on_the_reflection(self, player, problems, keys):
        failures, _ = mine(player, problems[:8], tries=2, keys=keys)
        found = player.run([probe(player, keys, item, reflections=3, retries=4) for item in failures], "probes")
        outcomes = [np.array([item.correct for item in probed_.reflections], dtype=float) for probed_ in found]
        assert {cluster.shape for cluster in outcomes} == {(3, 4)}
        counted = stats_of(found, "all")
        assert repr(counted.leverage) == repr(variance_between(outcomes))
        for probed_, cluster in zip(found, outcomes, strict=True):
            assert probed_.counts["rescued"] == (cluster.mean(1) >= 0.5).sum()

    def test_one_retry_tells_nothing_of_it(self):
        alone = ProbeReflection("r", ("a",), (True,))
        assert math.isnan(leverage([replace(probed(1), reflections=(alone, alone))]).estimate)

    @given(st.lists(st.integers(0, REFLECTIONS)))
    def test_every_probe_is_counted(self, rescued):
        stats = stats_of([probed(count) for count in rescued], "mixed")
        assert sum(stats.rescued.values()) == len(rescued) == stats.num_failures
        assert stats.num_kept == sum(0 < count < REFLECTIONS for count in rescued)
        assert stats.num_probe_tokens == 10 * len(rescued)


class Dying:
    """A policy that dies after some calls."""

    def __init__(self, inner, calls):
        self.inner, self.calls = inner, calls

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def sample(self, prompts, sampling):
        if not self.calls:
            raise KeyboardInterrupt
        self.calls -= 1
        return self.inner.sample(prompts, sampling)


class TestGoingOn:
    def test_an_interrupted_search_goes_on_and_ends_as_another_would(self, player, request_, path, tmp_path):
        whole = probe_stage.play(player, request_, tmp_path / "whole.jsonl")
        sampled = player.policy.num_sampled
        with pytest.raises(KeyboardInterrupt):
            probe_stage.play(replace(player, policy=Dying(player.policy, 3)), request_, path)
        done = path.read_text().count("\n")
        assert 0 < done < len(request_.problems)
        with path.open("a") as file:
            file.write('{"made_by": "killed while it wr')
        before = player.policy.num_sampled
        assert probe_stage.play(player, request_, path) == whole
        assert player.policy.num_sampled - before < sampled
        again = player.policy.num_sampled
        assert probe_stage.play(player, request_, path) == whole
        assert player.policy.num_sampled == again

    def test_more_problems_may_be_asked_for_later(self, player, request_, path):
        few = probe_stage.play(player, replace(request_, problems=request_.problems[:5]), path)
        assert probe_stage.play(player, request_, path)[:5] == few

    def test_other_settings_are_refused_and_may_replace_it(self, player, request_, path):
        probe_stage.play(player, request_, path)
        other = replace(request_, reflections=2)
        with pytest.raises(RunError, match="line 1: was probed by another model or with other settings"):
            probe_stage.play(player, other, path)
        asked = replace(player, requests=replace(player.requests, reflection="Why?"))
        with pytest.raises(RunError, match="other settings"):
            probe_stage.play(asked, request_, path)
        found = probe_stage.play(player, other, path, overwrite=True)
        assert {item.counts["reflections"] for item in found if item.counts} == {2}

    def test_overwriting_keeps_what_was_made_alike(self, player, request_, path):
        whole = probe_stage.play(player, request_, path)
        before = player.policy.num_sampled
        assert probe_stage.play(player, request_, path, overwrite=True) == whole
        assert player.policy.num_sampled == before

    def test_stored_failures_are_probed(self, player, request_, path, task, tmp_path):
        failures, _ = mine(player, request_.problems, tries=2, keys=Keys(seed=0, phase="failures"))
        failure_file.write(tmp_path / "stored.jsonl", failures)
        stored = failure_file.read(tmp_path / "stored.jsonl", task, player.policy)
        found = probe_stage.play(player, replace(request_, problems=(), stored=stored), path)
        assert [item.problem_id for item in found] == [item.problem.id for item in failures]
        assert {item.num_tries for item in found} == {0}
        with pytest.raises(RunError, match="hold a problem twice"):
            probe_stage.play(player, replace(request_, problems=(), stored=[*stored, stored[0]]), path)

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"problem_id": 3}, "must be a text and two whole numbers"),
            ({"num_tries": "many"}, "must be a text and two whole numbers"),
            ({"failure": []}, "'failure' must be an object or null"),
            ({"failure": {"data": 1}}, "'data' must be an object"),
            ({"provenance": {}}, "provenance.probe' must hold reflections, rescued, tokens"),
            ({"provenance": {PROBE: {"reflections": 4, "rescued": -1, "tokens": 2}}}, "as whole numbers"),
        ],
    )
    def test_a_damaged_line_is_named(self, player, request_, path, change, error):
        probe_stage.play(player, request_, path)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        place = next(place for place, row in enumerate(rows) if row["failure"])
        if "provenance" in change:
            rows[place]["failure"] |= change
        else:
            rows[place] |= change
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        with pytest.raises(RunError, match=rf"probes\.jsonl, line {place + 1}: .*{error}"):
            probe_stage.play(player, request_, path)

    def test_a_policy_that_never_fails_has_nothing_to_probe(self, player, request_, path):
        right = replace(player, policy=ScriptedPolicy(countdown_answers(first_try=1.0)))
        found = probe_stage.play(right, request_, path)
        assert {item.failure for item in found} == {None}
        assert stats_of(found, "all").num_kept == 0
        assert probe_stage.play(right, request_, path) == found
