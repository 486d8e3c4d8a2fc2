"""Each self-check can fail: a fault that is planted is found by the check that is meant for it."""

import copy
import re
from dataclasses import replace

import pytest
import torch
from lucky_task import Lucky
from tiny_models import byte_tokenizer, tiny_policy
from tokenizers.normalizers import Lowercase

from secondthought.config import AlgorithmConfig, OptimConfig, TrainConfig
from secondthought.errors import CheckError
from secondthought.models import tree_forward
from secondthought.models.local import LocalModel
from secondthought.models.tree_attention import PackedTrees
from secondthought.train import self_checks as checks
from secondthought.train.learner import Learner

TASK = Lucky()
PROBLEMS = TASK.problems("train", 4, 0)


@pytest.fixture
def learner(policy):
    return Learner(policy, AlgorithmConfig(kl_ref=0.1), OptimConfig(), TrainConfig())


def run(learner, task=TASK):
    return checks.run_checks(learner.policy, task, learner, PROBLEMS)


@pytest.mark.parametrize("algorithm", [{"kl_ref": 0.0}, {"kl_ref": 0.1}, {"kl_ref": 0.1, "kl_anchor": 0.2}])
def test_they_pass_and_leave_no_trace(policy, algorithm):
    learner = Learner(policy, AlgorithmConfig(**algorithm), OptimConfig(), TrainConfig())
    before = {name: value.clone() for name, value in policy.model.state_dict().items()}
    kept, sampled = learner.algorithm, policy.num_sampled
    found = run(learner)
    assert found["check/masked_gradient"] == 0.0
    assert 0 < found["check/drift"] < 1e-4
    assert 0 < found["check/shared_gradient"] < 1e-4
    assert all(torch.equal(value, before[name]) for name, value in policy.model.state_dict().items())
    assert all(parameter.grad is None for parameter in learner.parameters)
    assert learner.optimizer.state == {}
    assert (learner.algorithm, learner.share, policy.num_sampled) == (kept, True, sampled)


def test_the_shortest_of_the_first_problems_is_sampled(learner):
    def long(problem, size):
        return replace(problem, messages=tuple(replace(m, content=m.content + "?" * size) for m in problem.messages))

    problems = [long(problem, size) for problem, size in zip(PROBLEMS, (3, 0, 1, 9), strict=True)]
    assert checks._shortest(learner.policy, problems) is problems[1]


def test_shared_and_unshared_gradients_are_compared_one_conversation_at_a_time(learner, monkeypatch):
    """A check before training must not need more memory than a step of it."""
    tree, train, read = checks._sampled_tree(learner.policy, PROBLEMS[0], 1.0), learner.train, []
    loss = Learner._loss

    def counted(self, batch, *counts):
        read.append([len(tree.branches) for tree in batch])
        return loss(self, batch, *counts)

    monkeypatch.setattr(Learner, "_loss", counted)
    assert 0 < checks.check_shared(learner, tree) < 1e-4
    assert read == [[checks.NUM_BRANCHES], *[[1]] * checks.NUM_BRANCHES]
    assert learner.train is train


def test_without_sharing_there_is_nothing_to_compare(policy):
    assert (
        run(Learner(policy, AlgorithmConfig(), OptimConfig(), TrainConfig(share_trunk=False)))["check/shared_gradient"]
        == 0.0
    )


def test_a_wrong_gold(learner):
    class Wrong(Lucky):
        def gold(self, problem):
            return next(str(n) for n in range(99) if not self.verify(problem, str(n)).correct)

    with pytest.raises(CheckError, match=r"'gold': lucky rejects its own gold answer .* to lucky:\d+ \(wrong\)"):
        run(learner, Wrong())


def test_a_gold_that_the_tokenizer_cannot_say(learner):
    """This one drops capitals, as an uncased tokenizer does."""

    class Shouting(Lucky):
        def gold(self, problem):
            return "YES"

        def verify(self, problem, text):
            return replace(super().verify(problem, text), correct=text == "YES")

    tokenizer = byte_tokenizer()
    tokenizer.backend_tokenizer.normalizer = Lowercase()
    uncased = LocalModel(learner.policy.model, tokenizer, name="uncased")
    assert checks.check_gold(Shouting(), PROBLEMS, learner.policy) == 4
    with pytest.raises(CheckError, match=r"accepts its gold answer 'YES'.*tokenizer of uncased makes of it, 'yes'"):
        checks.check_gold(Shouting(), PROBLEMS, uncased)


def test_a_task_without_golds_is_passed_over():
    class Silent(Lucky):
        def gold(self, problem):
            return None

    assert checks.check_gold(Silent(), PROBLEMS) == 0
    assert checks.check_gold(TASK, PROBLEMS) == 4


@pytest.mark.parametrize("kinds", [1, 2])
def test_samples_that_are_all_alike_leave_a_gradient_to_compare(policy, monkeypatch, kinds):
    """A model that is sure of its answer gives the same one four times: with 1 and -1 nothing but rounding was left."""
    sample = type(policy).sample

    def alike(self, prompts, sampling, **more):
        found = sample(self, prompts, sampling, **more)
        return [found[number % kinds] for number in range(len(found))]

    monkeypatch.setattr(type(policy), "sample", alike)
    learner = Learner(policy, AlgorithmConfig(kl_ref=0.0), OptimConfig(), TrainConfig())
    assert run(learner)["check/shared_gradient"] < 1e-4


def test_weights_that_changed_between_sampling_and_scoring(learner):
    tree = checks._sampled_tree(learner.policy, PROBLEMS[0], 1.0)
    with torch.no_grad():
        learner.policy.model.lm_head.weight.mul_(1.05)
    with pytest.raises(CheckError, match="'drift': sampling and training disagree"):
        checks.check_drift(learner.policy, tree, learner)


