"""Failures of real use as rows: who consents, what is taken out, and a disk that ends."""

import asyncio
import json
import os
import resource
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from misbehaving_server import body as raw
from misbehaving_server import completion, serving
from proxied import FORM, TOOL, asking, body, by_turn, proxy_before, upstream_at

from secondthought.config import EpisodeConfig
from secondthought.errors import ConfigError, RunError
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout import failure_file
from secondthought.rollout.player import Requests
from secondthought.serve.proxy.redaction import Redactor
from secondthought.serve.proxy.stored import FailureStore
from secondthought.tasks import load

TEXTS = ("Ann is x", "I forgot JSON.", '{"a": "x"}')


def store_at(path, consent="asked", max_bytes=10**6, own=()):
    return FailureStore(path, consent, Redactor(own), max_bytes)


def served(store, *bodies, texts=TEXTS):
    """Serve requests before a server that says the texts by turn; return the counts."""

    async def all_of_it():
        proxy = proxy_before(upstream_at(server), store=store, reads_calls=True)
        async with asking(proxy) as client:
            for one in bodies:
                assert (await client.post("/chat/completions", json=one)).status_code == 200
        return proxy.counts

    with serving(by_turn(*texts)) as server:
        return asyncio.run(all_of_it())


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_train_reads_what_was_stored(tmp_path):
    """The rows are failures of the task, and their prompts those that the model was asked with."""
    path = tmp_path / "served.jsonl"
    served(
        store_at(path),
        body("One.", response_format=FORM, store=True),
        body("Two.", tools=[TOOL], store=True),
        texts=("<tool_call>", "r", '{"a": "x"}'),
    )
    task, policy = load("chat_request"), ScriptedPolicy(["x"] * 9)
    failures = failure_file.read(path, task, policy)
    assert [item.problem.request.splitlines()[0] for item in failures] == ["One.", "Two."]
    assert all(not item.attempt.verdict.correct for item in failures)
    [first, _] = rows_of(path)
    assert [turn["kind"] for turn in first["after"]] == ["reflection", "retry"]
    assert first["provenance"]["rescued"]
    wanted = Requests.worded(task.reflection_request, EpisodeConfig(feedback="detail", repeat_task=False))
    assert first["after"][0]["request"] == wanted.reflection_on(failures[0].problem, failures[0].attempt.verdict)


@pytest.mark.parametrize(
    ("consent", "said", "kept"),
    [
        ("asked", None, 0),
        ("asked", False, 0),
        ("asked", True, 1),
        ("all", None, 1),
        ("all", False, 0),
        ("all", True, 1),
    ],
)
def test_consent(tmp_path, consent, said, kept):
    given = {} if said is None else {"store": said}
    counts = served(store_at(tmp_path / "f.jsonl", consent), body(response_format=FORM, **given))
    assert (counts.stored, len(rows_of(tmp_path / "f.jsonl"))) == (kept, kept)


def test_what_was_right_at_once_is_not_stored(tmp_path):
    served(store_at(tmp_path / "f.jsonl", "all"), body(response_format=FORM), texts=['{"a": "x"}'])
    assert not rows_of(tmp_path / "f.jsonl")


def test_pictures_are_not_stored_and_counted(tmp_path):
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    counts = served(store_at(tmp_path / "f.jsonl", "all"), body(content, response_format=FORM))
    assert (counts.stored, counts.not_stored) == (0, 1)


def test_everything_that_is_said_is_redacted(tmp_path):
    secret = "ann@example.org"
    texts = (f"a {secret}", f"r {secret}", json.dumps({"a": secret}))
    path = tmp_path / "f.jsonl"
    served(
        store_at(path, "all", own=["TEAM=Blue [0-9]+"]),
        body(f"I am {secret} of Blue 7.", response_format=FORM),
        texts=texts,
    )
    written = path.read_text()
    assert secret not in written
    assert "Blue 7" not in written
    assert written.count("[EMAIL]") >= 4


def test_a_try_that_redaction_makes_right_is_no_failure(tmp_path):
    """The number is too long for the schema, and its place-holder is not."""
    form = {
        "type": "json_schema",
        "json_schema": {"schema": {"type": "object", "properties": {"a": {"maxLength": 10}}}},
    }
    counts = served(
        store_at(tmp_path / "f.jsonl", "all"),
        body(response_format=form),
        texts=('{"a": "ann@example.org"}', "r", '{"a": ""}'),
    )
    assert (counts.stored, counts.not_stored, rows_of(tmp_path / "f.jsonl")) == (0, 1, [])


def test_each_check_has_a_file_of_its_own(tmp_path):
    """Training judges all rows of a file alike."""
    named = {"tests": lambda: load("command:grep -q yes")}

    async def all_of_it():
        proxy = proxy_before(upstream_at(server), store=store_at(tmp_path / "f.jsonl", "all"), checks=named)
        async with asking(proxy) as client:
            for more in ({"response_format": FORM}, {"secondthought": {"check": "tests"}}):
                await client.post("/chat/completions", json=body(**more))

    with serving(by_turn("no", "r", "yes")) as server:
        asyncio.run(all_of_it())
    assert [row["task"] for row in rows_of(tmp_path / "f.jsonl")] == ["chat_request"]
    assert [row["task"] for row in rows_of(tmp_path / "f.tests.jsonl")] == ["command"]
    assert failure_file.read(tmp_path / "f.tests.jsonl", load("command:grep -q yes"), ScriptedPolicy(["x"]))


