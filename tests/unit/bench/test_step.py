import json
from pathlib import Path

import pytest
import torch

from secondthought import tasks
from secondthought.bench import step
from secondthought.bench.clocks import Seconds
from secondthought.bench.peers import grpo, trl_step
from secondthought.bench.update import WARMUP
from secondthought.errors import ConfigError, PolicyError
from secondthought.inference.loading import load_policy

TINY = {"groups": 2, "group": 2, "tries": 2, "attempt_tokens": 8, "reflection_tokens": 6, "steps": 2}
CONFIG = step.StepSettings(**TINY).config()


@pytest.fixture(scope="module")
def task():
    return tasks.load(CONFIG.task.name, CONFIG.task.options)


@pytest.fixture(scope="module")
def problems(task):
    return task.problems("train", 2 * (WARMUP + 2), 0)


@pytest.fixture(scope="module")
def job(task, problems):
    return step._job(CONFIG, task, problems)


def test_ours_is_measured_and_trl_left_out_by_name():
    found = step.run(**TINY)
    assert found["raw"]["left_out"] == {"trl": "no peer_python given"}
    assert set(found["median_seconds"]) == {"ours"}
    assert len(found["raw"]["seconds"]["ours"]["update"]["wall"]) == 2
    assert all(0 < count <= 2 for count in found["raw"]["failures"]["ours"])
    assert all(tokens > 0 for tokens in found["raw"]["sampled_tokens"]["ours"])
    assert all(0 <= count <= 2 for count in found["raw"]["groups_learned"]["ours"])
    assert sum(found["shares"]["ours"].values()) == pytest.approx(1.0)
    assert found["ratios"] == {}


def test_the_ratio_is_that_of_whole_steps(monkeypatch):
    seen = []

    def peer(python, script, job):
        assert (Path(job["checkpoint"]) / "config.json").is_file()
        seen.append(json.loads(json.dumps(job)))
        return {
            "sampling": {"wall": [6.0, 6.0], "cpu": [3.0, 3.0]},
            "update": {"wall": [4.0, 4.0], "cpu": [2.0, 2.0]},
            "failures": [2, 2],
            "sampled_tokens": [50, 50],
            "versions": {"trl": "1.16.0"},
        }

    monkeypatch.setattr(step, "run_peer", peer)
    found = step.run(**TINY, peer_python="python-of-the-peer", threads=1)
    assert found["median_seconds"]["trl"] == {"step": 10.0, "sampling": 6.0, "update": 4.0}
    ours = found["median_cpu_seconds"]["ours"]
    assert found["ratios"]["trl_to_ours_cpu"] == pytest.approx(5.0 / ours["step"])
    assert found["ratios"]["trl_to_ours_update_cpu"] == pytest.approx(2.0 / ours["update"])
    assert len(found["raw"]["seconds"]["ours"]["sampling"]["wall"]) == 4  # before the peer and after it
    assert found["raw"]["groups_learned"]["trl"] == [2, 2]
    assert found["shares"]["trl"]["sampling"] == pytest.approx(0.6)
    assert (seen[0]["steps"], seen[0]["groups"], seen[0]["group"], seen[0]["threads"]) == (2, 2, 2, 1)


def test_the_peer_gets_our_problems_in_the_order_of_our_steps(job, task, problems):
    policy = load_policy(CONFIG.model)
    assert sorted(json.dumps(item["data"]) for item in job["problems"]) == sorted(
        json.dumps(dict(problem.data)) for problem in problems
    )
    for item in job["problems"]:
        problem = task.parse(item["data"])
        assert item["prompt_ids"] == policy.start(problem.messages)
        assert item["retry_ids"][0] == job["reflect_ids"][0] == job["end_of_turn"]
    assert len({item["retry_ids"] for item in job["problems"]}) == len(problems)


