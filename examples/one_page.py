"""Reflect, Retry, Reward on one page: the whole method, over the modules that a real run uses.

    python examples/one_page.py

A model fails a problem, writes a reflection on it, and tries again. If the retry is right, the reflection's tokens are
rewarded, and no others. `secondthought train reflect-retry` does the same with checkpoints, evaluations, controls and
several processes around it; a test holds this page to its numbers, so the page is true.

What flows: problem -> failed try -> G reflections, a retry each -> rewards -> advantages -> token trees -> one update.
"""

import copy
from collections.abc import Iterator

import torch
from transformers import PreTrainedModel

from secondthought import LocalPolicy, RunConfig, load_policy, load_task
from secondthought.models.tree_forward import TreeForward
from secondthought.protocols import Task
from secondthought.rl.advantages import group_relative
from secondthought.rl.kl import kl_k3
from secondthought.rl.logprobs import token_logprobs
from secondthought.rl.losses import clipped_surrogate
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import attempt, extend, reflect, retry
from secondthought.rollout.scheduler import Course, Fork, run
from secondthought.train.curriculum import ShuffledPool
from secondthought.train.schedule import rate_of_step
from secondthought.trees import TokenTree, TreeBranch, micro_batches
from secondthought.types import Branch, Episode, Group, Problem, TurnKind


def train(config: RunConfig, task: Task, policy: LocalPolicy) -> Iterator[dict[str, float]]:
    """Train step by step; yield what each step measured."""
    player = Player.resolve(policy, task, config.episode)
    reference = copy.deepcopy(policy.model).requires_grad_(False)
    optim = config.optim
    adamw = torch.optim.AdamW(policy.model.parameters(), optim.lr, optim.betas, weight_decay=optim.weight_decay)
    pool = ShuffledPool(task.problems("train", config.task.train_problems, config.task.seed), config.seed)
    for step in range(1, config.train.steps + 1):
        problems = pool.take(step, config.train.groups_per_step)
        played = run(policy, [play(player, config, problem, step) for problem in problems])
        groups = [group for group in played if group is not None]
        trees = [tree for tree in map(tree_of, groups) if not tree.is_flat]  # all right or all wrong: nothing to learn
        for group in adamw.param_groups:
            group["lr"] = rate_of_step(optim, config.train, step)
        rewards = [reward for group in groups for reward in group.rewards]
        reward = {"reward/mean": sum(rewards) / len(rewards)} if rewards else {}
        yield {"step": step, **reward, **(update(config, policy, reference, adamw, trees) if trees else {})}


def play(player: Player, config: RunConfig, problem: Problem, step: int) -> Course[Group | None]:
    """Try a problem until a try fails; then branch: G reflections on that failure, each followed by a retry."""
    mining = Keys(seed=config.seed, phase="mining", step=step)
    for index in range(config.train.mine_tries):
        first = yield from attempt(player, problem, mining.of(problem, TurnKind.ATTEMPT, index))
        if not first.verdict.correct:
            break
    else:
        return None  # never failed: nothing to reflect on
    failed = Episode(problem=problem, turns=(first,))
    keys = Keys(seed=config.seed, phase="rollout", step=step)
    branches = yield Fork([branch(player, keys, failed, g) for g in range(config.algorithm.group_size)])
    return Group(problem=problem, history=failed.turns, branches=tuple(branches))


def branch(player: Player, keys: Keys, failed: Episode, g: int) -> Course[Branch]:
    """Write one reflection, and try again after it."""
    reflection = yield from reflect(player, keys, failed, g)
    again = yield from retry(player, keys, extend(failed, reflection), g, 0)
    return Branch(reflection=reflection, tries=(again,))


def tree_of(group: Group) -> TokenTree:
    """Lay a group out as the model reads it: the trunk once, then the reflections, whose tokens alone may learn.

    A reflection's advantage is its retry's reward minus the mean of its group. What comes after it is left out:
    attention is causal, so no token of the reflection depends on it.
    """
    advantages = group_relative(torch.tensor(group.rewards, dtype=torch.float64)).tolist()
    branches = [
        TreeBranch(
            token_ids=(said := branch.reflection.completion).token_ids,
            old_logprobs=said.logprobs,
            advantages=(advantage,) * len(said.token_ids),
            learns=(True,) * len(said.token_ids),
            anchored=(False,) * len(said.token_ids),
        )
        for branch, advantage in zip(group.branches, advantages, strict=True)
    ]
    trunk = group.trunk_ids
    return TokenTree(trunk=trunk, trunk_anchored=(False,) * len(trunk), branches=tuple(branches))


def update(
    config: RunConfig,
    policy: LocalPolicy,
    reference: PreTrainedModel,
    adamw: torch.optim.Optimizer,
    trees: list[TokenTree],
) -> dict[str, float]:
    """Take one step on the clipped surrogate and a KL to the reference; both are means over all learning tokens."""
    number = sum(tree.num_learning for tree in trees)
    policy_loss = kl_loss = 0.0
    adamw.zero_grad(set_to_none=True)
    for batch in micro_batches(trees, config.train.micro_batch_tokens):
        forward = TreeForward(batch, policy.device, share=True)
        known = forward.targets  # the tokens that learn, with what was recorded when they were sampled
        logprobs = token_logprobs(forward.logits(policy.model), known.token_ids)
        with torch.no_grad():
            theirs = token_logprobs(forward.logits(reference), known.token_ids)
        clip = {"clip_low": config.algorithm.clip_low, "clip_high": config.algorithm.clip_high}
        surrogate = clipped_surrogate(logprobs, known.old_logprobs, known.advantages, **clip).loss.sum()
        kl = kl_k3(logprobs, theirs).sum()
        (surrogate / number + config.algorithm.kl_ref * kl / number).backward()
        policy_loss, kl_loss = policy_loss + surrogate.item(), kl_loss + kl.item()
    norm = torch.nn.utils.clip_grad_norm_(policy.model.parameters(), config.optim.max_grad_norm)
    adamw.step()
    kl_ref = kl_loss / number
    total = policy_loss / number + config.algorithm.kl_ref * kl_ref
    return {"loss/total": total, "policy/kl_ref": kl_ref, "optim/grad_norm": norm.item()}


def main() -> None:
    """Train the shipped model for three steps, on problems that it often fails."""
    torch.set_num_threads(2)
    config = RunConfig(
        task={"options": {"preset": "tiny"}},
        episode={"max_attempt_tokens": 48, "max_reflection_tokens": 64},
        optim={"lr": 1e-3},
        train={"steps": 3, "groups_per_step": 8},
    )
    for measured in train(config, load_task("countdown", {"preset": "tiny"}), load_policy(config.model)):
        print("  ".join(f"{name} {value:.3g}" for name, value in measured.items()))


if __name__ == "__main__":
    main()
