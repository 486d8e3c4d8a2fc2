"""Retries that see the reflection and not the failed try: exact tokens, in the policy's own rendering."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

from dataclasses import replace

import pytest
from chat_families import FAMILIES, family_tokenizer
from countdown_play import keys, player, policy, problems, requests, sampling, task  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

from secondthought.config import EpisodeConfig
from secondthought.evaluate import evaluate, play_controls, summarise
from secondthought.evaluate.rows import from_json, to_json
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.inference.spelled import conversation
from secondthought.models.chat_template import Chat
from secondthought.rollout import reflect_retry, scheduler
from secondthought.rollout.mining import mine
from secondthought.rollout.player import NOTE_ALONE, Keys, Player, Requests, noted
from secondthought.tasks import load
from secondthought.types import (
    Completion,
    Episode,
    Message,
    Problem,
    Prompt,
    StopReason,
    Turn,
    TurnKind,
    conversation_ids,
    ids_before,
)


@pytest.fixture
def fresh(player):
    """A player whose retries see the reflection alone."""
    return player.seeing("reflection")


@pytest.fixture
def failures(player, problems, keys):
    return mine(player, problems[:10], tries=2, keys=keys)[0]


def heard(policy, turns):
    """The messages that a turn's completion answers, read back from its ids; the last turn is the one in question."""
    *_, last = turns
    whole = conversation_ids(turns)
    return conversation(whole[: len(whole) - len(last.completion.token_ids)]).messages


def with_note(problem, text):
    """The problem's messages, its one user message with a note."""
    (asked,) = problem.messages
    return (Message(role="user", content=f"{asked.content}\n\n{text}"),)


class TestEpisodes:
    def test_first_tries_and_first_reflections_are_the_same_in_both_ways(self, player, fresh, problems, keys):
        one, other = (reflect_retry.play(who, problems, num_tries=2, keys=keys) for who in (player, fresh))
        for first, second in zip(one, other, strict=True):
            assert first.turns[:2] == second.turns[:2]
            assert [turn.fresh for turn in second.turns] == [False, False, True][: len(second.turns)]
            assert not any(turn.fresh for turn in first.turns)

    def test_a_retry_hears_the_problem_and_the_note_and_nothing_else(self, fresh, problems, keys, policy):
        retried = 0
        for episode in reflect_retry.play(fresh, problems, num_tries=3, keys=keys):
            for place, turn in enumerate(episode.turns):
                if turn.kind is TurnKind.RETRY:
                    text = episode.turns[place - 1].completion.text
                    wanted = with_note(episode.problem, f"Note to self after a wrong first try: {text}")
                    assert heard(policy, episode.turns[: place + 1]) == wanted
                    assert turn.prompt_ids == policy.start(wanted)
                    retried += 1
        assert retried > 5

    def test_a_later_reflection_is_on_the_latest_try_as_that_was_asked_for(self, fresh, problems, keys, policy):
        found = 0
        for episode in reflect_retry.play(fresh, problems, num_tries=3, keys=keys):
            if len(episode.turns) > 3:
                attempt, first, retry, later = episode.turns[:4]
                wanted = (
                    *with_note(episode.problem, f"Note to self after a wrong first try: {first.completion.text}"),
                    Message(role="assistant", content=retry.completion.text),
                    Message(role="user", content=fresh.requests.reflection),
                )
                assert heard(policy, (attempt, first, retry, later)) == wanted
                found += 1
        assert found

    def test_trunks_are_the_same_for_all_reflections_on_a_problem(self, fresh, failures, keys):
        asked = []

        class Watched(ScriptedPolicy):
            def sample(self, prompts, sampling):
                asked.append(list(prompts))
                return super().sample(prompts, sampling)

        watched = Watched(fresh.policy._answers)
        groups = reflect_retry.branch_reflections(
            replace(fresh, policy=watched), keys, failures, group_size=3, retries=2
        )
        reflections, retries = asked
        assert len({prompt.trunk for prompt in retries}) == len({group.problem.id for group in groups})
        assert all(prompt.tail for prompt in retries)
        turns = [turn for group in groups for branch in group.branches for turn in branch.tries]
        assert [prompt.ids for prompt in retries] == [turn.prompt_ids for turn in turns]
        again = [watched.sample([Prompt(trunk=p.ids, key=p.key)], fresh.sampling.attempt)[0] for p in retries]
        assert again == [turn.completion for turn in turns]
        assert len(reflections) == 3 * len(failures)

    def test_the_trunk_of_reflections_still_holds_the_failed_try(self, player, fresh, failures, keys):
        ways = [
            reflect_retry.branch_reflections(who, keys, failures, group_size=2, retries=1) for who in (player, fresh)
        ]
        for one, other in zip(*ways, strict=True):
            assert one.trunk_ids == other.trunk_ids
            assert [b.reflection for b in one.branches] == [b.reflection for b in other.branches]
            assert all(turn.fresh for branch in other.branches for turn in branch.tries)

    def test_retries_without_reflection_know_only_that_a_try_was_wrong(self, fresh, failures, keys, policy):
        courses = [reflect_retry.group_of_retries(fresh, keys, failure, group_size=2) for failure in failures]
        for group in scheduler.run(policy, courses):
            wanted = with_note(group.problem, NOTE_ALONE)
            assert group.trunk_ids == policy.start(wanted)
            assert group.history[0].completion.token_ids
            assert all(turn.fresh for branch in group.branches for turn in branch.tries)

    @given(text=st.text())
    def test_a_hostile_reflection_stays_the_text_of_one_message(self, text):
        problem = load("countdown", {"preset": "tiny"}).problems("train", 1, seed=0)[0]
        said = []

        def answers(messages, key):
            said.append(messages)
            return text if len(messages) == 3 else "no"

        policy = ScriptedPolicy(answers)
        config = EpisodeConfig(retry_sees="reflection", max_reflection_tokens=4000)
        player = Player.resolve(policy, load("countdown", {"preset": "tiny"}), config)
        reflect_retry.play(player, [problem], num_tries=2, keys=Keys(seed=0, phase="t"))
        (last,) = said[-1]
        assert last.role == "user"
        assert last.content.startswith(problem.request)
        assert len(said) == 3


