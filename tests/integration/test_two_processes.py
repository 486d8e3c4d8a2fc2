"""Two processes over gloo do what one does: gradients, runs, checkpoints that both read, and no silent hang."""

import contextlib
import json
import math
import os
import random
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from small_runs import NO_CONTROLS, evaluations, results, small_config, untimed, weights
from tiny_models import shaken, tiny_policy
from two_processes import at_call, both, ended, error_of, said, start

from secondthought.config import AlgorithmConfig, ModelConfig, OptimConfig, TrainConfig
from secondthought.distributed.sharding import full
from secondthought.distributed.world import World
from secondthought.errors import RunError
from secondthought.inference.loading import load_policy
from secondthought.runs.directory import is_run
from secondthought.runs.recorder import read_metrics
from secondthought.train import checkpoint
from secondthought.train import run as run_module
from secondthought.train.learner import Learner
from secondthought.train.run import execute
from secondthought.trees import TokenTree, TreeBranch

TOLERANCE = 1e-5
WITH_KL = AlgorithmConfig(kl_ref=0.5, kl_anchor=0.3)
OPTIM = OptimConfig(lr=1e-2, warmup_steps=0)


def branch(token_ids, advantage, *, learns=None, anchored=None):
    size = len(token_ids)
    learns = learns or (True,) * size
    return TreeBranch(
        token_ids=tuple(token_ids),
        old_logprobs=(-5.0,) * size,
        advantages=tuple(advantage if flag else 0.0 for flag in learns),
        learns=tuple(learns),
        anchored=tuple(anchored or (False,) * size),
    )


def tree(trunk, *branches, anchored=()):
    flags = tuple(at in anchored for at in range(len(trunk)))
    return TokenTree(trunk=tuple(trunk), trunk_anchored=flags, branches=branches)


SHORT = tree((1, 2, 3), branch((4, 5, 6), 0.5), branch((7, 8), -0.5))
LONG = tree(range(20, 60), branch(range(60, 75), 1.0), branch(range(70, 90), -0.7), branch((3,), -0.3))
FLAT = tree((14, 15), branch((9, 10, 11), 0.0), branch((13,), 0.0))
HELD = tree(
    (5, 6, 7, 8),
    branch((9, 10, 11, 12), 0.25, learns=(True, True, False, False), anchored=(False, False, True, True)),
    branch((30, 31), -0.25),
    anchored=(2, 3),
)
SECOND_ONLY = tree(range(100, 130), branch((7, 8, 9), 1.0, learns=(False, True, True)))
"""No token of the trunk is in the loss, nor is any predicted at its end: its gradient comes through attention alone."""

STEPS = {
    "unequal numbers of groups": [LONG, SHORT, HELD],
    "one rank with nothing": [LONG],
    "dropped groups": [FLAT, SHORT, FLAT, LONG],
    "a trunk reached through attention alone": [SECOND_ONLY, SECOND_ONLY],
    "many forwards": [SHORT, HELD, SHORT, SHORT, HELD],
}
MICRO = {"many forwards": 12}


def learner(world, *, name="", architecture="qwen2", share=True, algorithm=WITH_KL):
    policy = tiny_policy(architecture)
    # The reference is what the policy is when the learner is made; from then on the policy differs from it.
    train = TrainConfig(share_trunk=share, micro_batch_tokens=MICRO.get(name, 1 << 14))
    found = Learner(policy, algorithm, OPTIM, train, temperature=0.9, world=world)
    policy.model.load_state_dict(shaken(policy.model).state_dict())
    found.take_weights()
    return found


def loss_and_gradients(found, trees):
    sums = found.backward([item for item in trees if not item.is_flat])
    gradients = {name: full(p.grad).double().numpy() for name, p in found.model.named_parameters()}
    return sums, gradients


