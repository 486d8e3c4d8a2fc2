"""Two processes that train and two servers that sample, on one machine: they do what one of each does."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import NO_CONTROLS, results, small_config, untimed
from two_processes import at_call, ended, error_of, said, start
from vllm_server import DEAD, serving

from secondthought.train.learner import Learner
from secondthought.train.run import execute

pytest.importorskip("peft")


@pytest.fixture
def servers(checkpoints):
    with serving(checkpoints / "qwen2") as one, serving(checkpoints / "qwen2") as other:
        yield one, other


@pytest.fixture(scope="module")
def alone(checkpoints, tmp_path_factory):
    """The same run by one process and one server."""
    with serving(checkpoints / "qwen2") as held:
        config = config_of(tmp_path_factory.mktemp("alone") / "run", checkpoints, [held])
        execute(config, quiet=True)
    return config.run_dir


def config_of(run_dir, checkpoints, servers, timeout_s=60.0):
    """A small run of an adapter by servers."""
    return small_config(
        run_dir,
        checkpoints / "qwen2",
        model={"lora": {"rank": 4}},
        evaluation=NO_CONTROLS,
        train={"timeout_s": timeout_s, "steps": 3, "eval_every": 3, "checkpoint_every": 1},
        inference={
            "engine": "vllm",
            "url": [held.url for held in servers],
            "attempts": 2,
            "time_limit_s": timeout_s / 3,  # a server that hangs must be given up before the processes give up
        },
    )


def in_two(root, config, *, resume=False, patch=lambda rank: None):
    root.mkdir()

    def work(rank, join):
        patch(rank)
        return execute(config, resume=resume, quiet=True)

    return start(root, work)


def assert_alike(found, wanted):
    """The same steps, problems, tokens and outcomes; numbers that rounding touches nearly."""
    for row, other in zip(untimed(found), untimed(wanted), strict=True):
        assert row == {name: about(value) for name, value in other.items()}
    for name in ("before", "after", "tokens_sampled"):
        assert results(found)[name] == results(wanted)[name]


def about(value):
    return value if value is None else pytest.approx(value, rel=1e-3, abs=1e-5)


def test_a_run_in_two_by_two_is_that_of_one_process(tmp_path, checkpoints, servers, alone):
    config = config_of(tmp_path / "run", checkpoints, servers)
    assert ended(in_two(tmp_path / "processes", config)) == [0, 0], said(tmp_path / "processes")
    assert_alike(config.run_dir, alone)
    brought = [[call["lora_name"] for call in held.routes("/v1/load_lora_adapter")] for held in servers]
    assert brought[0] == brought[1], "one process brings the weights, once to each server"
    assert len(set(brought[0])) == len(brought[0]) == 5, "the first, one after each step, those that are chosen"
    asked = [len(held.routes("/v1/completions")) for held in servers]
    assert min(asked) > max(asked) / 3, "both servers sample"
    assert [list(held.models) for held in servers] == [["base-model"]] * 2
    assert not any((config.run_dir / "served").iterdir())


def test_a_server_that_dies_under_two_processes_takes_nothing_with_it(tmp_path, checkpoints, servers, alone):
    config = config_of(tmp_path / "run", checkpoints, servers)
    one, _ = servers

    def after_two(call):
        if len(one.routes("/v1/load_lora_adapter")) == 2:
            one.faults["/v1/completions"] = list(DEAD)
        return call

    one.change = after_two
    assert ended(in_two(tmp_path / "processes", config)) == [0, 0], said(tmp_path / "processes")
    assert len(one.faults["/v1/completions"]) < len(DEAD)
    assert_alike(config.run_dir, alone)


def test_a_killed_trainer_resumes_with_the_same_servers(tmp_path, checkpoints, servers, alone):
    """Whatever the killed run left at the servers, the next one brings its own weights under names of its own."""
    config = config_of(tmp_path / "run", checkpoints, servers, timeout_s=15.0)
    killed = in_two(tmp_path / "first", config, patch=lambda rank: at_call(Learner, "update", 3) if rank == 0 else None)
    assert ended(killed) == [-signal.SIGKILL, 1]
    assert "rank 0 of 2 is missing" in error_of(tmp_path / "first", 1)
    assert ended(in_two(tmp_path / "second", config, resume=True)) == [0, 0], said(tmp_path / "second")
    assert_alike(config.run_dir, alone)
    names = [call["lora_name"] for call in servers[0].routes("/v1/load_lora_adapter")]
    assert len(set(names)) == len(names)


def test_what_servers_refuse_is_said_by_every_process(tmp_path, checkpoints, servers):
    config = config_of(tmp_path / "run", checkpoints, servers)
    for held in servers:
        held.faults["/v1/load_lora_adapter"] = [(404, {"error": {"message": "Not Found"}})] * 9
    assert ended(in_two(tmp_path / "processes", config)) == [1, 1]
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in error_of(tmp_path / "processes", 0)
    assert "rank 0 of 2 stopped" in error_of(tmp_path / "processes", 1)


def flags_of(settings, before="--"):
    """The settings as a command line says them."""
    for name, value in settings.items():
        flag = before + name.replace("_", "-")
        if isinstance(value, dict):
            yield from flags_of(value, f"{flag}.")
        elif isinstance(value, bool):
            yield flag if value else f"{before}no-{name.replace('_', '-')}"
        elif value is not None:
            yield from (flag, *(map(str, value) if isinstance(value, list) else [str(value)]))


DIES_ONCE = """
import os, signal, sys
from pathlib import Path
from secondthought.cli import main
from secondthought.train.learner import Learner