class TestRecords:
    def test_an_evaluation_says_what_a_fresh_retry_was_asked(self, fresh, problems, keys):
        found = evaluate(fresh, problems, num_tries=2, keys=keys)
        retries = [(row, turn) for row in found.rows for turn in row.turns if turn.kind is TurnKind.RETRY]
        assert retries
        for row, turn in retries:
            assert turn.fresh
            assert turn.request.endswith(row.turns[1].text.strip())
            assert turn.request.startswith(row.turns[0].request)
            assert from_json(to_json(row)) == row

    def test_rows_say_nothing_new_where_nothing_is_new(self, player, problems, keys):
        for row in evaluate(player, problems[:5], num_tries=2, keys=keys).rows:
            for turn in to_json(row)["turns"]:
                assert "fresh" not in turn
                assert turn["verdict"] is None or "feedback" not in turn["verdict"]


def test_feedback_that_holds_the_answer_is_counted(tmp_path, keys):
    """By the words of the gold answer, where the task has no measure of its own."""
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(f'{{"question": "q{n}", "answer": "blue whale {n}"}}\n' for n in range(30)))
    task = load(str(path))

    class Telling(type(task)):
        def verify(self, problem, text):
            told = f"It is <the> Blue whale {problem.data['question'][1:]}!" if "q1" in problem.request else "No."
            return replace(super().verify(problem, text), feedback=told)

    telling = Telling(path=str(path))
    problems = telling.problems("train", 10, seed=0)
    policy = ScriptedPolicy(lambda messages, key: "I know: blue whale." if len(messages) == 3 else "no")
    given = {"failed": (0, 0), "detail": (10, sum("q1" in problem.request for problem in problems))}
    for feedback, (told, leaked) in given.items():
        player = Player.resolve(policy, telling, EpisodeConfig(feedback=feedback))
        found = evaluate(player, problems, num_tries=2, keys=keys)
        rows = [from_json(to_json(row)) for row in found.rows]
        assert rows == list(found.rows)
        leaks = [leak for row in rows for leak in row.feedback_leak]
        assert (len(leaks), sum(leaks)) == (told, leaked)
        assert [leak for row in rows for leak in row.reflection_leak] == [False] * 10
        summary = summarise(found)
        assert summary["reflection_leak"].estimate == 0.0
        assert summary["feedback_leak"].is_defined is (told > 0)
    assert leaked > 0


