import math
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from secondthought.bench import model_update, solve, update, verify
from secondthought.bench.peers.client import run_peer
from secondthought.bench.probes import update as update_probe
from secondthought.errors import ConfigError
from secondthought.trees import TokenTree

TINY = {"trunk": 9, "branch": 4, "group": 3, "retry": 2, "hidden": 64, "layers": 2, "steps": 2}


def test_the_verifiers_bench_judges_every_kind_of_completion():
    found = verify.run(problems=10, rounds=2)
    assert found["settings"]["completions"] == 50
    assert found["raw"]["reasons"]["correct"] >= 10
    assert {"malformed", "no_answer"} < set(found["raw"]["reasons"])
    assert found["completions_per_second"] > 0


def test_the_solvers_bench_reports_medians_of_fresh_problems():
    found = solve.run(problems=10, numbers=3)
    assert 0 < found["decide_ms_median"] <= found["raw"]["decide_ms_max"]
    assert 0 < found["all_solutions_ms_median"] <= found["raw"]["all_solutions_ms_max"]


def test_the_updates_bench_measures_ours_and_names_what_it_left_out():
    found = update.run(**TINY)
    assert set(found["raw"]["seconds"]) == {"shared", "unshared"}
    assert found["raw"]["left_out"] == {"trl": "no peer_python given", "trl_with_retry": "no peer_python given"}
    assert found["gradient_difference"] < 1e-5
    assert found["ratios"]["unshared_to_shared"] == pytest.approx(
        found["median_seconds"]["unshared"] / found["median_seconds"]["shared"]
    )
    assert all(math.isfinite(value) for value in found["ratios"].values())


def test_a_peer_gets_the_same_rows_with_the_retry_masked(monkeypatch):
    jobs = []

    def peer(python, script, job):
        jobs.append(job)
        return {"seconds": [8.0, 8.0], "cpu_seconds": [4.0, 4.0]}

    monkeypatch.setattr(update, "run_peer", peer)
    found = update.run(**TINY, unshared=False, peer_python="python-of-the-peer")
    tree = update.make_tree(9, 4, 3)
    assert isinstance(tree, TokenTree)
    for job, retry in zip(jobs, (0, 2), strict=True):
        assert job["trunk"] == tree.trunk
        assert [tuple(row[:4]) for row in job["completions"]] == [branch.token_ids for branch in tree.branches]
        assert [len(row) for row in job["completions"]] == [4 + retry] * 3
        assert job["masks"] == [[1] * 4 + [0] * retry] * 3
        assert len(set(job["rewards"])) == 2
    assert found["median_seconds"]["trl"] == 8.0
    assert found["median_cpu_seconds"]["trl_with_retry"] == 4.0
    assert not any(job["bf16"] for job in jobs)
    assert "gradient_difference" not in found


def test_under_bf16_both_paths_are_compared_with_the_exact_gradient():
    found = update.run(**TINY, precision="bf16")
    assert 0 < found["bf16_error_shared"] < 0.1
    assert 0 < found["bf16_error_unshared"] < 0.1


def test_products_are_those_that_a_forward_and_its_backward_need():
    """Counted by torch's own counter on a model of one layer; it counts the masked halves of attention too."""
    model, tree = update.make_model(64, 1), update.make_tree(10, 4, 3)
    rows = [(*tree.trunk, *branch.token_ids) for branch in tree.branches]
    with FlopCounterMode(display=False) as counter:
        model(torch.tensor(rows)).logits.sum().backward()
    unshared = counter.get_total_flops()
    # Three rows of 14 tokens and all their logits, where the tree has 22 tokens and 12 logits.
    assert unshared * 12 / 42 < update.products(model, tree) < unshared * 22 / 42


def test_the_measured_model_is_the_size_that_it_claims():
    assert update.make_model(256, 6).num_parameters() == pytest.approx(5e6, rel=0.02)


def test_an_interpreter_that_is_not_there_is_one_sentence():
    with pytest.raises(ConfigError, match="no-such-python: cannot be run"):
        run_peer("/no-such-python", "trl_update.py", {})


def test_a_peer_that_fails_is_quoted_by_its_last_line():
    with pytest.raises(ConfigError, match=r"no_such_script\.py failed: .*No such file"):
        run_peer(sys.executable, "no_such_script.py", {})


def test_an_update_of_a_checkpoint_gives_both_sides_the_same_rows(monkeypatch, checkpoints):
    asked = []

    def peer(python, script, job, **_):
        asked.append((script, job))
        slow = script == "trl_update.py"
        return {"seconds": [8.0 if slow else 2.0], "peak": (9 if slow else 3) * 10**9}

    monkeypatch.setattr(model_update, "run_peer", peer)
    rows = {"trunk": 9, "branch": 4, "group": 3, "steps": 1, "threads": 1, "precision": "bf16"}
    found = model_update.run(model=str(checkpoints / "qwen2"), lora_rank=2, peer_python="a-python", **rows)
    assert found["ratios"] == {"trl_to_ours": 4.0, "trl_to_ours_peak": 3.0}
    [(_, ours), (_, theirs)] = asked
    assert ours == theirs
    assert [len(ids) for ids in ours["completions"]] == [4, 4, 4]
    alone = model_update.run(model=str(checkpoints / "qwen2"), lora_rank=2, **rows)
    assert alone["ratios"] == {}
    with pytest.raises(ConfigError, match="no directory"):
        model_update.run(model="nowhere", lora_rank=2, **rows)


def test_our_side_of_an_update_of_a_checkpoint(monkeypatch, checkpoints):
    monkeypatch.setattr(model_update, "WORDS", 200)
    job = model_update.make_job(str(checkpoints / "qwen2"), 2, 9, 4, 3)
    found = update_probe.measure({**job, "steps": 2, "warmup": 1, "threads": 1, "bf16": True})
    assert len(found["seconds"]) == len(found["cpu_seconds"]) == 2
    assert 0 < found["resident"] <= found["peak"]
    assert found["unshared_reason"] is None
    tree = update_probe.tree_of(job)
    assert sum(branch.advantages[0] for branch in tree.branches) == pytest.approx(0.0)
