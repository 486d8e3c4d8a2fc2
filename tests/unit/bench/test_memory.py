"""Measured peaks stand beside the formula's, from processes of their own."""

import json
import mmap

import forked_programs
import pytest

from secondthought.bench import memory
from secondthought.bench import planned_step as plan
from secondthought.bench.probes import memory as memory_probe
from secondthought.config import RunConfig
from secondthought.errors import RunError
from secondthought.preflight.resources import inputs as reading
from secondthought.preflight.resources.plan import MachineSpeed, RunPlan
from secondthought.preflight.resources.sampling_memory import Rows
from secondthought.preflight.resources.workload import Assumed, Lengths

MEGABYTE = 2**20


def test_peaks_are_measured_beside_the_formula():
    found = memory.run(groups=(2,), trunk=9, branch=4, trunks=2, hidden=64, layers=2)
    both = found["raw"]["2"]
    for what in ("sampling", "update"):
        assert both[what]["exact"]
        assert 0 < both[what]["resident"] <= both[what]["peak"]
        assert found["ratios"][f"{what}_formula_to_peak_2"] == both[what]["formula"] / both[what]["peak"]


def test_a_measurement_that_fails_is_quoted(tmp_path, monkeypatch):
    forked = lambda words, **_: forked_programs.run(*words[1:])  # noqa: E731
    monkeypatch.setattr(memory.subprocess, "run", forked)
    with pytest.raises(RunError, match=r"the measuring process failed: .*nowhere"):
        memory.Probe(model=tmp_path / "nowhere").sampling(Rows(U=1, S=1, P=1, T=0, R=1))


def test_a_peak_is_forgotten_and_found_again():
    import torch

    cpu = torch.device("cpu")
    if not memory_probe.forget_peak(cpu):
        pytest.skip("this system does not let a process forget its peak")
    grown = []
    for _ in range(5):  # the system may take pages away from other parts of the process meanwhile
        assert memory_probe.forget_peak(cpu)
        low = memory_probe.peak(cpu)
        assert low < memory_probe.memory_now(cpu) + 16 * MEGABYTE
        # Pages of its own: what the allocator kept of earlier tests may hold a tensor without any growth.
        with mmap.mmap(-1, 64 * MEGABYTE) as pages:
            pages.write(bytes(64 * MEGABYTE))
            grown.append(memory_probe.peak(cpu) - low)
    assert max(grown) >= 48 * MEGABYTE


def test_each_phase_of_a_step_is_measured_at_its_longest(monkeypatch):
    asked = []

    def measured(self, what):
        asked.append(what)
        return {"peak": 5, "seconds": 2.0}

    monkeypatch.setattr(memory.Probe, "_run", measured)
    config = RunConfig(train={"groups_per_step": 3, "mine_tries": 4}, algorithm={"group_size": 2, "retries": 2})
    given = planned(config)
    found = plan.measure_step(given, MachineSpeed(update=1e9, decode=1e9, call=1e-6))
    assert list(found) == ["mining", "reflections", "retries", "update"]
    assert [item["peak_measured"] for item in found.values()] == [5] * 4
    assert asked[2]["rows"] == {"U": 3, "S": 4, "P": 10 + 256 + 5, "T": 128 + 7, "R": 256}
    assert asked[3]["trees"]["U"] == 3


def planned(config):
    lengths = Lengths(prompt=10, reflection_request=5, retry_request=7, retry_alone=6, source="a test")
    return RunPlan(config=config, shape=reading.read_shape(config.model), lengths=lengths, assumed=Assumed())


@pytest.mark.slow
def test_a_critic_is_measured_with_the_policy_it_judges():
    """What stays is twice the weights, gradients and moments; the update's peak is that of the formula, to a fifth."""
    tries = {"max_attempt_tokens": 48}
    algorithm = {"type": "ppo", "group_size": 8, "kl_ref": 0.0, "kl_reward": 0.001}
    settings = {"groups_per_step": 4, "micro_batch_tokens": 10**6}
    config = RunConfig(episode=tries, algorithm=algorithm, train=settings, threads=1)
    found = plan.measure_step(planned(config), MachineSpeed(update=1e9, decode=1e9, call=1e-6))
    assert list(found) == ["first tries", "update"]
    for name, item in found.items():
        assert item["peak_estimated"] == pytest.approx(item["peak_measured"], rel=0.25), name


def test_a_critic_is_part_of_the_job(monkeypatch):
    asked = []
    monkeypatch.setattr(memory.Probe, "_run", lambda self, what: asked.append(self) or {"peak": 5, "seconds": 2.0})
    config = RunConfig(algorithm={"type": "ppo"}, critic={"mini_batches": 3}, train={"gradient_checkpointing": True})
    plan.measure_step(planned(config), MachineSpeed(update=1e9, decode=1e9, call=1e-6))
    [job] = {json.dumps(probe._settings()) for probe in asked}
    told = json.loads(job)
    assert told["algorithm"]["type"] == "ppo"
    assert told["critic"]["mini_batches"] == 3
    assert told["train"]["gradient_checkpointing"] is True
