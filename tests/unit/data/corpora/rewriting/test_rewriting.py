"""A corpus is rewritten by an endpoint that fails in every way: nothing is lost, nothing is there twice or invented."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import misbehaving_server as server
import pytest

from secondthought.cli import main
from secondthought.data.corpora.documents import Fields
from secondthought.data.corpora.pieces import pieces_of
from secondthought.data.corpora.rewriting import replies
from secondthought.data.corpora.rewriting.by_model import TOO_LONG, ByModel
from secondthought.data.corpora.rewriting.by_rules import ByRules
from secondthought.data.corpora.rewriting.step import RewritePieces, rewrite
from secondthought.data.corpora.running import How
from secondthought.errors import ConfigError, PolicyError
from secondthought.inference.chat.endpoint import Endpoint

DOCUMENTS = 60


def text_of(number):
    return f"Exercise {number}. What is {number} plus 5? I add. Wait, let me check. It is {number + 5}, that is right."


def said(number):
    thoughts = f"I add {number} and 5 and get {number + 5}. Let me check that it is right: yes."
    return f"<question>What is {number} plus 5?</question><thoughts>{thoughts}</thoughts><answer>{number + 5}</answer>"


def number_in(messages):
    return int(messages[-1]["content"].partition("Exercise ")[2].partition(".")[0])


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "web.jsonl"
    rows = [{"id": f"d{n}", "text": text_of(n), "source": "web", "licence": "CC0"} for n in range(DOCUMENTS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"id": "torn"}\n')
    return path


def step_of(corpus, folder, url, *, most=1500, style="curated", **endpoint):
    patient = {"first_delay_s": 0.01, "longest_delay_s": 0.05, "time_limit_s": 0.5, "attempts": 3, **endpoint}
    model = ByModel(endpoint=Endpoint(url=url, model="m", **patient), style=style, max_characters=500)
    pieces = tuple(pieces_of([str(corpus)], most=most))
    return RewritePieces(pieces=pieces, fields=Fields(), rewriter=model, folder=folder)


def rows(folder, name):
    lines = (line for path in sorted((folder / name).iterdir()) for line in path.read_text().splitlines())
    return [json.loads(line) for line in lines]


def assert_whole(folder, documents=DOCUMENTS):
    """Each document is in one of the two outputs, once; what was rewritten says what its document says."""
    rewritten, left_out = rows(folder, "documents"), [row for row in rows(folder, "left-out") if "id" in row]
    assert sorted(row["id"] for row in rewritten + left_out) == sorted(f"d{n}" for n in range(documents))
    for row in rewritten:
        number = int(row["id"][1:])
        assert row["text"] == row["prompt"] + row["completion"]
        assert row["prompt"] == f"What is {number} plus 5?\n\n"
        assert row["completion"].endswith(f"<answer>{number + 5}</answer>")
        assert (row["source"], row["licence"]) == ("web", "CC0")


STEPS = {
    0: [server.status(429, Retry_After="0")],
    1: [server.status(500), server.status(503)],
    2: [server.silent(1.0)],
    3: [server.body(b"{}")],
    4: [server.reset],
    5: [server.hang_up],
    6: [server.cut_off],
    7: [server.cut_off_chunked],
    8: [server.dripping(1.0)],
    9: [server.body(b"no json")],
}
"""Troubles that pass: after them the answer comes."""
REPLIES = {
    20: (replies.OTHER_FORM, said(20)[:-12]),
    21: (replies.OTHER_FORM, "Gladly!\n" + said(21)),
    22: (replies.NO_ANSWER_THERE, said(22).replace("<answer>27", "<answer>28")),
    23: (replies.NO_NUMBER_THERE, said(23).replace("23 plus 5?", "23 plus 5 plus 77?")),
    24: (
        replies.LITTLE_SHARED,
        "<question>Wieviel ergibt das?</question><thoughts>Ich zähle zusammen und erhalte ein Ergebnis.</thoughts>"
        "<answer>29</answer>",
    ),
    25: (replies.NO_EXERCISE, "<none/>"),
}
"""Replies that are not taken, and why."""
NEVER = {
    30: ("no answer (HTTP 400)", [server.status(400, "too long")] * 9),
    31: ("no answer (HTTP 500)", [server.status(500)] * 99),
    32: ("no answer (the answer is empty)", [server.body(json.dumps(server.completion("")).encode())] * 99),
}
"""Documents that nobody answers to."""


def played(messages):
    number = number_in(messages)
    return REPLIES[number][1] if number in REPLIES else said(number)


def script_of(steps):
    return {f"The document:\n\n{text_of(number)}": list(some) for number, some in steps.items()}


def test_a_server_that_fails_in_every_way(corpus, tmp_path):
    script = script_of({**STEPS, **{number: steps for number, (_, steps) in NEVER.items()}})
    with server.serving(played, script) as endpoint:
        counts = rewrite(step_of(corpus, tmp_path / "out", endpoint.url), How())
        assert_whole(tmp_path / "out")
        missing = {*REPLIES, *NEVER}
        assert {row["id"] for row in rows(tmp_path / "out", "documents")} == {
            f"d{n}" for n in range(DOCUMENTS) if n not in missing
        }
        assert counts.set_aside == 1
        assert counts.unanswered == 2
        reasons = Counter(reason for reason, _ in REPLIES.values())
        assert {name: counts.left_out[name] for name in reasons} == reasons
        assert sum(number for name, number in counts.left_out.items() if name.startswith("no answer")) == len(NEVER)
        details = {row["id"]: row["detail"] for row in rows(tmp_path / "out", "left-out") if "id" in row}
        assert all(
            details[f"d{number}"] == (reply if reply != "<none/>" else "") for number, (_, reply) in REPLIES.items()
        )
        assert counts.before.documents == counts.after.documents == DOCUMENTS - len(missing)
        assert counts.before.prevalence("verification").estimate == 1.0


def test_where_nobody_answered_is_asked_again_where_it_is_wanted(corpus, tmp_path):
    """What the server refused for good is asked with them only where it stands in a piece that is done anew."""
    with server.serving(played, script_of({number: steps for number, (_, steps) in NEVER.items()})) as endpoint:
        step = step_of(corpus, tmp_path / "out", endpoint.url)
        rewrite(step, How())
    with server.serving(played) as endpoint:
        step = step_of(corpus, tmp_path / "out", endpoint.url)
        assert rewrite(step, How()).unanswered == 2
        assert endpoint.asked == []
        counts = rewrite(step, How(), again=True)
        asked = {number_in([{"content": each}]) for each in endpoint.asked}
        assert {31, 32} <= asked <= set(NEVER)
        assert counts.unanswered == 0
        assert_whole(tmp_path / "out")
        rewrite(step, How(), again=True)
        assert len(endpoint.asked) == len(asked)


def test_killed_again_and_again_no_answer_is_asked_for_twice_and_no_document_lost(corpus, tmp_path):
    """The server counts: what came back and was written is not asked for again, but for requests under way."""
    out = tmp_path / "out"
    with server.serving(played, pause=0.01) as endpoint:
        command = [sys.executable, "-m", "secondthought", "corpora", "rewrite", str(corpus), "--out", str(out), "--yes"]
        command += [
            "--style",
            "curated",
            "--endpoint",
            endpoint.url,
            "--model",
            "m",
            "--quiet",
            "--max-characters",
            "500",
        ]
        command += ["--ask.concurrency", "2"]
        kills, deadline = 0, time.monotonic() + 60
        while kills < 4:
            process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
            before = len(endpoint.asked)
            while process.poll() is None and time.monotonic() < deadline:
                if len(endpoint.asked) >= before + 9:
                    os.killpg(process.pid, signal.SIGKILL)
                    kills += 1
                    break
                time.sleep(0.002)
            process.wait()
            if process.returncode != -signal.SIGKILL:
                break
        assert kills >= 3
        assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
        asked = Counter(endpoint.asked)
        assert len(asked) == DOCUMENTS
        assert sum(asked.values()) <= DOCUMENTS + 2 * kills
    assert_whole(out)


def test_other_settings_are_refused_and_nobody_there_is_said(corpus, tmp_path):
    with server.serving(played) as endpoint:
        rewrite(step_of(corpus, tmp_path / "out", endpoint.url), How())
        with pytest.raises(ConfigError, match="was made with other style"):
            rewrite(step_of(corpus, tmp_path / "out", endpoint.url, style="clean"), How())
    with pytest.raises(PolicyError, match="nobody answers there"):
        rewrite(step_of(corpus, tmp_path / "other", "http://127.0.0.1:9/v1"), How())


def test_long_documents_are_left_out(corpus, tmp_path):
    corpus.write_text(json.dumps({"id": "d0", "text": text_of(0) * 9}) + "\n")
    with server.serving(played) as endpoint:
        counts = rewrite(step_of(corpus, tmp_path / "out", endpoint.url), How())
        assert (counts.left_out, endpoint.asked) == ({TOO_LONG: 1}, [])


def test_two_workers_do_what_one_does(corpus, tmp_path):
    with server.serving(played) as endpoint:
        for name, workers in (("one", 1), ("two", 2)):
            rewrite(step_of(corpus, tmp_path / name, endpoint.url), How(workers=workers))
    for name in ("documents", "left-out"):
        assert rows(tmp_path / "one", name) == rows(tmp_path / "two", name)


def test_by_rules_nobody_is_asked(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("Example 1. What is 6*7?\nSolution: Let me check a table. 6*7 is 42.\nAnswer: 42")
    pieces = tuple(pieces_of([str(path)]))
    for style, checked in (("curated", True), ("clean", False)):
        step = RewritePieces(pieces=pieces, fields=Fields(), rewriter=ByRules(style=style), folder=tmp_path / style)
        rewrite(step, How())
        [row] = rows(tmp_path / style, "documents")
        assert row["completion"].endswith("6*7 is 42.\n</think>\n<answer>42</answer>")
        assert ("Let me check" in row["text"]) is checked


def test_the_command_tells_the_cost_first_and_shows_habits_before_and_after(corpus, tmp_path, capsys):
    with server.serving(played) as endpoint:
        words = ["corpora", "rewrite", str(corpus), "--out", str(tmp_path / "out"), "--style", "curated", "--quiet"]
        served = ["--endpoint", endpoint.url, "--model", "m"]
        assert main([*words, *served]) == 2
        assert "this takes 60 requests, about " in capsys.readouterr().err
        assert endpoint.asked == []
        assert not main([*words, *served, "--yes"])
        shown = capsys.readouterr().out
        assert "54 documents rewritten; 1 left out: " in shown
        assert "verification" in shown
        assert not main([*words, *served, "--yes", "--json"])
        assert json.loads(capsys.readouterr().out)["rewritten"] == 54
    assert main([*words, "--model", "m"]) == 2
    assert "--model goes with --endpoint" in capsys.readouterr().err
    assert main([*words, "--endpoint", "http://x/v1"]) == 2
    assert "--endpoint needs --model" in capsys.readouterr().err