class Fake:
    """A trainer whose model says what it is told to, and remembers what it was asked."""

    def __init__(self, answers):
        self.model, self.accelerator, self.asked = self, self, []
        self.answers = iter(answers)

    def unwrap_model(self, model):
        return model

    def generate(self, *, input_ids, attention_mask, generation_config):
        rows = [
            [token for token, seen in zip(ids, mask, strict=True) if seen]
            for ids, mask in zip(input_ids.tolist(), attention_mask.tolist(), strict=True)
        ]
        self.asked.append((rows, generation_config.max_new_tokens))
        said = [list(next(self.answers)) for _ in rows]
        size = max(map(len, said))
        padded = torch.tensor([row + [0] * (size - len(row)) for row in said])
        return torch.cat([input_ids, padded], 1)


@pytest.fixture
def rollout(job, tmp_path):
    load_policy(CONFIG.model).save(tmp_path)
    given = {**job, "generate_rows": 64, "checkpoint": str(tmp_path)}
    return trl_step.Rollout(json.loads(json.dumps(given)))


def test_the_peers_rollout_builds_the_rows_that_we_would_train_on(rollout, job, task):
    policy = load_policy(CONFIG.model)
    right = [policy.encode(task.gold(task.parse(item["data"]))).token_ids for item in job["problems"][:2]]
    end = job["end_of_turn"]
    wrong, cut = (5, 6, end), (7,) * len(right[1])
    reflections = [(10, end), (11, 12), (13, end), (14, end)]
    # The first problem fails at once, its try cut off; the second is solved first and then failed.
    trainer = Fake([cut, right[1], wrong, *reflections, right[0], wrong, wrong, right[1]])
    rows = rollout(["0", "0", "1", "1"], trainer)
    first, second = job["problems"][:2]
    trunks = [
        [*first["prompt_ids"], *cut, *job["reflect_ids"]],
        [*second["prompt_ids"], *wrong, *job["reflect_ids"][1:]],
    ]
    assert rows["prompt_ids"] == [trunks[0], trunks[0], trunks[1], trunks[1]]
    assert [tuple(row) for row in rows["completion_ids"]] == reflections
    assert rows["retry_score"] == [1.0, 0.0, 0.0, 1.0]
    assert rows["logprobs"] is None
    mined, again, reflected, retried = trainer.asked
    assert (len(mined[0]), len(again[0])) == (2, 1)
    assert [limit for _, limit in trainer.asked] == [8, 8, 6, 8]
    assert reflected[0] == rows["prompt_ids"]
    assert retried[0][0] == [*trunks[0], 10, end, *first["retry_ids"][1:]]
    assert retried[0][1] == [*trunks[0], 11, 12, *first["retry_ids"]]
    assert rollout.failures == [2]
    assert rollout.sampled_tokens == [sum(map(len, [cut, wrong, wrong, wrong, *reflections, *right, right[1]]))]


def test_a_problem_that_is_never_failed_has_rows_without_a_score(rollout, job, task):
    right = load_policy(CONFIG.model).encode(task.gold(task.parse(job["problems"][0]["data"]))).token_ids
    wrong = (5, job["end_of_turn"])
    trainer = Fake([right, wrong, right, *[wrong] * 8])
    rows = rollout(["0", "0", "1", "1"], trainer)
    assert rows["retry_score"] == [None, None, 0.0, 0.0]
    assert trl_step.reward(rows["retry_score"], completions=[]) == rows["retry_score"]
    assert rollout.failures == [1]


def test_the_clock_tells_the_rollout_from_the_update(monkeypatch):
    ticks = iter([(0.0, 0.0), (1.0, 1.0), (4.0, 2.0), (5.0, 2.0), (6.0, 3.0), (10.0, 5.0)])
    monkeypatch.setattr(grpo, "now", lambda: next(ticks))
    clock = grpo.StepClock()
    prepare = clock.count_apart(lambda batch: batch + 1)
    clock.on_step_begin()
    assert (prepare(1), prepare(2)) == (2, 3)  # of two micro-batches
    clock.on_step_end()
    assert clock.sampling == Seconds([4.0], [2.0])
    assert clock.update == Seconds([6.0], [3.0])


def test_a_model_that_is_not_there_is_one_sentence():
    with pytest.raises(PolicyError, match="nowhere: no checkpoint"):
        step.run(**TINY, model="./nowhere")


def test_sizes_that_make_no_group_are_refused():
    with pytest.raises(ConfigError, match=r"^bench step: algorithm.*group_size"):
        step.run(**{**TINY, "group": 1})
