import math
import sys

import pytest

from secondthought.bench import sample
from secondthought.bench.peers import hf_generate, vllm_sample
from secondthought.bench.peers.client import preloading, run_peer
from secondthought.bench.peers.generation import left_padded
from secondthought.bench.update import make_model
from secondthought.errors import PolicyError, RunError

SIZES = {"trunks": 2, "trunk": 9, "tokens": 5, "branches": 3, "failures": 2, "hidden": 64, "layers": 1, "rounds": 2}
LENGTHS = {"shortest_trunk": 4, "shortest": 2, "mean": 4, "longest": 7, "generate_rows": 4}
OURS = {"generate": False, "continuous": False}


@pytest.fixture
def model():
    return sample._endless(make_model(64, 1))


@pytest.fixture
def rollouts():
    return sample.rollouts_workload(3, (4, 9), 2, (2, 4, 7), 4)


def test_every_engine_samples_both_workloads_and_vllm_is_left_out_by_name():
    found = sample.run(**SIZES, **LENGTHS)
    for work in ("trunks", "rollouts"):
        raw = found["raw"][work]
        assert set(raw["seconds"]) == {"ours", "generate", "continuous"}
        assert raw["left_out"] == {"vllm": "no vllm_python given"}
        assert raw["rows"] == 6
        assert {name: len(taken["wall"]) for name, taken in raw["seconds"].items()} == {
            "ours": 6,  # after each peer, those that were left out included
            "generate": 2,
            "continuous": 2,
        }
        medians = found["median_seconds"][work]
        assert found["tokens_per_second"][work]["ours"] == pytest.approx(raw["tokens"] / medians["ours"])
        assert found["ratios"][work]["generate_to_ours"] == pytest.approx(medians["generate"] / medians["ours"])
        assert all(math.isfinite(value) for value in found["ratios"][work].values())
    assert found["raw"]["trunks"]["tokens"] == 2 * 3 * 5
    assert found["raw"]["trunks"]["prompt_tokens"] == 2 * 3 * 9


def test_a_slow_engine_has_one_round_and_no_more():
    found = sample.run(**SIZES, **OURS, workload="trunks", seconds=0.0)
    assert len(found["raw"]["trunks"]["seconds"]["ours"]["wall"]) == 3  # one after each peer, in place of two


def test_one_workload_alone_and_ours_alone():
    found = sample.run(**SIZES, **OURS, workload="trunks")
    assert set(found["raw"]) == {"trunks"}
    assert found["raw"]["trunks"]["left_out"]["generate"] == "not asked for"
    assert found["ratios"]["trunks"] == {}


def test_rollouts_have_many_lengths_within_bounds_and_most_are_short():
    work = sample.rollouts_workload(32, (400, 60), 16, (8, 48, 200), 64)
    assert len(work.prompts) == len(work.limits) == 512
    trunks = {prompt.trunk for prompt in work.prompts}
    assert len(trunks) == 32
    assert all(60 <= len(trunk) <= 400 for trunk in trunks)
    assert min(work.limits) >= 8
    assert max(work.limits) == 200
    assert 40 < sum(work.limits) / 512 < 52
    assert sorted(work.limits)[256] < 40
    assert len({prompt.key for prompt in work.prompts}) == 512
    assert [prompt.trunk for prompt in work.prompts[:16]] == [work.prompts[0].trunk] * 16


def test_workloads_are_the_same_every_time(rollouts):
    assert sample.rollouts_workload(3, (4, 9), 2, (2, 4, 7), 4) == rollouts


def test_the_first_rows_of_a_workload_are_cut_for_warming_up(rollouts):
    assert rollouts.short.prompts == rollouts.prompts
    assert max(rollouts.short.limits) == sample.WARMUP_TOKENS < max(rollouts.limits)


def test_generate_runs_each_batch_to_its_longest_row(model, rollouts, monkeypatch):
    asked = []
    original = model.generate

    def generate(**given):
        asked.append((tuple(given["input_ids"].shape), given["generation_config"].max_new_tokens))
        return original(**given)

    monkeypatch.setattr(model, "generate", generate)
    lengths = hf_generate.generate(model, rollouts.ids, rollouts.limits, batch_rows=4)
    assert lengths == list(rollouts.limits)
    sizes = [len(ids) for ids in rollouts.ids]
    assert asked == [
        ((4, max(sizes[:4])), max(rollouts.limits[:4])),
        ((2, max(sizes[4:])), max(rollouts.limits[4:])),
    ]