def test_another_temperature_in_scoring_than_in_sampling(learner):
    tree = checks._sampled_tree(learner.policy, PROBLEMS[0], 0.7)
    with pytest.raises(CheckError, match="'drift'"):
        checks.check_drift(learner.policy, tree, learner)


def test_weights_that_are_not_numbers(learner):
    tree = checks._sampled_tree(learner.policy, PROBLEMS[0], 1.0)
    with torch.no_grad():
        learner.policy.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(CheckError, match="nan"):
        checks.check_drift(learner.policy, tree, learner)


def test_a_mask_that_is_not_applied(learner, monkeypatch):
    original = tree_forward.as_tensors

    def everything_learns(found, device, dtype=torch.float32):
        tensors = original(found, device, dtype)
        return tensors._replace(learns=torch.ones_like(tensors.learns), advantages=tensors.advantages + 1.0)

    monkeypatch.setattr(tree_forward, "as_tensors", everything_learns)
    with pytest.raises(CheckError, match="'masked': a token that must not learn has a gradient"):
        run(learner)
    assert learner.algorithm.kl_ref == 0.1


def test_branches_that_do_not_see_their_trunk(learner, monkeypatch):
    original = tree_forward.TreeForward._read

    def another_trunk(self, model, packed, keep):
        other = copy.copy(packed)
        other.input_ids = packed.input_ids.clone()
        other.input_ids[..., : len(self.trees[0].trunk) - 1] = 5
        return original(self, model, other, keep)

    monkeypatch.setattr(tree_forward.TreeForward, "_read", another_trunk)
    with pytest.raises(CheckError, match=r"'shared': shared trunks change .* set train\.share_trunk = false"):
        checks.check_shared(learner, checks._sampled_tree(learner.policy, PROBLEMS[0], 1.0))
    assert learner.share
    assert all(parameter.grad is None for parameter in learner.parameters)


def test_what_was_passed_is_said_with_its_limit(learner):
    said = list(checks.passed(run(learner), "fp32"))
    assert [line.partition(":")[0] for line in said] == [
        "sampled tokens read again have the log-probabilities that were recorded",
        "tokens that must not learn have no gradient",
        "shared trunks give the gradient of unshared ones",
    ]
    assert [line.rpartition(", at most ")[2] for line in said] == ["0.002 allowed", "0 allowed", "0.0001 allowed"]
    assert all(re.search(r": off by [0-9.e-]+, at most", line) for line in said)


def test_what_bf16_does_to_the_plain_gradient_is_no_fault_of_sharing(monkeypatch):
    policy = tiny_policy(precision="bf16")
    learner = Learner(policy, AlgorithmConfig(kl_ref=0.1), OptimConfig(), TrainConfig())
    tree = checks._sampled_tree(policy, PROBLEMS[0], 1.0)
    monkeypatch.setitem(checks.GRADIENT_LIMIT, "bf16", 1e-6)
    assert checks.check_shared(learner, tree) > 1e-6
    assert (policy.precision, learner.share) == ("bf16", True)
    monkeypatch.setattr(checks, "ROUGH_NOISES", 1e-6)
    with pytest.raises(CheckError, match="shared trunks change the gradient"):
        checks.check_shared(learner, tree)


def _detached_trunk(patch):
    """Branches read their trunk, and no gradient goes back into it."""
    right = PackedTrees._merged
    patch.setattr(
        PackedTrees,
        "_merged",
        lambda self, q, trunk, own, rule: right(self, q, tuple(x.detach() for x in trunk), own, rule),
    )


def _first_token_from_elsewhere(patch):
    """The first token of a branch is predicted one token too early."""
    right = tree_forward.TreeForward._before

    def earlier(self, packed):
        first = torch.tensor([target.branch >= 0 and target.at == 0 for target in self.found])
        return right(self, packed) - first.long()

    patch.setattr(tree_forward.TreeForward, "_before", earlier)


@pytest.mark.parametrize("plant", [_detached_trunk, _first_token_from_elsewhere])
def test_a_fault_is_found_in_bf16_however_much_bf16_rounds(plant, monkeypatch):
    policy = tiny_policy(precision="bf16")
    learner = Learner(policy, AlgorithmConfig(kl_ref=0.1), OptimConfig(), TrainConfig())
    tree = checks._sampled_tree(policy, PROBLEMS[0], 1.0)
    checks.check_shared(learner, tree)
    monkeypatch.setitem(checks.GRADIENT_LIMIT, "bf16", 10.0)
    plant(monkeypatch)
    with pytest.raises(CheckError, match="shared trunks change the gradient"):
        checks.check_shared(learner, tree)
    assert (policy.precision, learner.share) == ("bf16", True)


def test_no_fault_hides_behind_the_clip(learner, monkeypatch):
    """A rare token's ratio may be rounded to either side of the bound: the check compares gradients, not clips."""
    tree = checks._sampled_tree(learner.policy, PROBLEMS[0], 1.0)
    clipped = [
        replace(
            branch,
            advantages=tuple(map(abs, branch.advantages)),
            old_logprobs=tuple(value - 1.0 for value in branch.old_logprobs),
        )
        for branch in tree.branches
    ]
    assert 0 < checks.check_shared(learner, replace(tree, branches=tuple(clipped))) < 1e-4
    assert (learner.algorithm.clip_low, learner.algorithm.clip_high) == (0.2, 0.2)
    _detached_trunk(monkeypatch)
    with pytest.raises(CheckError, match="shared trunks change the gradient"):
        checks.check_shared(learner, replace(tree, branches=tuple(clipped)))
