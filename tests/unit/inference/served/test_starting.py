"""A server that a run starts for itself: it answers, it ends with the run, and where it cannot the reason is said."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from vllm_server import serving

from secondthought.config import ModelConfig
from secondthought.config.inference import InferenceConfig
from secondthought.errors import ConfigError, PolicyError
from secondthought.inference.loading import load_policy, sampled_by
from secondthought.inference.served import guard, starting
from secondthought.types import Message, Prompt, Sampling

SUPPORT = Path(__file__).parents[3] / "support"
SERVES = """
import os, sys, time
sys.path[:0] = {paths!r}
from vllm_server import serving
words = sys.argv[1:]
assert words[0] == "serve", words
print("process", os.getpid(), *words[2:], flush=True)
port = int(words[words.index("--port") + 1])
with serving(words[1], port):
    time.sleep(1000)
"""


def program(folder, text):
    """A program that runs a script by this Python."""
    path = folder / "vllm"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return str(path)


def config_of(path, **settings):
    return InferenceConfig(engine="vllm", program=path, start_limit_s=60.0, **settings)


def is_there(pid):
    """Whether a process lives; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid, seconds=20.0):
    until = time.monotonic() + seconds
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_there(pid)


@pytest.fixture
def local(checkpoints):
    return load_policy(ModelConfig(path=str(checkpoints / "qwen2"), device="cpu", lora={"rank": 4}))


def test_it_is_started_asked_and_ended(local, tmp_path):
    source = str(Path(starting.__file__).parents[3])
    path = program(tmp_path, SERVES.format(paths=[str(SUPPORT), source]))
    prompts = [Prompt(trunk=local.start([Message(role="user", content="1 + 1?")]), key=3)]
    sampling = Sampling(temperature=0.9, max_tokens=8)
    with sampled_by(config_of(path, program_args="--max-model-len 64"), local, tmp_path / "served") as policy:
        assert policy.sample(prompts, sampling)[0].token_ids == local.sample(prompts, sampling)[0].token_ids
        said = (tmp_path / "served.log").read_text()
    assert "--host 127.0.0.1" in said
    assert "--dtype float32 --logprobs-mode processed_logprobs --enable-lora --max-lora-rank 8" in said
    assert "--no-enable-chunked-prefill" in said
    assert said.split("\n")[0].endswith("--max-model-len 64")
    assert gone_within(int(said.split()[1]))


ENDS = """
print("1 ValueError: no such model", flush=True)
print("RuntimeError: see above", flush=True)
raise SystemExit(3)
"""


def test_one_that_ends_says_why(local, tmp_path):
    """Its first error tells more than its last; what an earlier attempt of the run wrote is none of its errors."""
    path = program(tmp_path, ENDS)
    (tmp_path / "served.log").write_text("OSError: of another attempt\n")
    why = r"ended with status 3: it said 'ValueError: no such model'; all .*/served\.log"
    with pytest.raises(PolicyError, match=why), sampled_by(config_of(path), local, tmp_path / "served"):
        pass


WAITS = """
import os, sys, time
print("process", os.getpid(), flush=True)
time.sleep(1000)
"""


def test_one_that_never_answers_is_ended(local, tmp_path, monkeypatch):
    monkeypatch.setattr(starting, "_LOOK_EVERY_S", 0.02)
    config = config_of(program(tmp_path, WAITS)).model_copy(update={"start_limit_s": 2.0})
    with (
        pytest.raises(PolicyError, match=r"does not answer within 2 s \(inference\.start_limit_s\): it said 'process"),
        sampled_by(config, local, tmp_path / "served"),
    ):
        pass
    assert gone_within(int((tmp_path / "served.log").read_text().split()[1]))


def test_no_program_is_one_sentence(local, tmp_path):
    with (
        pytest.raises(ConfigError, match=r"no program 'nowhere/vllm' to start; install vLLM .*inference\.url"),
        sampled_by(config_of("nowhere/vllm"), local, tmp_path / "served"),
    ):
        pass


def test_settings_of_a_start_and_a_url_are_refused_together():
    with pytest.raises(ValueError, match="program_args is of a server that is started"):
        InferenceConfig(engine="vllm", url="http://localhost:1", program_args="--x")


def test_a_port_of_ones_own_is_refused():
    with pytest.raises(ValueError, match="--port=9 is ours to choose"):
        InferenceConfig(engine="vllm", program_args="--port=9")


def test_a_guard_that_is_asked_to_end_ends_its_program():
    words = [sys.executable, guard.__file__, sys.executable, "-c", STARTS]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asked:
        child, begun = int(asked.stdout.readline()), time.monotonic()
        asked.terminate()
        assert gone_within(child)
        assert asked.wait(20) == 128 + signal.SIGTERM
        assert time.monotonic() - begun < guard._PATIENCE_S / 2  # a program that ends by itself is not waited for


def test_a_guard_that_is_asked_to_end_while_its_program_starts_ends_it_too():
    """The signal comes after the program began and before the guard has it in hand."""
    with subprocess.Popen([sys.executable, "-c", ASKED_EARLY, guard.__file__], stdout=subprocess.PIPE) as asked:
        child = int(asked.stdout.readline())
        assert asked.wait(20) == 128 + signal.SIGTERM
        assert gone_within(child)


def test_one_that_dies_later_is_named(local, tmp_path):
    """What fails then is a request; why is that the server is gone."""
    source = str(Path(starting.__file__).parents[3])
    path = program(tmp_path, SERVES.format(paths=[str(SUPPORT), source]))
    config = config_of(path).model_copy(update={"attempts": 1})

    def run():
        with sampled_by(config, local, tmp_path / "served") as policy:
            policy.bring()
            os.kill(int((tmp_path / "served.log").read_text().split()[1]), signal.SIGKILL)
            policy.sample([Prompt(trunk=local.start([Message(role="user", content="1 + 1?")]), key=3)], Sampling())

    with pytest.raises(PolicyError, match=r"was ended by signal 9: it said 'process"):
        run()


def test_its_own_server_is_asked_without_a_proxy(local, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(local.name) as held:
        config = InferenceConfig(engine="vllm", url=held.url, attempts=1)
        with sampled_by(config, local, tmp_path / "served") as policy:
            policy.bring()


def test_arguments_that_no_shell_reads_are_refused():
    with pytest.raises(ValueError, match="program_args"):
        InferenceConfig(engine="vllm", program_args="--name 'half")


STARTS = """
import subprocess, time
print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)
time.sleep(1000)
"""
ASKED_EARLY = """
import importlib.util, os, signal, subprocess, sys
spec = importlib.util.spec_from_file_location("guard", sys.argv[1])
guard = importlib.util.module_from_spec(spec)
spec.loader.exec_module(guard)
start = subprocess.Popen
def started(*words, **options):
    program = start(*words, **options)
    print(program.pid, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    return program
guard.subprocess.Popen = started
sys.exit(guard.main(["sleep", "1000"]))
"""
ASKS = """
import subprocess, sys, time
asked = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
time.sleep(1000)
"""


@pytest.mark.parametrize("ends", ["the pipe", "kill -9"])
def test_a_program_and_what_it_started_end_with_whoever_asked(ends):
    """However that one ends: it may have no time to say anything."""
    guarded = [sys.executable, guard.__file__, sys.executable, "-c", STARTS]
    words = guarded if ends == "the pipe" else [sys.executable, "-c", ASKS, *guarded]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asker:
        child = int(asker.stdout.readline())
        assert is_there(child)
        if ends == "the pipe":
            asker.stdin.close()
        else:
            os.kill(asker.pid, signal.SIGKILL)
        assert gone_within(child)
