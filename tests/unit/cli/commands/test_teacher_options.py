"""`prime --source.endpoint`: answers are kept beside the set, and an interrupted command goes on where it stopped."""

import itertools
import json
import signal
import threading

import pytest
from misbehaving_server import serving, status

from secondthought.tasks.countdown import Countdown

GOOD = "<think>This one I know.</think>\n<answer>1</answer>"


def good(messages):
    return GOOD


def prime(cli, out, server, *more):
    where = ("--source.endpoint", server.url, "--source.model", "m", "--count", "10")
    return cli("prime", "direct", out, *where, *more)


def test_the_command_keeps_answers_beside_the_set_and_says_so(cli, one_sentence, tmp_path):
    out, kept = tmp_path / "direct.jsonl", tmp_path / "direct.answers.jsonl"
    with serving(lambda messages: "I pass.") as server:
        failed = prime(cli, out, server)
    assert failed.code == 1
    assert str(kept) in failed.err
    assert "10 of 10" not in failed.err
    assert not out.exists()
    assert len(kept.read_text().splitlines()) > 10
    with serving(good) as server:
        done = prime(cli, out, server, "--source.answers", tmp_path / "fresh.jsonl", "--json")
        assert done.code == 0, done.err
        assert len(server.asked) == 10
    assert done.object["count"] == 10
    assert done.object["answers"] == "fresh.jsonl"
    with serving(good) as server:
        again = prime(cli, out, server, "--source.answers", tmp_path / "fresh.jsonl", "--overwrite", "--json")
        assert server.asked == []
    assert again.object["blake2b"] == done.object["blake2b"]
    assert len(out.read_text().splitlines()) == 10


def test_answers_go_with_an_endpoint_only(cli, one_sentence, tmp_path):
    sentence = one_sentence(cli("prime", "direct", tmp_path / "a.jsonl", "--source.answers", tmp_path / "b.jsonl"), 2)
    assert "--source.answers goes with --source.endpoint" in sentence


def test_ctrl_c_keeps_what_came_and_the_same_command_goes_on(cli, tmp_path):
    out, kept = tmp_path / "direct.jsonl", tmp_path / "direct.answers.jsonl"

    said, heard = itertools.count(1), threading.Event()

    def interrupting(messages):
        number = next(said)
        if number == 30:
            # This is not the main thread. The system may hand a Ctrl-C to any thread, and then nothing wakes the main
            # one: it has to look by itself.
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        if number >= 30:
            heard.wait(1.0)
        return GOOD

    with serving(interrupting) as server:
        stopped = prime(cli, out, server, "--count", "200")
        heard.set()
        assert stopped.code == 130
        assert not out.exists()
        answered = [json.loads(line) for line in kept.read_text().splitlines()]
        assert len(answered) == len(server.asked) < 200
        assert prime(cli, out, server, "--count", "200").code == 0
        assert len(server.asked) == 210
    assert len(out.read_text().splitlines()) == 200


@pytest.mark.parametrize(("code", "said"), [(401, "wrong key"), (404, "no such model"), (405, "not here")])
def test_a_wrong_key_url_or_model_is_one_sentence_at_once(cli, one_sentence, tmp_path, code, said):
    task = Countdown(preset="priming", answer_format="think")
    problems = task.problems("train", 20, 0)
    script = {problem.messages[-1].content: [status(code, said)] * 9 for problem in problems}
    with serving(good, script) as server:
        sentence = one_sentence(prime(cli, tmp_path / "a.jsonl", server), 1)
    assert f"HTTP {code}: {said}; check the URL, the model's name and the key's variable" in sentence
    assert list(tmp_path.iterdir()) == []


def test_an_empty_key_is_one_sentence(cli, one_sentence, tmp_path, monkeypatch):
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    with serving(good) as server:
        found = prime(cli, tmp_path / "a.jsonl", server, "--source.key-env", "TEACHER_KEY")
        assert "TEACHER_KEY is not set" in one_sentence(found, 2)
        assert server.asked == []


def test_a_set_that_shows_nothing_of_what_it_is_named_after_is_said(cli, tmp_path):
    out = tmp_path / "b.jsonl"
    with serving(good) as server:
        found = cli("prime", "backtracking", out, "--source.endpoint", server.url, "--source.model", "m", "--count", 3)
    assert found.code == 0
    assert f"{out}: no trace shows backtracking, which the arm backtracking is named after" in found.err


def test_how_the_teacher_is_asked_reaches_the_request(cli, tmp_path):
    asked = ("--ask.max-tokens", 4000, "--ask.request.temperature", "null", "--ask.request.seed", 7)
    with serving(good) as server:
        found = prime(cli, tmp_path / "a.jsonl", server, *asked, "--json")
        assert found.code == 0, found.err
        sent = server.requests[0]["body"]
    assert (sent["max_tokens"], sent["seed"]) == (4000, 7)
    assert "temperature" not in sent
    assert json.loads((tmp_path / "a.provenance.json").read_text())["sampling"]["max_tokens"] == 4000


def test_how_a_teacher_is_asked_needs_one(cli, one_sentence, tmp_path):
    sentence = one_sentence(cli("prime", "direct", tmp_path / "a.jsonl", "--ask.max-tokens", 9), 2)
    assert "--ask.max-tokens goes with --source.endpoint" in sentence