def test_controls_are_played_in_both_ways_from_the_same_failures(player, fresh, failures, keys):
    one, other = (play_controls(who, failures, keys=keys) for who in (player, fresh))
    assert one.keys() == other.keys()
    assert one["second_sample"] == other["second_sample"]
    for name in ("own", "shuffled", "fixed", "oracle", "contrary"):
        assert [item.reflection for item in one[name]] == [item.reflection for item in other[name]]
    assert any(one[name] != other[name] for name in one)


def test_the_control_own_repeats_second_tries_in_this_way_too(fresh, problems, keys):
    found = evaluate(fresh, problems, num_tries=2, keys=keys)
    own = play_controls(fresh, found.failures, keys=keys, controls=("own",), reflections=found.reflections)["own"]
    second = [row.tries[1] for row in found.rows if len(row.tries) > 1]
    assert [item.text for item in own] == [turn.text for turn in second]


class TestTemplates:
    """Reflections are a model's text: in a note they must stay text, whatever template is around them."""

    @pytest.mark.parametrize("family", FAMILIES)
    def test_control_tokens_in_a_reflection_control_nothing(self, family):
        chat = Chat(family_tokenizer(family))
        asked = (Message(role="user", content="1 + 1?"),)

        def controls(reflection):
            ids = chat.start(noted(asked, REQUESTS.note_with(reflection)))
            return [name for token in ids if (name := chat.codec.names.get(token)) in chat.form.control]

        tokens = [str(token) for token in FAMILIES[family][1]]
        for hostile in ("".join(tokens), f"{tokens[-1]} x", f"x {tokens[-1]}", tokens[-1] * 9, *tokens):
            assert controls(hostile) == controls("Add them.") != []

    @pytest.mark.parametrize("family", FAMILIES)
    def test_a_trunk_and_a_tail_are_the_rendering(self, family):
        """The cut falls between tokens, and reflections on one problem share what stands before it."""
        policy = RenderingPolicy(Chat(family_tokenizer(family)))
        problem = Problem(id="p", task="t", messages=(Message(role="user", content="1 + 1?"),), data={})
        player = Player(policy=policy, task=None, requests=REQUESTS, sampling=None)
        trunks = set()
        for text in ("Add.", "\n\nAdd", "", ")", "<|im_end|>", "\u00e9"):
            said = Turn(kind=TurnKind.REFLECTION, prompt_ids=(), completion=policy.encode(text), verdict=None)
            prompt = reflect_retry._fresh_prompt(player, Episode(problem=problem, turns=(said,)), 0)
            assert prompt.ids == policy.start(noted(problem.messages, REQUESTS.note_with(text)))
            trunks.add(prompt.trunk)
        assert len(trunks) == 1
        assert len(trunks.pop()) > len("1 + 1?")


class RenderingPolicy:
    """A policy that only renders."""

    name = "rendering"

    def __init__(self, chat):
        self.chat, self.start = chat, chat.start

    def encode(self, text):
        return Completion(token_ids=(), logprobs=(), text=text, stop=StopReason.END)


REQUESTS = Requests(reflection="r", retry_sees="reflection")


def turn(*ids, said=(), fresh=False):
    completion = Completion(token_ids=tuple(said), logprobs=(0.0,) * len(said), text="", stop=StopReason.END)
    return Turn(kind=TurnKind.RETRY, prompt_ids=ids, completion=completion, verdict=None, fresh=fresh)


def test_a_conversation_begins_at_the_last_fresh_turn():
    one, two = turn(1, said=(2,)), turn(3, said=(4, 5))
    anew, after = turn(6, said=(7,), fresh=True), turn(8, said=(9,))
    assert conversation_ids(()) == ()
    assert conversation_ids((one, two)) == (1, 2, 3, 4, 5)
    assert conversation_ids((one, two, anew, after)) == (6, 7, 8, 9)
    assert conversation_ids((anew, after, anew)) == (6, 7)
    assert ids_before((one, two), after) == (1, 2, 3, 4, 5, 8)
    assert ids_before((one, two), anew) == (6,)