update, count, died = Learner.update, 0, Path(__file__).with_name("died")

def dying(self, *args, **kwargs):
    global count
    count += 1
    if count == 2 and os.environ["RANK"] == "1" and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return update(self, *args, **kwargs)

Learner.update = dying
sys.exit(main())
"""
AGENTS = {"one agent": 1, "two agents": 2}


def places_of(count):
    """How agents of torchrun find each other and two processes."""
    if count == 1:
        return ["--standalone", "--nproc-per-node", "2"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{port}"]
    return ["--nnodes", str(count), "--nproc-per-node", "1", *meeting]


@pytest.mark.slow
@pytest.mark.parametrize("agents", AGENTS)
def test_torchrun_starts_a_run_again_that_lost_a_process(tmp_path, checkpoints, servers, alone, agents):
    """With --resume and a directory that is there, the same command begins a run and goes on with it."""
    config = config_of(tmp_path / "run", checkpoints, servers)
    (tmp_path / "run").mkdir()
    (tmp_path / "dies_once.py").write_text(DIES_ONCE)
    count = AGENTS[agents]
    command = [sys.executable, "-m", "torch.distributed.run", *places_of(count), "--max-restarts", "3"]
    command += [str(tmp_path / "dies_once.py"), "train", "reflect-retry", "--resume"]
    command += flags_of(config.model_dump(mode="json", exclude_unset=True))
    codes, words = all_ended(count, command, tmp_path)
    assert codes == [0] * count, words
    assert (tmp_path / "died").exists()
    assert_alike(tmp_path / "run", alone)
    assert len(servers[0].routes("/v1/load_lora_adapter")) > 5, "it began twice"


def all_ended(count, command, root):
    """Run a command `count` times at once; returns how each ended, and what all of them said."""
    paths = os.pathsep.join([str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    logs = [root / f"agent-{number}.log" for number in range(count)]
    with contextlib.ExitStack() as stack:
        outs = [stack.enter_context(log.open("w")) for log in logs]
        started = [subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT) for out in outs]
        for process in started:
            stack.callback(process.wait)
            stack.callback(process.terminate)  # torchrun then ends the processes that it started
        codes = [process.wait(timeout=300) for process in started]
    return codes, "\n".join(log.read_text() for log in logs)