def test_batches_are_padded_on_the_left():
    ids, mask = left_padded([(1, 2, 3), (4,)], 9)
    assert ids.tolist() == [[1, 2, 3], [9, 9, 4]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_continuous_batching_honours_every_rows_length(model, rollouts, monkeypatch):
    monkeypatch.setattr(hf_generate, "IN_FLIGHT", 2)
    assert hf_generate.continuous(model, rollouts.ids, rollouts.limits) == list(rollouts.limits)


def test_a_peer_that_cannot_run_is_left_out_with_its_reason(monkeypatch):
    def broken(*_):
        raise PolicyError("continuous batching: it needs what is not here")

    monkeypatch.setattr(hf_generate, "continuous", broken)
    found = sample.run(**SIZES, generate=False, workload="trunks")
    assert found["raw"]["trunks"]["left_out"]["continuous"] == "continuous batching: it needs what is not here"
    assert set(found["raw"]["trunks"]["seconds"]) == {"ours"}


def test_an_engine_that_stops_early_is_not_timed(monkeypatch):
    monkeypatch.setattr(hf_generate, "generate", lambda model, ids, limits, batch_rows: [1] * len(limits))
    with pytest.raises(RunError, match="gave 6 of 6 rows another length"):
        sample.run(**SIZES, continuous=False, workload="trunks")


def test_vllm_gets_the_same_rows_and_lengths(monkeypatch):
    jobs = []

    def peer(python, script, job, *, environment, preload):
        assert environment["OMP_NUM_THREADS"] == "1"
        assert "libiomp5.so" in preload
        jobs.append((python, script, job))
        return {"seconds": [8.0, 8.0], "cpu_seconds": [4.0, 4.0], "lengths": job["limits"], "versions": {"vllm": "1"}}

    monkeypatch.setattr(sample, "run_peer", peer)
    found = sample.run(**SIZES, **LENGTHS, **OURS, vllm_python="python-of-vllm", threads=1)
    works = [sample.trunks_workload(2, 9, 3, 5), sample.rollouts_workload(2, (4, 9), 3, (2, 4, 7), 4)]
    for (python, script, job), work in zip(jobs, works, strict=True):
        assert (python, script) == ("python-of-vllm", "vllm_sample.py")
        assert (job["prompts"], job["limits"]) == (work.ids, work.limits)
        assert (job["rounds"], job["dtype"]) == (2, "bfloat16")
    assert found["median_seconds"]["rollouts"]["vllm"] == 8.0
    assert found["median_cpu_seconds"]["trunks"]["vllm"] == 4.0
    assert found["raw"]["trunks"]["vllm_versions"] == {"vllm": "1"}


def test_only_libraries_that_a_peer_has_are_loaded_first(tmp_path, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "/given.so")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "here.so").touch()
    found = preloading(tmp_path / "bin" / "python", ["absent.so", "here.so"])
    assert found == {"LD_PRELOAD": f"/given.so:{tmp_path}/lib/here.so"}


def test_a_peers_process_gets_its_environment(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncat > /dev/null\necho "{\\"threads\\": $OMP_NUM_THREADS}"\n')
    python.chmod(0o755)
    assert run_peer(python, "vllm_sample.py", {}, environment=vllm_sample.environment(3, 1)) == {"threads": 3}


def test_a_peers_process_finds_our_package_and_nothing_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/given")
    script = tmp_path / "script.py"
    script.write_text(
        "import json, os, sys\n"
        "import secondthought.bench.clocks as clocks\n"
        "print(json.dumps([os.listdir(sys.path[1]), clocks.__file__.startswith(sys.path[1]), sys.path[2]]))\n"
    )
    assert run_peer(sys.executable, str(script), {}) == [["secondthought"], True, "/given"]


def test_a_checkpoint_samples_every_number_of_rows_in_groups(checkpoints):
    path = str(checkpoints / "qwen2")
    found = sample.run(model=path, rows=(4, 8), groups=(2, 4), trunk=5, tokens=3, rounds=1)
    names = {f"{rows} rows, groups of {group}" for rows in (4, 8) for group in (2, 4)}
    assert set(found["tokens_per_second"]) == names
    assert all(set(speeds) == {"ours", "generate"} for speeds in found["tokens_per_second"].values())
    assert found["raw"]["8 rows, groups of 4"]["prompt_tokens"] == 40
