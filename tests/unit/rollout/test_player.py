"""Requests, sampling settings and the names of samples."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

import itertools

import pytest
from countdown_play import player, policy, problems, requests, sampling, task  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

from secondthought.config import EpisodeConfig
from secondthought.rollout.player import (
    MAX_FEEDBACK,
    NOTE_ALONE,
    RETRY_REQUEST,
    WRONG_ANSWER,
    Keys,
    Player,
    Requests,
    TurnSampling,
    noted,
)
from secondthought.types import Completion, Message, Problem, StopReason, Turn, TurnKind, Verdict


def test_defaults(task, problems):
    requests = Requests.resolve(task, EpisodeConfig())
    text = problems[0].messages[-1].content
    assert requests.reflection == task.reflection_request
    assert requests.retry_after_reflection(problems[0]) == f"{RETRY_REQUEST}\n\n{text}"
    assert requests.retry_alone(problems[0]) == f"{WRONG_ANSWER} {RETRY_REQUEST}\n\n{text}"


def test_overrides(task, problems):
    config = EpisodeConfig(reflection_request="Why?", retry_request="Once more.", repeat_task=False)
    requests = Requests.resolve(task, config)
    assert requests.reflection == "Why?"
    assert requests.retry_after_reflection(problems[0]) == "Once more."
    assert requests.retry_alone(problems[0]) == f"{WRONG_ANSWER} Once more."


def test_an_empty_override_is_not_a_default(task):
    assert Requests.resolve(task, EpisodeConfig(reflection_request="", retry_request="")).reflection == ""


def test_the_last_user_message_is_the_task():
    said = [
        Message(role="user", content="old"),
        Message(role="user", content="new"),
        Message(role="system", content="s"),
    ]
    problem = Problem(id="p", task="t", messages=tuple(said), data={})
    assert Requests(reflection="r").retry_after_reflection(problem) == f"{RETRY_REQUEST}\n\nnew"
    nothing = Problem(id="p", task="t", messages=(), data={})
    assert Requests(reflection="r").retry_after_reflection(nothing) == RETRY_REQUEST


def test_sampling_follows_the_config():
    config = EpisodeConfig(max_attempt_tokens=7, max_reflection_tokens=5, temperature=0.7)
    sampling = TurnSampling.resolve(config)
    assert (sampling.attempt.max_tokens, sampling.reflection.max_tokens) == (7, 5)
    assert sampling.attempt.temperature == sampling.reflection.temperature == 0.7
    assert TurnSampling.resolve(config, 0.0).reflection.temperature == 0.0


def test_every_name_makes_another_key(problems):
    named = [
        Keys(seed=seed, phase=phase, step=step).of(problem, kind, *indices)
        for seed, phase, step, problem, kind, indices in itertools.product(
            (0, 1), ("a", "b"), (0, 1), problems[:2], TurnKind, ((), (0,), (1,), (0, 0), (0, 1), (1, 0))
        )
    ]
    assert len(set(named)) == len(named)


def failed(reason="missed_target", feedback=""):
    """A failed try with this verdict."""
    return Turn(
        kind=TurnKind.ATTEMPT,
        prompt_ids=(),
        completion=Completion(token_ids=(), logprobs=(), text="", stop=StopReason.END),
        verdict=Verdict(correct=False, reward=0.0, reason=reason, well_formed=True, feedback=feedback),
    )


class TestFeedback:
    @pytest.mark.parametrize(
        ("told", "reason", "feedback", "said"),
        [
            ("failed", "missed_target", "You are at 3.", ""),
            ("reason", "missed_target", "You are at 3.", "The check says: missed target."),
            ("detail", "missed_target", "You are at 3.", "The check says: You are at 3."),
            ("detail", "missed_target", "Are you?", "The check says: Are you?"),
            ("detail", "missed_target", "  ", "The check says: missed target."),
            ("detail", "", "", ""),
        ],
    )
    def test_what_is_told(self, told, reason, feedback, said):
        requests = Requests(reflection="Why?", feedback=told)
        turn = failed(reason, feedback)
        problem = Problem(id="p", task="t", messages=(), data={})
        assert requests.reflection_on(problem, turn.verdict) == (f"Why?\n\n{said}" if said else "Why?")
        alone = f"{WRONG_ANSWER} {said} {RETRY_REQUEST}" if said else f"{WRONG_ANSWER} {RETRY_REQUEST}"
        assert requests.retry_alone(problem, turn.verdict) == alone
        assert requests.note_alone(turn.verdict) == (f"{NOTE_ALONE} {said}" if said else NOTE_ALONE)

    @given(st.text(max_size=3 * MAX_FEEDBACK))
    def test_its_length_is_bounded(self, text):
        told = Requests(reflection="r", feedback="detail").told_of(failed("wrong", text).verdict)
        assert len(told) <= len("The check says: ") + MAX_FEEDBACK + 1
        if len(text) <= MAX_FEEDBACK:
            assert text.strip() in told

    def test_by_default_requests_say_what_they_said(self, task):
        requests = Requests.resolve(task, EpisodeConfig())
        told = requests.reflection_on(task.problems("train", 1, 0)[0], failed("missed_target", "You are at 3.").verdict)
        assert told == task.reflection_request


class TestNotes:
    @given(st.text(), st.text(), st.text())
    def test_a_reflection_stands_in_its_note_as_it_is(self, before, after, reflection):
        requests = Requests(reflection="r", note=f"{before}{{reflection}}{after}")
        if (before + after).count("{reflection}") == 0:
            assert requests.note_with(reflection) == f"{before}{reflection.strip()}{after}"

    def test_the_note_follows_what_the_user_asks_last(self):
        said = [("system", "s"), ("user", "old"), ("assistant", "a"), ("user", "new"), ("assistant", "b")]
        messages = [Message(role=role, content=content) for role, content in said]
        found = noted(messages, "note")
        assert [item.content for item in found] == ["s", "old", "a", "new\n\nnote", "b"]
        assert [item.role for item in found] == [role for role, _ in said]
        assert noted(messages[:1], "note") == (messages[0], Message(role="user", content="note"))

    @pytest.mark.parametrize("note", ["", "nothing", "{reflection} and {reflection}"])
    def test_a_note_that_does_not_show_the_reflection_is_refused(self, note):
        with pytest.raises(ValueError, match=r"must hold \{reflection\} once"):
            EpisodeConfig(note=note)

    def test_settings_at_their_defaults_are_not_written(self):
        written = EpisodeConfig().model_dump()
        assert not {"feedback", "retry_sees", "note"} & set(written)
        given = {"feedback": "detail", "retry_sees": "reflection", "note": "Note: {reflection}"}
        assert given.items() <= EpisodeConfig(**given).model_dump().items()

    def test_a_player_sees_either_way(self, player):
        assert player.seeing("all") == player
        other = player.seeing("reflection")
        assert other.requests.retry_sees == "reflection"
        assert other.seeing("all") == player
        assert isinstance(other, Player)