def assert_equal_gradients(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        norm = float((value**2).sum() ** 0.5)
        assert norm > 0, name
        assert float(((found[name] - value) ** 2).sum() ** 0.5) <= TOLERANCE * norm, name


def test_loss_and_every_gradient_equal_one_process(tmp_path):
    """All steps in one pair of processes: what each computes is compared with one process's."""
    cases = [(name, share) for name in STEPS for share in (True, False)]

    def work(rank, join):
        with join() as world:
            return [loss_and_gradients(learner(world, name=name, share=share), STEPS[name]) for name, share in cases]

    ranks = both(tmp_path, work)
    for place, (name, share) in enumerate(cases):
        sums, gradients = loss_and_gradients(learner(World.alone(), name=name, share=share), STEPS[name])
        for found_sums, found in (shares[place] for shares in ranks):
            assert_equal_gradients(found, gradients)
            for field in ("policy", "kl_ref", "kl_anchor", "kl_old", "entropy", "ratio"):
                assert getattr(found_sums, field) == pytest.approx(getattr(sums, field), rel=TOLERANCE, abs=1e-5)


@pytest.mark.parametrize("architecture", ["gemma", "gemma3-window", "phi3"])
def test_tied_weights_and_fused_layers_too(tmp_path, architecture):
    def work(rank, join):
        with join() as world:
            return loss_and_gradients(learner(world, architecture=architecture), STEPS["unequal numbers of groups"])

    _, wanted = loss_and_gradients(
        learner(World.alone(), architecture=architecture), STEPS["unequal numbers of groups"]
    )
    for _, found in both(tmp_path, work):
        assert_equal_gradients(found, wanted)


def test_the_gradient_into_the_trunk_is_there_to_be_lost():
    """The case above would pass without a trunk's gradient if there were none."""
    found = learner(World.alone(), algorithm=AlgorithmConfig(kl_ref=0.0))
    _, gradients = loss_and_gradients(found, [SECOND_ONLY])
    trunk_only = [token for token in SECOND_ONLY.trunk if token not in SECOND_ONLY.branches[0].token_ids]
    assert abs(gradients["model.embed_tokens.weight"][trunk_only]).max() > 0


def test_an_adapter_learns_the_same_and_its_base_stays(tmp_path, model):
    pytest.importorskip("peft")
    steps = [STEPS["unequal numbers of groups"], STEPS["one rank with nothing"]]

    def adapted(world):
        policy = load_policy(ModelConfig(path=str(model), device="cpu", lora={"rank": 4}))
        found = Learner(policy, WITH_KL, OPTIM, TrainConfig(), world=world)
        return [stats.loss_total for stats in updates(found, steps)], state(found)

    def work(rank, join):
        with join() as world:
            return adapted(world)

    losses, weights = adapted(World.alone())
    for found_losses, found in both(tmp_path, work):
        assert found_losses == pytest.approx(losses, rel=1e-4)
        assert_close(found, weights)


def updates(found, steps):
    return [found.update(trees, step) for step, trees in enumerate(steps, 1)]


def state(found):
    return {name: value.clone() for name, value in found.policy.model.state_dict().items()}


def assert_close(found, wanted):
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, rtol=1e-4, atol=1e-5), name


def test_updates_clip_by_the_norm_of_the_whole_gradient_and_flat_steps_change_nothing(tmp_path):
    steps = [STEPS["dropped groups"], [FLAT], STEPS["one rank with nothing"], STEPS["unequal numbers of groups"]]

    def work(rank, join):
        with join() as world:
            found = learner(world)
            return updates(found, steps), state(found)

    alone = learner(World.alone())
    wanted = updates(alone, steps)
    for stats, found in both(tmp_path, work):
        assert [s.groups_kept for s in stats] == [s.groups_kept for s in wanted]
        assert [s.grad_norm for s in stats] == pytest.approx([s.grad_norm for s in wanted], rel=1e-4, nan_ok=True)
        assert [s.loss_total for s in stats] == pytest.approx([s.loss_total for s in wanted], rel=1e-4, nan_ok=True)
        assert_close(found, state(alone))


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_checkpoint_is_read_by_another_number_of_processes(tmp_path, before, after):
    """Three updates with a checkpoint after the second, against three in one process."""
    steps = [[LONG, SHORT], [HELD, SHORT], [LONG, HELD]]
    saved = tmp_path / "checkpoint"
    saved.mkdir()

    def in_world_of(size, work, root):
        if size == 1:
            return [work(World.alone())]

        def joined(rank, join):
            with join() as world:
                return work(world)

        return both(tmp_path / root, joined)

    def begin(world):
        found = learner(world)
        updates(found, steps[:2])
        checkpoint.save(saved, found.policy, found, {"step": 2})

    def go_on(world):
        found = learner(world)
        assert checkpoint.load(saved, found.policy, found) == {"step": 2}
        found.update(steps[2], 3)
        return state(found)

    in_world_of(before, begin, "begin")
    assert len(list((saved / checkpoint.OPTIMIZER).iterdir())) == before
    alone = learner(World.alone())
    updates(alone, steps)
    for found in in_world_of(after, go_on, "go_on"):
        assert_close(found, state(alone))


