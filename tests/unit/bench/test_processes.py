import subprocess

import pytest

from secondthought import tasks
from secondthought.bench import processes
from secondthought.bench.clocks import Seconds
from secondthought.bench.step import Steps, StepSettings, timed_steps
from secondthought.errors import PolicyError, RunError

TINY = {"groups": 3, "group": 2, "tries": 2, "attempt_tokens": 8, "reflection_tokens": 6}
CONFIG = StepSettings(**TINY, steps=1).config()


def steps(sampling, update, tokens=(7, 7)):
    """Two steps of one process: seconds by the wall clock; processor time is half of it."""
    seconds = [Seconds(list(wall), [time / 2 for time in wall]) for wall in (sampling, update)]
    return Steps(*seconds, failures=[3, 3], groups_learned=[1, 2], sampled_tokens=list(tokens))


def test_each_part_is_as_slow_as_the_slowest_process(monkeypatch):
    sizes = []

    def timed(config, size, threads):
        sizes.append(size)
        alone = steps((8.0, 8.0), (4.0, 4.0))
        return [alone] if size == 1 else [steps((5.0, 1.0), (2.0, 3.0)), steps((4.0, 5.0), (3.0, 1.0))]

    monkeypatch.setattr(processes, "timed", timed)
    found = processes.run(**TINY, steps=2)
    assert sizes == [1, 2, 1]  # one process before and after
    assert found["median_seconds"]["several"] == {"step": 8.0, "sampling": 5.0, "update": 3.0}
    assert found["ratios"]["rate"] == found["ratios"]["rate_cpu"] == pytest.approx(12 / 8)
    assert found["ratios"]["rate_sampling"] == pytest.approx(8 / 5)
    assert found["ratios"]["rate_update_cpu"] == pytest.approx(4 / 3)
    assert found["raw"]["seconds"]["several"][1]["update"]["wall"] == [3.0, 1.0]
    assert len(found["raw"]["seconds"]["one"][0]["update"]["wall"]) == 4
    assert found["raw"]["sampled_tokens"] == {"one": [7] * 4, "several": [7, 7]}


@pytest.mark.parametrize("size", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_processes_do_the_work_of_one(size):
    task = tasks.load(CONFIG.task.name, CONFIG.task.options)
    problems = task.problems("train", CONFIG.train.groups_per_step * CONFIG.train.steps, CONFIG.seed)
    ranks, alone = processes.timed(CONFIG, size, 1), timed_steps(CONFIG, task, problems)
    assert len(ranks) == size
    for side in ranks:
        counts = (side.failures, side.groups_learned, side.sampled_tokens)
        assert counts == (alone.failures, alone.groups_learned, alone.sampled_tokens)
        assert all(seconds > 0 for clock in (side.sampling, side.update) for seconds in (*clock.wall, *clock.cpu))


def test_a_process_that_fails_is_quoted(monkeypatch):
    said = (
        "Traceback (most recent call last):\nsecondthought.errors.RunError: rank 1 of 2 stopped: x\nRoot Cause\n===\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: subprocess.CompletedProcess(args, 1, "", said))
    with pytest.raises(RunError, match=r"^bench processes: one of 2 failed: rank 1 of 2 stopped: x$"):
        processes.timed(CONFIG, 2, 1)


def test_a_model_that_is_not_there_is_one_sentence():
    with pytest.raises(PolicyError, match="nowhere: no checkpoint"):
        processes.run(**TINY, model="./nowhere")
