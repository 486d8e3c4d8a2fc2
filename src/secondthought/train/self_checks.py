"""Self-checks before training, in seconds: whether this run would compute what it claims.

1. The task's verifier accepts its own gold answers, also as this tokenizer writes and reads them.
2. Sampled tokens re-score to their recorded log-probabilities (drift at learning rate 0).
3. Tokens that must not learn have exactly zero gradient.
4. Shared trunks give the gradient of the unshared path.

Each failure is a `CheckError` that names the check and the number. Weights and optimizer are left as they were.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from secondthought import rng
from secondthought.distributed.sharding import full
from secondthought.errors import CheckError
from secondthought.inference.local import LocalPolicy
from secondthought.models.heap import give_back
from secondthought.models.probe import ROUGH_NOISES
from secondthought.models.tree_forward import TreeForward
from secondthought.protocols import Policy, Task
from secondthought.tasks.judging import judge
from secondthought.text import whole
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import Problem, Prompt, Sampling

logger = logging.getLogger(__name__)

NUM_GOLD = 20
NUM_BRANCHES = 4
_ADVANTAGES = (-1.0, 2.0, -3.0, 5.0)
"""Of both signs, and no sum of some is 0: equal completions must not cancel to a gradient of nothing but rounding."""
MAX_TOKENS = 24
PROBE_ELEMENTS = 50_000_000
"""Gradients are compared on the first parameters up to this many numbers, so that large models need no second copy."""

DRIFT_LIMIT = {"fp32": 2e-3, "bf16": 0.5}
"""Largest |recorded - re-scored| log-probability. In bf16 single tokens differ by tenths between kernels."""
GRADIENT_LIMIT = {"fp32": 1e-4, "bf16": 0.1}
"""Largest relative difference of shared and unshared gradients. In bf16, where fp32 showed them equal, `ROUGH_NOISES`
times what bf16 does to the unshared one is allowed as well: on pretrained models they differed by .07 to .5."""
_PASSED: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "check/drift": ("sampled tokens read again have the log-probabilities that were recorded", DRIFT_LIMIT),
    "check/masked_gradient": ("tokens that must not learn have no gradient", {"fp32": 0.0, "bf16": 0.0}),
    "check/shared_gradient": ("shared trunks give the gradient of unshared ones", GRADIENT_LIMIT),
}
"""The words for each check, and its limit by precision."""


def run_checks(policy: LocalPolicy, task: Task, learner: Learner, problems: Sequence[Problem]) -> dict[str, float]:
    """Run all four checks; return the measured numbers.

    Raises:
        CheckError: one of them failed.
    """
    check_gold(task, problems, policy)
    tree = _sampled_tree(policy, _shortest(policy, problems), learner.temperature)
    return {
        "check/drift": check_drift(policy, tree, learner),
        "check/masked_gradient": check_masked(learner, tree),
        "check/shared_gradient": check_shared(learner, tree),
    }


def passed(measured: Mapping[str, float], precision: str) -> Iterator[str]:
    """Yield for each check that was passed what was compared, by how much it differed, and how much it may.

    >>> next(passed({"check/drift": 1.2e-06}, "fp32"))
    'sampled tokens read again have the log-probabilities that were recorded: off by 1.2e-06, at most 0.002 allowed'
    """
    for name, value in measured.items():
        what, limits = _PASSED.get(name, (name.removeprefix("check/"), {}))
        usual = limits.get(precision, -math.inf)  # beyond it was what bf16 does by itself
        limit = f", at most {usual:.2g} allowed" if value <= usual else ""
        yield f"{what}: off by {value:.2g}{limit}"


def check_gold(task: Task, problems: Sequence[Problem], policy: Policy | None = None) -> int:
    """Check that the verifier accepts the task's gold answers; return how many were tried, 0 where there are none.

    With a policy, each must also be right after it has been through the policy's tokenizer.

    Raises:
        CheckError: a gold answer is rejected.
    """
    golds = ((problem, task.gold(problem)) for problem in problems)
    tried = list(islice(((problem, gold) for problem, gold in golds if gold is not None), NUM_GOLD))
    for problem, gold in tried:
        verdict = judge(task, problem, gold)
        if not verdict.correct:
            raise CheckError(
                f"self-check 'gold': {task.name} rejects its own gold answer {gold!r} to {problem.id} "
                f"({verdict.reason}); mend the task's verify or gold"
            )
        if policy is not None:
            _check_read_back(policy, task, problem, gold)
    return len(tried)


def _check_read_back(policy: Policy, task: Task, problem: Problem, gold: str) -> None:
    """Check that a gold answer is still right after it has been through the policy's tokenizer.

    One with half a character in it is passed over: no model can write it.
    """
    if whole(gold) != gold:
        logger.warning("the gold answer to %s holds half a character, which no model can write", problem.id)
        return
    text = policy.encode(gold).text
    verdict = judge(task, problem, text)
    if not verdict.correct:
        raise CheckError(
            f"self-check 'gold': {task.name} accepts its gold answer {gold!r} to {problem.id}, but not what the "
            f"tokenizer of {policy.name} makes of it, {text!r} ({verdict.reason}), so the model could never be right; "
            "use another answer format, or another model"
        )


def check_drift(policy: LocalPolicy, tree: TokenTree, learner: Learner) -> float:
    """Measure the largest |recorded - re-scored| log-probability of a sampled token."""
    forward = TreeForward([tree], policy.device, share=learner.share)
    with torch.no_grad(), policy.autocast():
        scored = forward.scores(policy.model, temperature=learner.temperature).logprobs
    drift = float((scored - forward.targets.old_logprobs).abs().max())
    _require("drift", drift, DRIFT_LIMIT[policy.precision], "sampling and training disagree about the same tokens")
    return drift


def check_masked(learner: Learner, tree: TokenTree) -> float:
    """Measure the largest gradient entry when no token may learn but every token has an advantage."""
    masked = replace(
        tree, branches=tuple(replace(b, learns=(False,) * len(b.learns), anchored=b.learns) for b in tree.branches)
    )
    kept = learner.algorithm
    try:
        learner.algorithm = kept.model_copy(update={"kl_anchor": 0.0})
        learner.backward([masked])
        largest = max((float(g.abs().max()) for g in _gradients(learner)), default=0.0)
    finally:
        learner.algorithm = kept
        learner.optimizer.zero_grad(set_to_none=True)
    _require("masked", largest, 0.0, "a token that must not learn has a gradient")
    return largest


def check_shared(learner: Learner, tree: TokenTree) -> float:
    """Measure the relative difference between gradients with and without a shared trunk; 0 where none is shared.

    They are compared in fp32 first, whatever the run's precision: there no fault can hide in the rounding of bf16. One
    conversation is read at a time, so that the check takes less memory than a step of the run. Ratios are not clipped:
    a rare token's is rounded to either side of the bound in bf16, and its large gradient would stand in one of the two.
    """
    if not learner.share:
        return 0.0
    kept = learner.algorithm
    precision, train = learner.policy.precision, learner.train
    alone = train.model_copy(update={"micro_batch_tokens": 1})
    # The backward has no place to widen weights in that are held in bf16, so layers are not computed again in it.
    learner.train = alone if precision == "fp32" else alone.model_copy(update={"gradient_checkpointing": False})
    try:
        learner.algorithm = kept.model_copy(update={"clip_low": math.inf, "clip_high": math.inf})
        shared, exact = _both_gradients(learner, tree, "fp32")
        difference, limit = _relative(shared, exact), GRADIENT_LIMIT["fp32"]
        if difference <= limit and precision != "fp32":
            learner.train = alone
            shared, plain = _both_gradients(learner, tree, precision)
            difference = _relative(shared, plain)
            limit = max(GRADIENT_LIMIT[precision], ROUGH_NOISES * _relative(plain, exact))
    finally:
        learner.algorithm = kept
        learner.share, learner.policy.precision, learner.train = True, precision, train
        learner.optimizer.zero_grad(set_to_none=True)
    _require("shared", difference, limit, "shared trunks change the gradient; set train.share_trunk = false")
    return difference


def _both_gradients(learner: Learner, tree: TokenTree, precision: str) -> tuple[list[Tensor], list[Tensor]]:
    """Return the gradients with a shared trunk and without, in a precision."""
    learner.policy.precision = precision
    alone = [replace(tree, branches=(branch,)) for branch in tree.branches]
    found = []
    for learner.share, trees in ((True, [tree]), (False, alone)):
        found.append(_gradient_of(learner, trees))
    return found[0], found[1]


def _shortest(policy: LocalPolicy, problems: Sequence[Problem]) -> Problem:
    """Return the one of the first problems with the shortest prompt: it shows a fault as well, in less memory."""
    return min(problems[:NUM_GOLD], key=lambda problem: len(policy.start(problem.messages, problem.tools)))


def _sampled_tree(policy: LocalPolicy, problem: Problem, temperature: float) -> TokenTree:
    """Sample a small group as training would, with made-up advantages."""
    trunk = policy.start(problem.messages, problem.tools)
    prompts = [Prompt(trunk=trunk, key=rng.key("self-check", number)) for number in range(NUM_BRANCHES)]
    before = policy.num_sampled
    completions = policy.sample(prompts, Sampling(temperature=temperature, max_tokens=MAX_TOKENS))
    policy.num_sampled = before
    branches = tuple(
        TreeBranch(
            token_ids=done.token_ids,
            old_logprobs=done.logprobs,
            advantages=(_ADVANTAGES[number],) * len(done.token_ids),
            learns=(True,) * len(done.token_ids),
            anchored=(False,) * len(done.token_ids),
        )
        for number, done in enumerate(completions)
    )
    return TokenTree(trunk=trunk, trunk_anchored=(False,) * len(trunk), branches=branches)


def _gradients(learner: Learner) -> list[Tensor]:
    chosen, room = [], PROBE_ELEMENTS
    for parameter in learner.parameters:
        if parameter.grad is not None and (room > 0):
            chosen.append(full(parameter.grad))
            room -= parameter.numel()
    return chosen


def _gradient_of(learner: Learner, trees: Sequence[TokenTree]) -> list[Tensor]:
    learner.backward(trees)
    give_back()  # what fp32 took is not what the run takes
    return [gradient.clone() for gradient in _gradients(learner)]


def _relative(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """Return the norm of a difference over that of what is wanted."""
    return _norm([a - b for a, b in zip(found, wanted, strict=True)]) / max(_norm(wanted), 1e-30)


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(torch.stack([t.double().pow(2).sum() for t in tensors]).sum().sqrt()) if tensors else 0.0


def _require(name: str, value: float, limit: float, what: str) -> None:
    if not value <= limit:  # also true for NaN
        raise CheckError(f"self-check '{name}': {what} ({value:.2g}, at most {limit:.2g} allowed)")
