"""`serve` on the command line: what it refuses before a port is open, and one server from start to Ctrl-C."""

import signal
import subprocess
import sys

import httpx2
import pytest
from proxied import body


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["http://127.0.0.1:1/v1"], "name the model behind a #"),
        (["http://127.0.0.1:1#m", "--host", "0.0.0.0"], "lets other machines ask, and nobody needs a key"),
        (["http://127.0.0.1:1#m", "--consent", "all"], "--consent goes with --store"),
        (["http://127.0.0.1:1#m", "--episode.temperature", "0.5"], "--episode.temperature goes with a local model"),
        (["small", "--key-env", "KEY"], "--key-env goes with a model that is served"),
        (["small", "--reflector", "x"], "--episode.tries-by base"),
        (["http://127.0.0.1:1#m", "--client-keys-env", "NO_SUCH_KEYS"], "NO_SUCH_KEYS is not set"),
        (["http://127.0.0.1:1#m", "--checks.sums", "countdwon"], "there is no task 'countdwon'"),
        (["http://127.0.0.1:1#m", "--options.sums.x", "1"], "options are given by the name of a check"),
        (["http://127.0.0.1:1#m", "--reflection", "locat"], "there is no reflection request 'locat'"),
        (["http://127.0.0.1:1#m", "--store", "/dev/null/x"], "/dev/null"),
        (["http://127.0.0.1:1#m", "--store", "f.jsonl", "--redact", "x"], "NAME=REGEX"),
        (["no-such-model"], "no-such-model"),
    ],
)
def test_what_is_wrong_is_said_before_a_port_is_open(cli, one_sentence, monkeypatch, tmp_path, words, says):
    monkeypatch.chdir(tmp_path)
    found = cli("serve", *words)
    assert says in one_sentence(found, found.code)
    assert found.code in (1, 2)


def test_from_start_to_ctrl_c(tmp_path):
    """The script that plays Countdown answers as a local model would."""
    command = [sys.executable, "-m", "secondthought", "serve", "scripted", "--port", "0", "--checks.sums", "countdown"]
    command += ["--options.sums.preset", "tiny", "--store", str(tmp_path / "f.jsonl"), "--consent", "all"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[0]
        data = {"numbers": [2, 3, 4], "target": 9}
        asked = body("Use 2, 3 and 4 to make 9.", secondthought={"check": "sums", "data": data, "tries": 3})
        reply = httpx2.post(f"{url}/chat/completions", json=asked, timeout=30)
        assert reply.json()["secondthought"]["check"] == "sums"
        taken = subprocess.run(
            [*command[:5], "--port", url.rpartition(":")[2].partition("/")[0]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert taken.returncode == 1
        assert "cannot be opened: Address already in use; choose another with --port" in taken.stderr
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "1 requests: " in out
    assert "Traceback" not in err


def test_what_it_would_do(cli):
    found = cli("serve", "http://127.0.0.1:1#m", "--tries", "3", "--dry-run")
    assert found.object["tries"] == 3
    assert found.object["episode"]["feedback"] == "detail"