def test_what_was_cut_or_refused_is_stored_as_such_or_not_at_all(tmp_path):
    cut = raw(json.dumps(completion("Ann is", finish="length")).encode())
    refused = raw(json.dumps(completion(None, message={"content": None, "refusal": "No."})).encode())
    path = tmp_path / "f.jsonl"

    async def all_of_it():
        proxy = proxy_before(upstream_at(server), store=store_at(path, "all"))
        async with asking(proxy) as client:
            for text in ("One.", "Two."):
                await client.post("/chat/completions", json=body(text, response_format=FORM))

    with serving(lambda messages: '{"a": "x"}', {"One.": [cut], "Two.": [refused]}) as server:
        asyncio.run(all_of_it())
    assert [row["attempt"]["stop"] for row in rows_of(path)] == ["length"]


def test_what_is_too_long_is_not_even_read(tmp_path):
    counts = served(store_at(tmp_path / "f.jsonl", "all"), body("+12" * 200_000, response_format=FORM))
    assert (counts.stored, counts.not_stored) == (0, 1)


def test_the_server_behind_is_not_asked_to_store(tmp_path):
    async def all_of_it():
        proxy = proxy_before(upstream_at(server), store=store_at(tmp_path / "f.jsonl"))
        async with asking(proxy) as client:
            await client.post("/chat/completions", json=body(response_format=FORM, store=True))

    with serving(by_turn(*TEXTS)) as server:
        asyncio.run(all_of_it())
    assert not any("store" in request["body"] for request in server.requests)


def test_the_file_has_a_size(tmp_path, caplog):
    path = tmp_path / "f.jsonl"
    asked = [body(f"Question {number}.", response_format=FORM) for number in range(5)]
    one = served(store_at(tmp_path / "one.jsonl", "all"), asked[0]) and (tmp_path / "one.jsonl").stat().st_size
    counts = served(store_at(path, "all", max_bytes=3 * one + 9), *asked)
    assert (counts.stored, counts.not_stored) == (3, 1)
    assert len(rows_of(path)) == 3
    assert path.stat().st_size <= 3 * one + 9
    assert caplog.text.count("failures are no longer stored") == 1


def test_a_full_disk_ends_the_storing_and_tears_no_line(tmp_path, monkeypatch):
    path = tmp_path / "f.jsonl"
    store = store_at(path, "all")
    served(store, body("One.", response_format=FORM))
    before = path.read_bytes()
    limit = len(before) + 100
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        counts = served(store, body("Two.", response_format=FORM), body("Three.", response_format=FORM))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (counts.rescued, counts.stored) == (2, 0)
    assert path.read_bytes() == before
    assert store.trouble


def test_a_torn_last_line_is_cut_off(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text('{"whole": 1}\n{"torn": ')
    served(store_at(path, "all"), body(response_format=FORM))
    assert [sorted(row)[0] for row in rows_of(path)] == ["whole", "after"]


@pytest.mark.parametrize("place", ["folder", "file/f.jsonl"])
def test_a_place_that_cannot_be_written_is_told_at_once(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=str(tmp_path)):
        store_at(tmp_path / place)


class TestRedaction:
    @pytest.mark.parametrize(
        ("text", "left"),
        [
            ("mail a.b+c@mail.example.org now", "mail [EMAIL] now"),
            ("sk-abcdefghijklmnop1234 and AKIAABCDEFGHIJKLMNOP", "[KEY] and [KEY]"),
            ("call +49 (0)30 123-4567", "call [PHONE]"),
            ("4111 1111 1111 1111", "[CARD]"),
            ("4111 1111 1111 1111 12/26", "[CARD] 12/26"),
            ("Room 2 4111 1111 1111 1111", "Room 2 [CARD]"),
            ("12345678901", "12345678901"),
            ("hf_abcdefghijklmnopqrstuv", "[KEY]"),
            ("(555) 123-4567 or 030 1234567", "[PHONE] or [PHONE]"),
            ("2001:db8:85a3:0:0:8a2e:370:7334", "[ADDRESS]"),
            ("DE89 3704 0044 0532 0130 00", "[IBAN]"),
            ("from 192.168.10.1:80", "from [ADDRESS]:80"),
            ("2 + 3 = 5, 3.14, 1,000,000", "2 + 3 = 5, 3.14, 1,000,000"),
        ],
    )
    def test_what_is_found(self, text, left):
        assert Redactor().text(text) == left

    @given(st.text())
    def test_a_second_time_finds_nothing_more(self, text):
        once = Redactor().text(text)
        assert Redactor().text(once) == once

    def test_names_of_members_stay(self):
        assert Redactor().within({"a@b.org": ["a@b.org", {"n": 1}]}) == {"a@b.org": ["[EMAIL]", {"n": 1}]}

    def test_json_stays_json(self):
        found = json.loads(Redactor().text('{"card": 4111111111111111, "to": "a@b.org", "n": 3}'))
        assert found == {"card": "[CARD]", "to": "[EMAIL]", "n": 3}

    @pytest.mark.parametrize(
        "text",
        [
            "9" * 100_000,
            "a@" * 50_000,
            "+1 " * 50_000,
            "+123 456 789 901a " * 9000,
            "eyJ-" * 50_000,
            "1." * 50_000,
            "AB12 " * 20_000,
            "eyJ" + "a" * 100_000,
        ],
    )
    def test_hostile_texts_take_no_time(self, text):
        begun = os.times().user
        Redactor().text(text)
        assert os.times().user - begun < 2

    @pytest.mark.parametrize("given_", ["x", "=x", "A B=x", "A=", "A=("])
    def test_a_damaged_pattern_is_named(self, given_):
        with pytest.raises(ConfigError, match="redact"):
            Redactor([given_])
