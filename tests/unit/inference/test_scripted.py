"""The scripted policy: the contract of all policies, exact conversations, honest truncation."""

from __future__ import annotations

import policy_contract as contract
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought import rng
from secondthought.errors import PolicyError
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.inference.spelled import END_OF_TURN
from secondthought.tasks import load
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.types import Completion, Message, Prompt, Sampling, StopReason

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_ROLE = st.sampled_from(["system", "user", "assistant"])


def rambling(messages, key):
    return "x" * rng.stream(key, len(messages), messages[-1].content).randrange(20)


@pytest.mark.parametrize("check", contract.ALL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("answers", [rambling, countdown_answers(), ["one", "two"]], ids=["noise", "player", "list"])
def test_contract(check, answers):
    check(ScriptedPolicy(answers))


@given(_TEXT, _TEXT, _TEXT, st.integers(1, 50))
def test_the_function_sees_what_was_said(question, answer, request, max_tokens):
    seen = []

    def say(messages, key):
        seen.append(messages)
        return answer

    policy = ScriptedPolicy(say)
    start = policy.start([Message(role="user", content=question)])
    (said,) = policy.sample([Prompt(trunk=start, key=1)], Sampling(max_tokens=max_tokens))
    policy.sample([Prompt(trunk=start, tail=said.token_ids + policy.follow(said, request), key=2)], Sampling())
    assert [message.content for message in seen[1]] == [question, said.text, request]
    assert [message.role for message in seen[1]] == ["user", "assistant", "user"]


@given(_TEXT, st.integers(1, 60))
def test_truncation_is_honest(answer, max_tokens):
    policy = ScriptedPolicy(lambda messages, key: answer)
    (said,) = policy.sample([Prompt(trunk=policy.start([]), key=0)], Sampling(max_tokens=max_tokens))
    num_bytes = len(answer.encode())
    assert (said.stop is StopReason.END) == (num_bytes < max_tokens)
    assert len(said.token_ids) == min(num_bytes + 1, max_tokens)
    assert said.text == answer.encode()[:max_tokens].decode(errors="replace")
    assert set(said.logprobs) == {0.0}


def test_a_list_is_said_in_turn():
    policy = ScriptedPolicy(["first", "second"])
    ids = policy.start([Message(role="user", content="?")])
    said = []
    for _ in range(2):
        (completion,) = policy.sample([Prompt(trunk=ids, key=0)], Sampling())
        said.append(completion.text)
        ids += completion.token_ids + policy.follow(completion, "again")
    assert said == ["first", "second"]
    with pytest.raises(PolicyError, match="turn 3 has none"):
        policy.sample([Prompt(trunk=ids, key=0)], Sampling())


def test_fingerprint_is_stable():
    assert ScriptedPolicy([]).fingerprint() == ScriptedPolicy(["x"]).fingerprint()


def test_counts_sampled_tokens():
    policy = ScriptedPolicy(["four"])
    policy.sample([Prompt(trunk=policy.start([]), key=key) for key in range(3)], Sampling())
    assert policy.num_sampled == 3 * (4 + 1)


class TestCountdownPlayer:
    def play(self, habit, request, said, count=40):
        task = load("countdown", {"preset": "tiny"})
        policy = ScriptedPolicy(countdown_answers(**habit))
        right = []
        for problem in task.problems("train", count, seed=0):
            turns = [*problem.messages]
            for who, text in zip(["assistant", "user"] * 2, said(task, problem), strict=False):
                turns.append(Message(role=who, content=text))
            (completion,) = policy.sample([Prompt(trunk=policy.start(turns), key=5)], Sampling())
            right.append(task.verify(problem, completion.text).correct)
        return sum(right) / len(right)

    @pytest.mark.parametrize("chance", [0.0, 1.0])
    def test_first_try(self, chance):
        assert self.play({"first_try": chance}, None, lambda task, problem: []) == chance

    def retry(self, listening, reflect):
        def said(task, problem):
            return ["<answer> 1", task.reflection_request, reflect(task, problem), "Now try again."]

        return self.play({"first_try": 0.0, "listening": listening}, None, said)

    def test_listens_to_the_oracle(self):
        assert self.retry(1.0, lambda task, problem: task.oracle_reflection(problem, "<answer> 1")) == 1.0

    def test_listens_to_the_contrary(self):
        assert self.retry(1.0, lambda task, problem: task.contrary_reflection(problem, "<answer> 1") or "") == 0.0

    def test_does_not_listen(self):
        assert self.retry(0.0, lambda task, problem: task.oracle_reflection(problem, "<answer> 1")) == 0.0

    @pytest.mark.parametrize(("good", "leak"), [(1.0, {"first_step"}), (0.0, {"none"})])
    def test_reflections(self, good, leak):
        task = load("countdown", {"preset": "tiny"})
        policy = ScriptedPolicy(countdown_answers(good_reflection=good))
        found = set()
        for problem in task.problems("train", 30, seed=1):
            said = policy.encode("<answer> 1")
            ids = policy.start(problem.messages) + said.token_ids + policy.follow(said, task.reflection_request)
            (completion,) = policy.sample([Prompt(trunk=ids, key=problem.data["target"])], Sampling())
            if task.contrary_reflection(problem, ""):
                found.add(task.leak(problem, completion.text))
        assert found == leak


def test_end_of_turn_is_not_text():
    completion = ScriptedPolicy([]).encode("\u00e9")
    assert completion == Completion(
        token_ids=(0xC3, 0xA9, END_OF_TURN), logprobs=completion.logprobs, text="\u00e9", stop=StopReason.END
    )