def test_a_missing_shard_is_not_read_as_zeros(tmp_path):
    def work(rank, join):
        with join() as world:
            found = learner(world)
            updates(found, [[LONG]])
            if world.is_first:
                (tmp_path / "saved").mkdir()
            world.meet("the directory")
            checkpoint.save(tmp_path / "saved", found.policy, found, {"step": 1})

    both(tmp_path, work)
    sorted((tmp_path / "saved" / checkpoint.OPTIMIZER).iterdir())[0].unlink()
    found = learner(World.alone())
    with pytest.raises(RunError, match=r"cannot resume from this checkpoint: .* is not whole"):
        checkpoint.load(tmp_path / "saved", found.policy, found)


def run_in_two(root, config, *, resume=False, patch=lambda rank: None):
    """A whole run in two processes, each of which may be patched; returns their ids."""
    root.mkdir(parents=True, exist_ok=True)

    def work(rank, join):
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
        patch(rank)
        return execute(config, resume=resume, quiet=True)

    return start(root, work)


def assert_alike(found, wanted):
    """The same run up to rounding: same steps, problems, tokens and outcomes; losses and norms nearly."""
    rows, expected = untimed(found), untimed(wanted)
    assert [row["step"] for row in rows] == [row["step"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row.keys() == other.keys()
        for name, value in other.items():
            assert row[name] == (value if value is None else pytest.approx(value, rel=1e-3, abs=1e-5)), (
                row["step"],
                name,
            )
    ours, theirs = results(found), results(wanted)
    assert ours.keys() == theirs.keys()
    assert (ours["before"], ours["after"], ours["tokens_sampled"]) == (
        theirs["before"],
        theirs["after"],
        theirs["tokens_sampled"],
    )


class WholeInTwo(NamedTuple):
    """The run in two processes that nothing interrupts, and the seconds that it took."""

    path: Path
    seconds: float


@pytest.fixture(scope="module")
def whole_in_two(tmp_path_factory, model):
    root = tmp_path_factory.mktemp("whole_in_two")
    config = small_config(root / "run", model, evaluation=NO_CONTROLS)
    began = time.monotonic()
    assert ended(run_in_two(root / "processes", config)) == [0, 0], said(root / "processes")
    return WholeInTwo(config.run_dir, time.monotonic() - began)


def test_a_whole_run_is_that_of_one_process(whole_in_two, whole):
    found = whole_in_two.path
    assert_alike(found, whole)
    assert json.loads((found / "environment.json").read_text())["processes"] == 2
    assert (found / "report.html").exists()
    assert not list(found.rglob("*.partial"))


KILLS = {
    "the second in an update": (1, lambda: at_call(Learner, "_loss", 4)),
    "the first in playing": (0, lambda: at_call(run_module.Curriculum, "groups", 4)),
}


@pytest.mark.parametrize("case", KILLS)
def test_a_killed_rank_is_named_and_the_run_resumes_in_one_process(tmp_path, model, whole, case):
    victim, kill = KILLS[case]
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS, train={"timeout_s": 10.0})
    began = time.monotonic()
    children = run_in_two(tmp_path / "processes", config, patch=lambda rank: kill() if rank == victim else None)
    codes = ended(children)
    assert codes[victim] == -signal.SIGKILL
    assert codes[1 - victim] == 1
    assert f"RunError: rank {victim} of 2 is missing" in error_of(tmp_path / "processes", 1 - victim)
    assert "go on with --resume" in error_of(tmp_path / "processes", 1 - victim)
    assert time.monotonic() - began < 120
    execute(config, resume=True, quiet=True)
    assert_alike(config.run_dir, whole)
    assert [row["step"] for row in read_metrics(config.run_dir / "metrics.jsonl")] == list(range(7))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_at_random_times_it_is_the_same_run_by_tensors(tmp_path, model, whole_in_two, seed):
    """Equal are rows, evaluations and every tensor, to the bit; equal files are not asked for.

    A header lists its tensors in no fixed order, the summary holds times, and a tensor that both processes have whole
    (a count of steps) is written by the one that has less to write, which need not be the same one twice.
    """
    draw = random.Random(seed)
    whole, config = whole_in_two.path, small_config(tmp_path / "killed", model, evaluation=NO_CONTROLS)
    for number in range(3 if seed else 1):
        children = run_in_two(tmp_path / f"killed-{number}", config, resume=is_run(config.run_dir))
        time.sleep(draw.uniform(0.2, 0.9) * whole_in_two.seconds)
        for child in draw.sample(children, 2):
            os.kill(child, signal.SIGKILL)
        ended(children)
    again = run_in_two(tmp_path / "to the end", config, resume=is_run(config.run_dir))
    assert ended(again) == [0, 0], said(tmp_path / "to the end")
    assert tensors(config.run_dir) == tensors(whole)
    assert untimed(config.run_dir) == untimed(whole)
    assert evaluations(config.run_dir) == evaluations(whole)
    assert results(config.run_dir) == results(whole)
    assert not list(config.run_dir.rglob("*.partial"))


def tensors(run):
    """Every tensor of the checkpoints that were kept, by checkpoint and name, whichever shard's file holds it."""
    found = {}
    for file, of_file in weights(run).items():
        checkpoint_of = file.partition("/optimizer/")[0]
        for name, value in of_file.items():
            found.setdefault((checkpoint_of, name), set()).add(value)
    return found


def test_a_run_of_one_process_goes_on_in_two(tmp_path, model, whole):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)

    def die(rank, join):
        World.of_environment = staticmethod(lambda timeout_s: World.alone())
        at_call(Learner, "update", 5)
        execute(config, quiet=True)

    (tmp_path / "alone").mkdir()
    assert ended(start(tmp_path / "alone", die, size=1)) == [-signal.SIGKILL]
    again = ended(run_in_two(tmp_path / "processes", config, resume=True))
    assert again == [0, 0], said(tmp_path / "processes")
    assert_alike(config.run_dir, whole)


