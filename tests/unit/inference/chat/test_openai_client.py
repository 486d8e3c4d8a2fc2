"""The client against a real server that misbehaves: nothing is lost, nothing made up, nothing asked for ever."""

import gzip
import json
import logging
import signal
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from misbehaving_server import (
    body,
    completion,
    cut_off,
    cut_off_chunked,
    cut_off_unannounced,
    dripping,
    dripping_headers,
    endless,
    hang_up,
    http_date,
    reset,
    serving,
    silent,
    status,
)

from secondthought import rng
from secondthought.errors import ConfigError, PolicyError, SecondthoughtError
from secondthought.inference.chat.address import address
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.local_chat import LocalChat
from secondthought.inference.chat.openai_client import OpenAIClient
from secondthought.inference.chat.replies import completion as read_completion
from secondthought.inference.chat.replies import words
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.protocols import ChatModel
from secondthought.tools.calls import Call, CallReading
from secondthought.tools.reading import read_calls
from secondthought.types import Answer, Message, Sampling

_SAMPLING = Sampling(temperature=0.0, max_tokens=50)


def talk(*texts):
    return [[Message(role="user", content=text)] for text in texts]


def client(server, **settings):
    quick = {"model": "m", "time_limit_s": 60.0, "first_delay_s": 0.001, "concurrency": 4} | settings
    return OpenAIClient(Endpoint(url=server.url, **quick))


def echo(messages):
    return "about " + messages[-1]["content"]


def test_answers_come_in_order_and_say_what_was_asked():
    texts = [f"q{i}" for i in range(40)]
    with serving(echo) as server:
        asks = client(server)
        answers = asks.ask(talk(*texts), _SAMPLING)
    assert isinstance(asks, ChatModel)
    assert answers == [Answer(i, f"about q{i}") for i in range(40)]
    assert sorted(server.asked) == sorted(texts)
    sent = server.requests[0]
    assert sent["path"] == "/v1/chat/completions"
    assert {name: sent["body"][name] for name in ("model", "max_tokens", "temperature")} == {
        "model": "m",
        "max_tokens": 50,
        "temperature": 0.0,
    }


