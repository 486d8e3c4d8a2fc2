"""A teacher over real HTTP, at a server that misbehaves: exact sets, nothing that was paid for is asked again."""

import pytest
from misbehaving_server import body, completion, cut_off, hang_up, reset, serving, silent, status

from secondthought.data.priming.from_teacher import NO_TAGS, from_teacher
from secondthought.errors import PolicyError, RunError
from secondthought.inference.chat.answer_cache import AnswerCache
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.openai_client import OpenAIClient
from secondthought.tasks.countdown import Countdown

TASK = Countdown(preset="priming", answer_format="think")
GOOD = "<think>This one I know.</think>\n<answer>1</answer>"


def client(server, **settings):
    quick = {"model": "m", "time_limit_s": 60.0, "first_delay_s": 0.001, "concurrency": 4} | settings
    return OpenAIClient(Endpoint(url=server.url, **quick))


def good(messages):
    return GOOD


def prompts(count):
    return [problem.messages[-1].content for problem in TASK.problems("train", count, 0)]


def test_what_goes_wrong_on_the_way_is_tried_again_and_the_set_is_exact(tmp_path):
    """Each of the first problems meets another trouble once; all are answered in the end."""
    troubles = [
        status(429, Retry_After="0"),
        status(500),
        cut_off,
        body(b'{"choices": "nonsense"}'),
        body(b"<html>"),
        hang_up,
        reset,
        silent(1.5),
    ]
    script = {text: [trouble] for text, trouble in zip(prompts(8), troubles, strict=True)}
    with serving(good, script) as server:
        teacher = client(server, time_limit_s=1.0)
        taken = from_teacher(teacher, TASK, "direct", 20, 0, cache=AnswerCache(tmp_path / "a.jsonl"))
        assert len(taken.require("teacher")) == 20
        assert [trace.problem.id for trace in taken.traces] == [p.id for p in TASK.problems("train", 20, 0)]
        assert set(taken.left_out) <= {"more than asked"}
        assert teacher.usage.answers == 21
        assert len(server.asked) == 21 + len(troubles)


def test_a_conversation_that_is_never_answered_is_counted_by_reason_and_replaced():
    first, second, third = prompts(3)
    script = {first: [status(400, "too long")], second: [status(500)] * 99, third: [body(completion("I pass."))]}
    with serving(good, script) as server:
        taken = from_teacher(client(server, attempts=2), TASK, "direct", 12, 0)
    assert len(taken.traces) == 12
    assert taken.left_out["no answer from the endpoint (HTTP 400)"] == 1
    assert taken.left_out["no answer from the endpoint (HTTP 500)"] == 1
    assert taken.left_out[NO_TAGS] == 1


def test_what_was_answered_is_not_asked_again(tmp_path):
    path = tmp_path / "answers.jsonl"
    with serving(good, {text: [status(400)] for text in prompts(3)}) as server:
        with pytest.raises(RunError, match="6 of 9 traces"):
            from_teacher(client(server), TASK, "direct", 9, 0, cache=AnswerCache(path), rounds=1)
        before = len(server.asked)
        found = from_teacher(client(server), TASK, "direct", 9, 0, cache=AnswerCache(path))
        asked = server.asked[before:]
        assert sorted(asked) == sorted(prompts(3))
        assert len(found.traces) == 9
        more = from_teacher(client(server), TASK, "direct", 12, 0, cache=AnswerCache(path))
        assert len(server.asked) - before - len(asked) == 13 - 9
        assert more.traces[:9] == found.traces
        from_teacher(client(server), TASK, "backtracking", 1, 0, cache=AnswerCache(path))
        assert len(server.asked) == before + len(asked) + 4 + 1, "another kind is another question"


def test_a_server_that_breaks_down_ends_the_asking_and_keeps_what_came(tmp_path):
    path = tmp_path / "answers.jsonl"
    down = {text: [status(503)] * 99 for text in prompts(200)[5:]}
    with serving(good, down) as server, pytest.raises(RunError, match=r"5 of 40 traces .*HTTP 503.*not asked"):
        from_teacher(client(server, attempts=1, patience=4), TASK, "direct", 40, 0, cache=AnswerCache(path))
    assert len(server.asked) < 42, "a round without one answer is the last"
    assert len(path.read_text().splitlines()) == 5


@pytest.mark.parametrize(("code", "said"), [(401, "wrong key"), (404, "no such model"), (403, "not yours")])
def test_a_wrong_key_url_or_model_is_said_at_once(code, said):
    script = {text: [status(code, said)] * 9 for text in prompts(50)}
    with serving(good, script) as server:
        with pytest.raises(PolicyError, match=rf"HTTP {code}: {said}; check the URL, the model's name and the key"):
            from_teacher(client(server), TASK, "direct", 40, 0)
        assert len(server.asked) <= 4