def test_ctrl_c_leaves_a_run_that_says_so(tmp_path, model):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)

    def interrupt(rank):
        at_call(Learner, "update", 3, action=lambda: os.kill(os.getpid(), signal.SIGINT))

    assert ended(run_in_two(tmp_path / "processes", config, patch=interrupt)) == [130, 130]
    assert results(config.run_dir)["status"] == "interrupted"


def test_a_rank_that_hangs_is_named_within_the_time_limit(tmp_path):
    def work(rank, join):
        with join(2.0) as world:
            if rank == 1:
                time.sleep(5)
            world.gather("the metrics", rank)

    assert ended(start(tmp_path, work)) == [1, 1]
    error = error_of(tmp_path, 0)
    assert error.startswith("RunError: rank 1 of 2 is missing from the metrics for 2 s (train.timeout_s)"), error


def test_a_rank_that_fails_tells_the_others_why(tmp_path):
    def work(rank, join):
        with join() as world:
            if rank == 1:
                raise RunError("the disk is full")
            world.gather("the metrics", rank)

    assert ended(start(tmp_path, work)) == [1, 1]
    assert error_of(tmp_path, 0) == "RunError: rank 1 of 2 stopped: the disk is full"


def test_ranks_that_go_different_ways_are_told_apart(tmp_path):
    def work(rank, join):
        with join() as world:
            world.gather(f"place {rank}", rank)

    assert ended(start(tmp_path, work)) == [1, 1]
    assert "rank 1 is at 'place 1', rank 0 at 'place 0'" in error_of(tmp_path, 0)


def test_what_one_leads_is_done_for_all_when_they_go_on(tmp_path):
    """A checkpoint gets its name as the first process leaves it: whoever went on before would not find it."""

    @contextlib.contextmanager
    def renamed():
        yield tmp_path / "partial"
        time.sleep(0.5)
        (tmp_path / "partial").rename(tmp_path / "whole")

    def work(rank, join):
        with join() as world:
            with world.led("a file", renamed()) as path:
                if world.is_first:
                    path.write_text("all of it")
            return (tmp_path / "whole").read_text()

    assert both(tmp_path / "processes", work) == ["all of it", "all of it"]


def test_items_are_dealt_whole_and_evenly():
    costs = [5, 1, 1, 1, 9, 2]
    shares = [World(rank, 2, None, 0.0).deal(costs, lambda cost: cost) for rank in range(2)]
    assert sorted(shares[0] + shares[1]) == sorted(costs)
    assert math.isclose(sum(shares[0]), sum(shares[1]), abs_tol=1)
    assert World.alone().deal(costs, lambda cost: cost) == costs