FAULTS = {
    "429": status(429),
    "429 with Retry-After": status(429, Retry_After="0"),
    "429 with a date": status(429, Retry_After=http_date(-5)),
    "429 with nonsense": status(429, Retry_After="soon"),
    "500": status(500),
    "503 in HTML": lambda handler: handler.say(503, b"<html>no</html>", Content_Type="text/html"),
    "cut off": cut_off,
    "cut off, length untold": cut_off_unannounced,
    "cut off in a chunk": cut_off_chunked,
    "reset": reset,
    "hung up": hang_up,
    "nonsense JSON": body(b'{"choices": [{'),
    "JSON of another kind": body({"choices": []}),
    "a list": body([1]),
    "content of another kind": body(completion({"a": 1})),
    "deep": body(b"[" * 100_000),
    "wrong content type": body(b"<p>Welcome to the hotel's network</p>", Content_Type="text/html"),
    "not UTF-8": body(b"\xff\xfe\x00"),
    "error with status 200": body({"error": {"message": "overloaded"}}),
    "no message": body({"choices": [{"finish_reason": "stop"}]}),
    "parts of another kind": body(completion([{"type": "text", "text": 4}])),
    "endless": endless,
    "gzip that is none": body(b"not packed", Content_Encoding="gzip"),
    "gzip bomb": body(gzip.compress(b" " * (40 * 2**20)), Content_Encoding="gzip"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_goes_wrong_once_is_asked_again(fault):
    texts = [f"q{i}" for i in range(6)]
    with serving(echo, {"q2": [fault, fault]}) as server:
        asks = client(server)
        answers = asks.ask(talk(*texts), _SAMPLING)
    assert [answer.text for answer in answers] == [f"about {text}" for text in texts]
    assert sorted(server.asked) == sorted([*texts, "q2", "q2"])
    assert asks.usage.requests == 8
    assert asks.usage.answers == 6


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_always_goes_wrong_is_none_with_a_reason_and_the_rest_is_answered(fault):
    with serving(echo, {"q1": [fault] * 99}) as server:
        answers = client(server, attempts=3).ask(talk("q0", "q1", "q2"), _SAMPLING)
    assert [answer.text for answer in answers] == ["about q0", None, "about q2"]
    assert answers[1].error
    assert server.asked.count("q1") == 3


@pytest.mark.parametrize(
    "late", [silent(40.0), dripping(40.0), dripping_headers(40.0)], ids=["silent", "drips", "headers"]
)
def test_the_time_limit_holds_for_the_whole_request(late):
    with serving(echo, {"q0": [late] * 9}) as server:
        before = time.monotonic()
        answers = client(server, attempts=2, time_limit_s=1.2).ask(talk("q0", "q1"), _SAMPLING)
        took = time.monotonic() - before
    assert answers[0].text is None
    assert "within 1.2 s" in answers[0].error
    assert answers[1].text == "about q1"
    assert took < 20


def test_a_refused_conversation_is_not_asked_again():
    with serving(echo, {"long": [status(400, "the prompt is too long")] * 9}) as server:
        answers = client(server).ask(talk("long", "q1"), _SAMPLING)
    assert answers == [Answer(0, None, "HTTP 400: the prompt is too long", is_final=True), Answer(1, "about q1")]
    assert server.asked.count("long") == 1


@pytest.mark.parametrize("code", [301, 401, 403, 404])
def test_a_wrong_key_name_or_url_is_one_error_and_few_requests(code):
    texts = [f"q{i}" for i in range(50)]
    script = {text: [status(code, "no such model", Location="/elsewhere")] for text in texts}
    with serving(echo, script) as server, pytest.raises(PolicyError, match=rf"HTTP {code}: no such model; check the"):
        client(server, concurrency=2).ask(talk(*texts), _SAMPLING)
    assert len(server.asked) <= 2


def test_nobody_there():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        asks = OpenAIClient(
            Endpoint(url=f"http://127.0.0.1:{held.getsockname()[1]}/v1", model="m", first_delay_s=0, attempts=2)
        )
        with pytest.raises(PolicyError, match="is the server running"):
            asks.ask(talk("q"), _SAMPLING)


def test_a_server_that_answers_nothing_is_left_alone():
    texts = [f"q{i}" for i in range(30)]
    with serving(echo, {text: [status(500)] * 9 for text in texts}) as server:
        answers = client(server, attempts=2, patience=3, concurrency=1).ask(talk(*texts), _SAMPLING)
    assert len(server.asked) == 6
    assert all(answer.text is None for answer in answers)
    assert "HTTP 500" in answers[0].error
    assert "not asked" in answers[29].error


@pytest.mark.parametrize(
    "wrong",
    [status(400, "bad field"), status(422, "bad field"), body(completion("x", finish="length")), body(completion(""))],
    ids=["400", "422", "cut off", "empty"],
)
def test_what_every_request_gets_stops_after_patience_and_not_after_all(wrong, caplog):
    texts = [f"q{i}" for i in range(40)]
    with serving(echo, {text: [wrong] * 9 for text in texts}) as server:
        asks = client(server, patience=3, concurrency=1)
        answers = asks.ask(talk(*texts[:30]), _SAMPLING)
        assert len(server.asked) == 3
        assert "not asked: 3 in a row before it got no answer (" in answers[29].error
        assert answers[0].error in answers[29].error
        assert "the rest is not asked" in caplog.text
        asks.ask(talk(*texts[30:]), _SAMPLING)
        assert len(server.asked) == 4  # a later call tries once more


def test_after_an_answer_refused_conversations_say_nothing_of_others():
    texts = [f"q{i}" for i in range(20)]
    with serving(echo, {text: [status(400, "too long")] for text in texts[1:19]}) as server:
        answers = client(server, patience=3, concurrency=1).ask(talk(*texts), _SAMPLING)
    assert len(server.asked) == 20
    assert answers[19].text == "about q19"


def test_credit_that_ends_in_the_middle_stops_the_rest():
    texts = [f"q{i}" for i in range(20)]
    with serving(echo, {text: [status(402, "no credit")] for text in texts[1:]}) as server:
        answers = client(server, patience=3, concurrency=1).ask(talk(*texts), _SAMPLING)
    assert len(server.asked) == 4
    assert "no credit" in answers[19].error


@pytest.mark.parametrize(
    ("answer", "text", "error"),
    [
        (completion([{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]), "one two", ""),
        (completion(["one ", "two"]), "one two", ""),
        (completion({"type": "text", "text": "one"}), "one", ""),
        (completion([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "one"}]), "one", ""),
        (completion("one", message={"tool_calls": [{"id": "1"}]}), "one", ""),
        (completion("one", finish=None), "one", ""),
        (completion("on", finish="length"), None, "cut off at the token limit; allow more tokens"),
        (completion(None, finish="length", message={"reasoning": "hm"}), None, "cut off at the token limit"),
        (completion("on", finish="MAX_TOKENS"), None, "cut off"),
        (completion("on", finish="content_filter"), None, "content filter"),
        (completion(None, message={"refusal": "I can't."}), None, "the model refused: I can't."),
        (completion([{"type": "refusal", "refusal": "I can't."}]), None, "the model refused: I can't."),
        (completion(None, message={"tool_calls": [{"id": "1"}]}), None, "called a tool"),
        (completion(None, message={"reasoning_content": "hm"}), None, "thought and said nothing"),
        (completion([{"type": "thinking", "thinking": "hm"}]), None, "thought and said nothing"),
        (completion(" \n"), None, "the answer is empty"),
        (completion([]), None, "the answer is empty"),
    ],
)
def test_an_answer_is_whole_or_none_with_a_sentence(answer, text, error):
    with serving(script={"q": [body(answer)] * 9}) as server:
        found = client(server).ask(talk("q"), _SAMPLING)[0]
        assert len(server.asked) == 1
    assert found.text == text
    assert error in found.error


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "--ask.request.max-completion-tokens",
        ),
        ("Unsupported value: 'temperature' does not support 0", "--ask.request.temperature null"),
    ],
)
def test_fields_that_a_server_refuses_are_told_with_the_remedy(said, remedy):
    with serving(echo, {"q": [status(400, said)]}) as server:
        assert remedy in client(server).ask(talk("q"), _SAMPLING)[0].error


