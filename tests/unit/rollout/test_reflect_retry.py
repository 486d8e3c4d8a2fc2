"""Episodes and groups: exact tokens, honest order of turns, and samples that depend on their names alone."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

from dataclasses import replace

import pytest
from countdown_play import keys, policy, problems, requests, sampling, task  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.inference.scripted import ScriptedPolicy
from secondthought.inference.spelled import END_OF_TURN, conversation
from secondthought.rollout import reflect_retry, scheduler
from secondthought.rollout.mining import mine
from secondthought.rollout.player import Keys, Player, Requests
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.train.metrics import sampled_tokens
from secondthought.types import Episode, Prompt, Sampling, StopReason, TurnKind

POLICY = ScriptedPolicy(countdown_answers(first_try=0.3, good_reflection=0.4))


class Watched:
    """A policy that keeps the prompts of each call."""

    def __init__(self, policy):
        self.policy, self.name, self.calls = policy, policy.name, []

    def __getattr__(self, name):
        return getattr(self.policy, name)

    def sample(self, prompts, sampling):
        self.calls.append((list(prompts), sampling))
        return self.policy.sample(prompts, sampling)


class Unsplit(Watched):
    """A policy to which every prompt comes in one piece."""

    def sample(self, prompts, sampling):
        return self.policy.sample([Prompt(trunk=p.ids, key=p.key) for p in prompts], sampling)


@pytest.fixture
def play(task, problems, requests, sampling, keys):
    def run(policy=POLICY, *, problems=problems, num_tries=3, keys=keys, sampling=sampling):
        player = Player(policy=policy, task=task, requests=requests, sampling=sampling)
        return reflect_retry.play(player, problems, num_tries=num_tries, keys=keys)

    return run


@pytest.fixture
def player(task, requests, sampling):
    return Player(policy=POLICY, task=task, requests=requests, sampling=sampling)


@pytest.fixture
def failures(player, problems, keys):
    return mine(player, problems[:12], tries=2, keys=keys)[0]


@pytest.fixture
def branch(player, keys):
    def run(failures, policy=POLICY, *, group_size=3, retries=2, keys=keys):
        own = replace(player, policy=policy)
        return reflect_retry.branch_reflections(own, keys, failures, group_size=group_size, retries=retries)

    return run


class TestPlay:
    def test_turns_alternate_and_end_at_the_first_success(self, play):
        kinds = [TurnKind.ATTEMPT, *[TurnKind.REFLECTION, TurnKind.RETRY] * 2]
        lengths = set()
        for episode in play():
            assert [turn.kind for turn in episode.turns] == kinds[: len(episode.turns)]
            right = [turn.verdict.correct for turn in episode.tries]
            assert not any(right[:-1])
            assert right[-1] or len(right) == 3
            assert all((turn.verdict is None) == (turn.kind is TurnKind.REFLECTION) for turn in episode.turns)
            lengths.add(len(right))
        assert lengths == {1, 2, 3}

    def test_verdicts_are_the_tasks(self, play, task):
        for episode in play():
            assert [turn.verdict for turn in episode.tries] == [
                task.verify(episode.problem, turn.completion.text) for turn in episode.tries
            ]

    def test_solved_by_is_monotone(self, play):
        for episode in play(num_tries=4):
            solved = [episode.solved_by(k) for k in range(5)]
            assert solved == sorted(solved)
            assert solved[0] is False

    def test_tokens_spell_the_conversation(self, play, requests):
        for episode in play():
            said = conversation(sum((turn.ids for turn in episode.turns), ()) + POLICY.start(())).messages
            expected = [*episode.problem.messages]
            assert list(said[: len(expected)]) == expected
            assert [m.content for m in said if m.role == "assistant"] == [t.completion.text for t in episode.turns]
            asked = [message.content for message in said if message.role == "user"][1:]
            cycle = [requests.reflection, requests.retry_after_reflection(episode.problem)] * 2
            assert asked == cycle[: len(asked)]

    def test_one_call_per_phase(self, play):
        watched = Watched(POLICY)
        play(watched)
        assert len(watched.calls) == 5
        sizes = [len(prompts) for prompts, _ in watched.calls]
        assert sizes == sorted(sizes, reverse=True)

    def test_each_kind_has_its_own_limit(self, play, sampling):
        watched = Watched(POLICY)
        play(watched, sampling=replace(sampling, reflection=Sampling(max_tokens=9)))
        assert [settings.max_tokens for _, settings in watched.calls] == [256, 9, 256, 9, 256]

    def test_a_retry_keeps_the_trunk_of_its_reflection(self, play):
        watched = Watched(POLICY)
        play(watched, num_tries=2)
        (_, (reflections, _), (retries, _)) = watched.calls
        assert [prompt.trunk for prompt in retries] == [prompt.trunk for prompt in reflections]
        assert all(prompt.tail for prompt in retries)
        assert not any(prompt.tail for prompt in reflections)

    def test_trunk_and_tail_split_changes_nothing(self, play):
        assert play(Unsplit(POLICY)) == play()

    def test_more_tries_only_add_turns(self, play):
        for fewer, more in zip(play(num_tries=2), play(num_tries=4), strict=True):
            assert more.turns[: len(fewer.turns)] == fewer.turns

    def test_another_phase_samples_anew(self, play):
        assert play(keys=Keys(seed=0, phase="other")) != play()

    def test_no_problems(self, play):
        assert play(problems=[]) == []

    def test_order_of_problems_changes_nothing(self, play, problems):
        whole = {episode.problem.id: episode for episode in play()}

        @given(st.permutations(range(len(problems))), st.integers(1, len(problems)))
        @settings(max_examples=15, deadline=None)
        def check(order, count):
            chosen = [problems[place] for place in order[:count]]
            assert play(problems=chosen) == [whole[problem.id] for problem in chosen]

        check()

    def test_a_truncated_turn_is_closed_by_the_template(self, play, sampling):
        cut = replace(sampling, reflection=Sampling(max_tokens=3))
        reflected = [episode for episode in play(sampling=cut) if len(episode.turns) > 1]
        assert reflected
        for episode in reflected:
            reflection, retry = episode.turns[1:3]
            assert reflection.completion.stop is StopReason.LENGTH
            assert END_OF_TURN not in reflection.completion.token_ids
            assert retry.prompt_ids[0] == END_OF_TURN


class TestBranches:
    def test_shapes_and_trunks(self, branch, failures, requests):
        groups = branch(failures)
        assert [group.problem for group in groups] == [failure.problem for failure in failures]
        for group, failure in zip(groups, failures, strict=True):
            assert group.history == (failure.attempt,)
            assert len(group.branches) == 3
            assert group.trunk_ids == failure.attempt.ids + POLICY.follow(
                failure.attempt.completion, requests.reflection
            )
            for item in group.branches:
                assert len(item.tries) == 2
                assert item.tries[0].prompt_ids == item.tries[1].prompt_ids

    def test_rewards_are_means_of_verdicts(self, branch, failures, task):
        for group in branch(failures, group_size=2, retries=4):
            for item, reward in zip(group.branches, group.rewards, strict=True):
                right = [task.verify(group.problem, turn.completion.text).correct for turn in item.tries]
                assert reward == sum(right) / 4

    def test_two_calls_on_shared_trunks(self, branch, failures):
        watched = Watched(POLICY)
        branch(failures, watched)
        (reflections, _), (retries, _) = watched.calls
        assert len(reflections) == 3 * len(failures)
        assert len(retries) == 6 * len(failures)
        assert len({prompt.trunk for prompt in reflections}) == len(failures)
        assert {prompt.trunk for prompt in retries} == {prompt.trunk for prompt in reflections}
        keys = [prompt.key for prompt in reflections + retries]
        assert len(set(keys)) == len(keys)

    def test_a_branch_equals_the_conversation_it_spells(self, branch, failures, sampling):
        watched = Watched(POLICY)
        groups = branch(failures, watched)
        retries = iter(watched.calls[1][0])
        for group in groups:
            for item in group.branches:
                for turn in item.tries:
                    prompt = next(retries)
                    assert prompt.ids == group.trunk_ids + item.reflection.completion.token_ids + turn.prompt_ids
                    assert POLICY.sample([prompt], sampling.attempt) == [turn.completion]

    def test_groups_do_not_depend_on_their_neighbours(self, branch, failures):
        assert branch(failures[::-1])[::-1] == branch(failures)
        assert branch(failures[:1]) == branch(failures)[:1]

    def test_a_larger_group_adds_branches(self, branch, failures):
        for small, large in zip(branch(failures), branch(failures, group_size=5), strict=True):
            assert large.branches[:3] == small.branches

    def test_unsplit(self, branch, failures):
        assert branch(failures, Unsplit(POLICY)) == branch(failures)

    def test_retries_without_reflection(self, failures, player, requests, keys):
        groups = scheduler.run(
            POLICY, [reflect_retry.group_of_retries(player, keys, failure, group_size=4) for failure in failures]
        )
        for group, failure in zip(groups, failures, strict=True):
            request = POLICY.follow(failure.attempt.completion, requests.retry_alone(failure.problem))
            assert group.trunk_ids == failure.attempt.ids + request
            assert all(item.reflection is None and len(item.tries) == 1 for item in group.branches)
            assert len(group.branches) == 4
            assert {item.tries[0].kind for item in group.branches} == {TurnKind.RETRY}

    def test_attempts(self, problems, player, keys):
        groups = scheduler.run(
            POLICY, [reflect_retry.group_of_attempts(player, keys, item, group_size=4) for item in problems]
        )
        for group, problem in zip(groups, problems, strict=True):
            assert group.problem == problem
            assert group.history == ()
            assert group.trunk_ids == POLICY.start(problem.messages)
            assert {item.tries[0].kind for item in group.branches} == {TurnKind.ATTEMPT}
        assert any(len(set(group.rewards)) > 1 for group in groups)

    def test_first_branch_of_attempts_is_the_episode_s(self, play, problems, player, keys):
        groups = scheduler.run(
            POLICY, [reflect_retry.group_of_attempts(player, keys, item, group_size=2) for item in problems]
        )
        assert [group.branches[0].tries[0] for group in groups] == [episode.turns[0] for episode in play()]


class TestAttemptsAndRetries:
    @pytest.fixture
    def groups(self, problems, player, keys):
        play = reflect_retry.group_of_attempts_and_retries
        return scheduler.run(POLICY, [play(player, keys, item, group_size=5) for item in problems])

    def test_first_tries_are_those_of_plain_groups(self, groups, problems, player, keys):
        plain = [reflect_retry.group_of_attempts(player, keys, item, group_size=5) for item in problems]
        for group, other in zip(groups, scheduler.run(POLICY, plain), strict=True):
            assert group.branches[:5] == other.branches
            assert (group.history, group.trunk_ids) == ((), other.trunk_ids)

    def test_those_of_the_second_half_that_fail_are_tried_again(self, groups):
        again = 0
        for group in groups:
            firsts = [branch.tries[0] for branch in group.branches[:5]]
            failed = [turn for turn in firsts[2:] if not turn.verdict.correct]
            assert [branch.failed for branch in group.branches[5:]] == failed
            for branch in group.branches[5:]:
                assert branch.reflection.kind is TurnKind.REFLECTION
                (retried,) = branch.tries
                assert retried.kind is TurnKind.RETRY
                again += 1
        assert again > 5

    def test_a_retry_is_the_one_that_the_failure_alone_would_get(self, groups, player, keys):
        group = next(group for group in groups if len(group.branches) > 5)
        branch = group.branches[5]
        place = [item.tries[0] for item in group.branches[2:5]].index(branch.failed) + 2
        episode = Episode(problem=group.problem, turns=(branch.failed,))
        [reflection] = scheduler.run(POLICY, [reflect_retry.reflect(player, keys, episode, place)])
        assert reflection == branch.reflection
        extended = reflect_retry.extend(episode, reflection)
        assert scheduler.run(POLICY, [reflect_retry.retry(player, keys, extended, place, 0)]) == list(branch.tries)

    def test_every_sampled_token_counts_once(self, groups, problems, player, keys):
        policy = ScriptedPolicy(POLICY._answers)
        own = replace(player, policy=policy)
        play = reflect_retry.group_of_attempts_and_retries
        found = scheduler.run(policy, [play(own, keys, item, group_size=5) for item in problems])
        assert sampled_tokens(found, None) == policy.num_sampled


def test_a_given_reflection_stands_where_a_sampled_one_would(play, requests):
    episode = next(episode for episode in play() if len(episode.turns) > 1)
    attempt, reflection = episode.turns[:2]
    failed = replace(episode, turns=(attempt,))
    given = reflect_retry.give_reflection(POLICY, failed, requests.reflection, POLICY.encode("Start with 1+2."))
    assert given.turns[1].prompt_ids == reflection.prompt_ids
    assert given.turns[1].verdict is None
    assert reflect_retry.retry_request(given, requests) == requests.retry_after_reflection(episode.problem)
    assert reflect_retry.retry_request(failed, requests) == requests.retry_alone(episode.problem)


def test_requests_reach_the_policy(task, problems, sampling, keys):
    seen = []

    def say(messages, key):
        seen.append(messages[-1].content)
        return "no"

    own = Requests(reflection="Why?", retry="Again.", repeat_task=False)
    player = Player(policy=ScriptedPolicy(say), task=task, requests=own, sampling=sampling)
    reflect_retry.play(player, problems[:1], num_tries=3, keys=keys)
    assert seen[1:] == ["Why?", "Again.", "Why?", "Again."]
