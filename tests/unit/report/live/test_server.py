"""A live report is served to this machine alone, says what is out of date, and survives files half written."""

import json
import threading
import urllib.error
import urllib.request

import pytest
from fake_runs import write_fake_run

from secondthought import jsonl
from secondthought.errors import RunError
from secondthought.report.live.server import LiveServer
from secondthought.report.live.state import LiveReport


@pytest.fixture
def run(tmp_path):
    write_fake_run(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def server(run):
    with LiveServer(LiveReport([run])) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def ask(server, path, **headers):
    request = urllib.request.Request(server.url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def state(server):
    return json.loads(ask(server, "state"))


def append(run, step):
    with (run / "metrics.jsonl").open("a") as file:
        file.write(jsonl.dumps({"step": step, "reward/mean": 0.9, "eval/second_try": 0.9}) + "\n")


def test_the_page_holds_every_section_and_may_ask_this_server_alone(server):
    page = ask(server, "")
    found = state(server)
    assert all(f'<section id="{name}">' in page for name in found["order"])
    assert "connect-src 'self'" in page
    assert json.dumps(found["digests"]["opening"]) in page


def test_a_section_that_changed_has_another_digest_and_the_new_text(server, run):
    before = state(server)
    assert state(server) == before
    append(run, 777)
    after = state(server)
    changed = {name for name in after["order"] if after["digests"].get(name) != before["digests"].get(name)}
    assert changed
    assert changed < set(after["order"])
    assert "777" in "".join(ask(server, f"section/{name}") for name in changed)


def test_a_file_that_is_half_written_leaves_the_page_as_it_was(server, run):
    before = state(server)
    content = (run / "summary.json").read_text()
    (run / "summary.json").write_text(content[: len(content) // 2])
    assert state(server) == before
    (run / "summary.json").write_text(content)
    append(run, 778)
    assert state(server) != before


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1.example.org", ""])
def test_pages_of_others_are_refused(server, host):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(server, "", Host=host)


@pytest.mark.parametrize("path", ["section/none", "section/../state", "../../etc/passwd", "summary.json"])
def test_nothing_else_is_served(server, path):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(server, path)


def test_a_port_that_is_taken_is_one_sentence(server, run):
    with pytest.raises(RunError, match=r"cannot be opened: .*; choose another with --port"):
        LiveServer(LiveReport([run]), server.server_address[1])


def test_what_is_no_run_is_said_at_once(tmp_path):
    with pytest.raises(RunError, match="no such run"):
        LiveReport([tmp_path / "none"]).now()