class TestProxy:
    """The environment's proxy is used, as other programs use it."""

    @pytest.fixture(autouse=True)
    def no_other_proxy(self, monkeypatch):
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)

    def ask(self, url, **settings):
        endpoint = Endpoint(url=url, model="m", first_delay_s=0.001, attempts=2, time_limit_s=60.0, **settings)
        return OpenAIClient(endpoint).ask(talk("q"), _SAMPLING)

    def test_requests_go_through_it(self, monkeypatch):
        with serving(echo) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.root)
            assert self.ask("http://model.invalid/v1") == [Answer(0, "about q")]
        assert proxy.requests[0]["path"] == "http://model.invalid/v1/chat/completions"

    def test_hosts_of_no_proxy_are_asked_directly(self, monkeypatch):
        with serving(echo) as server:
            monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            assert self.ask(server.url) == [Answer(0, "about q")]

    @pytest.mark.parametrize(
        "proxy", ["http://me:sk-secret@127.0.0.1:9", "ftp://me:sk-secret@h", "socks5://me:sk-secret@h"]
    )
    def test_one_that_fails_is_named_and_its_password_is_not(self, monkeypatch, caplog, proxy):
        caplog.set_level(logging.DEBUG)
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with pytest.raises(SecondthoughtError, match="HTTP_PROXY") as caught:
            self.ask("http://model.invalid/v1")
        assert "secret" not in str(caught.value) + caplog.text

    def test_a_proxy_that_opens_no_tunnel(self, monkeypatch):
        with serving(echo) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.root)
            with pytest.raises(PolicyError, match=r"nobody answers there .*501.*HTTPS_PROXY"):
                self.ask("https://model.invalid/v1")

    def test_certificates_that_are_not_there(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
            self.ask("http://127.0.0.1:9/v1")


def test_no_tls_there_is_told_at_once():
    with serving(echo) as server, pytest.raises(PolicyError, match="does not speak TLS"):
        OpenAIClient(Endpoint(url=server.url.replace("http", "https"), model="m")).ask(talk("q"), _SAMPLING)


def test_a_redirect_is_not_followed_and_takes_no_key_with_it(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-secret")
    with serving(echo) as other, serving(echo, {"q": [status(307, "moved", Location=other.url + "?key=x")]}) as server:
        with pytest.raises(PolicyError, match=rf"HTTP 307: moved; check.*; it points to {other.url}$"):
            client(server, key_variable="JUDGE_KEY").ask(talk("q"), _SAMPLING)
        assert other.requests == []


def test_one_answer_restores_patience():
    texts = [f"q{i}" for i in range(9)]
    bad = [text for i, text in enumerate(texts) if i % 3]
    with serving(echo, {text: [status(500)] * 9 for text in bad}) as server:
        answers = client(server, attempts=1, patience=3, concurrency=1).ask(talk(*texts), _SAMPLING)
    assert [answer.text is None for answer in answers] == [text in bad for text in texts]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_is_bounded_and_used(concurrency):
    with serving(echo, pause=0.02) as server:
        client(server, concurrency=concurrency).ask(talk(*map(str, range(12))), _SAMPLING)
    assert server.most_at_once == concurrency


def test_a_longer_wait_than_allowed_is_not_sat_out():
    with serving(echo, {"q": [status(429, "out of credit", Retry_After="86400")] * 9}) as server:
        answers = client(server).ask(talk("q"), _SAMPLING)
    assert len(server.asked) == 1
    assert "out of credit" in answers[0].error


def test_waits_double_and_the_servers_word_counts():
    waits = []
    script = {"q": [status(500), status(500), status(429, Retry_After="7"), status(500)]}
    with serving(echo, script) as server:
        endpoint = Endpoint(url=server.url, model="m", first_delay_s=2.0, concurrency=1)
        asks = OpenAIClient(endpoint, pause=lambda stop, seconds: bool(waits.append(seconds)))
        assert asks.ask(talk("q"), _SAMPLING)[0].text == "about q"
    assert 1 <= waits[0] <= 2 <= waits[1] <= 4 < 7 <= waits[2] <= 9
    assert 8 <= waits[3] <= 16


@given(st.integers(1, 400), st.none() | st.floats(0, 1e9), st.integers(0, 2**32))
def test_delays_are_bounded_and_end(attempt, asked_for, seed):
    endpoint = Endpoint(url="http://h/v1", model="m", attempts=300, first_delay_s=0.5, longest_delay_s=20)
    delay = endpoint.delay(attempt, asked_for, rng.stream(seed))
    if attempt >= 300 or (asked_for is not None and asked_for > 20):
        assert delay is None
    else:
        assert (asked_for or 0) <= delay <= 20.5


def test_each_answer_is_kept_when_it_comes():
    """The first hangs until the others have been kept."""
    others_kept, kept = threading.Event(), []
    script = {"q0": [lambda handler: (others_kept.wait(5), handler.say(200, completion("late")))]}

    def keep(answer):
        kept.append(answer)
        if len(kept) == 4:
            others_kept.set()

    with serving(echo, script) as server:
        answers = client(server, concurrency=2).ask(talk("q0", "q1", "q2", "q3", "q4"), _SAMPLING, keep)
    assert [answer.index for answer in kept][-1] == 0
    assert sorted(kept, key=lambda answer: answer.index) == answers


ANY_THREAD = pytest.mark.parametrize(
    "strikes", [lambda: threading.main_thread().ident, threading.get_ident], ids=["main-thread", "another-thread"]
)
"""Where Ctrl-C strikes: the system may hand it to any thread of the process."""


@ANY_THREAD
def test_interrupted_nothing_that_came_is_lost(strikes):
    """Ctrl-C while two requests are under way: both are kept, no other is sent."""
    kept, arrived = [], threading.Barrier(3)

    def slow(handler):
        arrived.wait(5)
        time.sleep(0.1)
        handler.say(200, completion("in time"))

    def interrupt():
        arrived.wait(5)
        signal.pthread_kill(strikes(), signal.SIGINT)

    texts = [f"q{i}" for i in range(20)]
    with serving(echo, {"q0": [slow], "q1": [slow]}) as server:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            client(server, concurrency=2).ask(talk(*texts), _SAMPLING, kept.append)
    assert {answer.index: answer.text for answer in kept} == {0: "in time", 1: "in time"}
    assert sorted(server.asked) == ["q0", "q1"]


@ANY_THREAD
def test_an_interruption_does_not_wait_out_a_back_off(strikes):
    failed = threading.Event()

    def fail(handler):
        status(500)(handler)
        failed.set()

    def interrupt():
        failed.wait(5)
        time.sleep(0.05)
        signal.pthread_kill(strikes(), signal.SIGINT)

    with serving(echo, {"q0": [fail]}) as server:
        threading.Thread(target=interrupt).start()
        before = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            client(server, first_delay_s=300).ask(talk("q0"), _SAMPLING)
        assert time.monotonic() - before < 30


@ANY_THREAD
def test_a_second_interruption_drops_what_is_under_way(strikes):
    arrived = threading.Event()

    def hang(handler):
        arrived.set()
        time.sleep(60)

    def interrupt():
        arrived.wait(5)
        for _ in range(2):
            time.sleep(0.1)
            signal.pthread_kill(strikes(), signal.SIGINT)

    with serving(echo, {"q0": [hang] * 9}) as server:
        threading.Thread(target=interrupt).start()
        before = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            client(server).ask(talk("q0"), _SAMPLING)
        assert time.monotonic() - before < 30


def test_a_full_disk_stops_everything():
    def keep(answer):
        raise OSError("No space left on device")

    with serving(echo) as server, pytest.raises(OSError, match="No space"):
        client(server, concurrency=2).ask(talk(*map(str, range(100))), _SAMPLING, keep)
    assert len(server.asked) <= 2


def test_the_key_is_sent_and_never_shown(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("JUDGE_KEY", " sk-secret-123 ")
    bad = status(500, "wrong key sk-secret-123")
    with serving(echo, {"q0": [bad] * 9, "q1": [body(b"sk-secret-123 is wrong")] * 9}) as server:
        asks = client(server, key_variable="JUDGE_KEY", attempts=2)
        answers = asks.ask(talk("q0", "q1", "q2"), _SAMPLING)
    assert {request["headers"]["Authorization"] for request in server.requests} == {"Bearer sk-secret-123"}
    assert "***" in answers[0].error
    assert "***" in answers[1].error
    assert "secret" not in repr((answers, asks, asks.endpoint, caplog.text, asks.name))


def test_no_key_is_sent_unless_named(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serving(echo) as server:
        client(server).ask(talk("q"), _SAMPLING)
    assert "Authorization" not in server.requests[0]["headers"]


def test_extra_fields_are_sent_and_part_of_the_name():
    with serving(echo) as server:
        asks = client(server, extra={"seed": 1, "max_tokens": None, "max_completion_tokens": 9})
        asks.ask(talk("q"), _SAMPLING)
    sent = server.requests[0]["body"]
    assert sent["seed"] == 1
    assert sent["max_completion_tokens"] == 9
    assert "max_tokens" not in sent
    assert asks.name != client(server).name == "m"


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"url": "localhost:8000"}, "is not an http"),
        ({"url": "ftp://h/v1"}, "is not an http"),
        ({"url": "http://h:port/v1"}, "cannot be read"),
        ({"url": "http://h/v1\n"}, "is not an http"),
        ({"url": "http://me:secret@h/v1"}, "environment variable"),
        ({"model": ""}, "model is empty"),
        ({"concurrency": 0}, "concurrency is 0"),
        ({"attempts": 0}, "attempts is 0"),
        ({"time_limit_s": 0.0}, "time_limit_s"),
        ({"time_limit_s": float("nan")}, "time_limit_s"),
        ({"key_variable": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_wrong_settings_are_one_sentence(wrong, names):
    with pytest.raises(ConfigError, match=names) as caught:
        OpenAIClient(Endpoint(**{"url": "http://h/v1", "model": "m"} | wrong))
    assert "secret" not in str(caught.value)


def test_a_key_that_no_header_can_hold_is_not_shown(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-secret\r\nX: y")
    with pytest.raises(ConfigError, match="JUDGE_KEY") as caught:
        OpenAIClient(Endpoint(url="http://h/v1", model="m", key_variable="JUDGE_KEY"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/chat/completions/"])
def test_the_url_may_end_as_users_write_it(end):
    with serving(echo) as server:
        OpenAIClient(Endpoint(url=server.root + end, model="m")).ask(talk("q"), _SAMPLING)
    assert server.requests[0]["path"] == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://h:8/api/v3?version=2", "https://h:8/api/v3/chat/completions?version=2"),
        ("http://[::1]:8000", "http://[::1]:8000/v1/chat/completions"),
    ],
)
def test_other_bases_queries_and_ipv6(url, asked):
    assert address(url) == asked


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_no_body_breaks_the_reader(data):
    found = read_completion(data)
    assert found is None or found.problem
    assert "\n" not in words(data)


def test_nothing_said_is_no_answer():
    with serving(script={"q": [body(completion(None, usage={"prompt_tokens": 3, "completion_tokens": 7}))]}) as server:
        asks = client(server)
        assert asks.ask(talk("q"), _SAMPLING) == [Answer(0, None, "the answer is empty")]
    assert (asks.usage.prompt_tokens, asks.usage.answer_tokens) == (3, 7)


class TestPolicyAnswers:
    """A local policy in place of an endpoint."""

    @given(st.lists(st.text("ab", max_size=2), max_size=7), st.integers(1, 4))
    def test_order_batches_and_neighbours_do_not_matter(self, texts, rows):
        policy = ScriptedPolicy(lambda messages, key: f"{messages[-1].content} {key}")
        sampling = Sampling(temperature=1.0, max_tokens=99)
        kept = []
        answers = LocalChat(policy, rows=rows).ask(talk(*texts), sampling, kept.append)
        assert kept == answers
        assert [answer.text.split(" ")[0] for answer in answers] == texts
        backwards = LocalChat(policy).ask(talk(*reversed(texts)), sampling)
        assert sorted(answer.text for answer in answers) == sorted(answer.text for answer in backwards)
        assert len({answer.text for answer in answers}) == len(texts)

    def test_what_the_policy_cannot_hold_is_none(self):
        def say(messages, key):
            if messages[-1].content == "long":
                raise PolicyError("too long")
            return "ok"

        answers = LocalChat(ScriptedPolicy(say)).ask(talk("a", "long", "b"), _SAMPLING)
        assert answers == [Answer(0, "ok"), Answer(1, None, "too long"), Answer(2, "ok")]

    @pytest.mark.parametrize(("text", "most", "why"), [("one two three", 1, "cut off"), ("", 9, "empty")])
    def test_a_cut_or_empty_answer_is_none(self, text, most, why):
        policy = ScriptedPolicy(lambda messages, key: text)
        answer = LocalChat(policy).ask(talk("q"), Sampling(temperature=0.0, max_tokens=most))[0]
        assert answer.text is None
        assert why in answer.error


TOOL = {"name": "f", "description": "", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}


def test_tools_are_sent_and_calls_come_back_as_text():
    """Each conversation has its own tools, in OpenAI's wrapping; a task reads calls as a local model writes them."""
    made = [
        {"type": "function", "function": {"name": "f", "arguments": arguments}} for arguments in ('{"a": 1}', '{"a"')
    ]
    replies = [completion(None, message={"tool_calls": [one]}, finish="tool_calls") for one in made]
    with serving(echo, {"q0": [body(replies[0])], "q1": [body(replies[1])]}) as server:
        answers = client(server).ask(talk("q0", "q1", "q2"), _SAMPLING, tools=[[TOOL], [TOOL], []])
    assert read_calls(answers[0].text) == CallReading((Call("f", {"a": 1}),))
    assert read_calls(answers[1].text).malformed
    assert answers[2].text == "about q2"
    sent = {request["body"]["messages"][-1]["content"]: request["body"].get("tools") for request in server.requests}
    assert sent == {
        "q0": [{"type": "function", "function": TOOL}],
        "q1": [{"type": "function", "function": TOOL}],
        "q2": None,
    }


def test_a_call_that_nobody_allowed_is_no_answer():
    made = {"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    with serving(echo, {"q0": [body(completion(None, message=made))] * 9}) as server:
        [answer] = client(server).ask(talk("q0"), _SAMPLING)
    assert answer.text is None
    assert "called a tool" in answer.error
