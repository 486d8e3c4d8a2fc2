"""Slow oracles, written from the papers: double loops over tokens, Python floats or float64, no batching, no masks.

Nothing of `secondthought.rl` or of the tree code is used here; only the records and configs that describe a step.
"""

import copy
import math

import torch


def advantages(rewards, *, scale=False):
    """GRPO (Shao et al. 2024) with `scale`, Dr. GRPO (Liu et al. 2025) without; population deviation."""
    if max(rewards) - min(rewards) <= 1e-12 * max(map(abs, rewards)):
        return [0.0] * len(rewards)
    mean = math.fsum(rewards) / len(rewards)
    centred = [reward - mean for reward in rewards]
    deviation = math.sqrt(math.fsum(value * value for value in centred) / len(rewards))
    return [value / deviation for value in centred] if scale else centred


def leave_one_out(rewards):
    """RLOO (Ahmadian et al. 2024): each reward against the mean of all others of its group."""
    found = []
    for index, reward in enumerate(rewards):
        others = [other for place, other in enumerate(rewards) if place != index]
        found.append(reward - math.fsum(others) / len(others))
    return found


def whiten(values, mask):
    """veRL's masked whitening: Bessel-corrected variance of the masked entries, 1e-8 added; zero elsewhere."""
    seen = [value for value, real in zip(values, mask, strict=True) if real]
    if not seen:
        return [0.0] * len(values)
    mean = math.fsum(seen) / len(seen)
    variance = math.fsum((value - mean) ** 2 for value in seen) / (len(seen) - 1) if len(seen) > 1 else 1.0
    scale = math.sqrt(variance + 1e-8)
    return [(value - mean) / scale if real else 0.0 for value, real in zip(values, mask, strict=True)]


def gae(rewards, values, *, gamma, gae_lambda):
    """Equation 16 of Schulman et al. 2016 as the double sum that it is; the value after the last token is zero."""
    ahead = [*values, 0.0]
    deltas = [reward + gamma * ahead[t + 1] - ahead[t] for t, reward in enumerate(rewards)]
    return [
        math.fsum((gamma * gae_lambda) ** (later - t) * deltas[later] for later in range(t, len(rewards)))
        for t in range(len(rewards))
    ]


def value_loss(value, old_value, target, *, clip):
    """PPO2's clipped squared error, halved, and whether the clip decides it."""
    bounded = min(max(value, old_value - clip), old_value + clip)
    free, held = (value - target) ** 2, (bounded - target) ** 2
    return 0.5 * max(free, held), held > free


def surrogate(logprob, old_logprob, advantage, *, clip_low, clip_high):
    """PPO (Schulman et al. 2017), equation 7, negated, as the case table that the paper draws."""
    ratio = math.exp(logprob - old_logprob)
    if advantage >= 0:
        return -min(ratio, 1 + clip_high) * advantage
    return -max(ratio, 1 - clip_low) * advantage


def k3(logprob, ref_logprob):
    """DeepSeekMath, equation 4."""
    return math.exp(ref_logprob - logprob) - (ref_logprob - logprob) - 1


def row_logprobs(model, row, temperature=1.0):
    """Log-probability of every token of one row but the first, by one plain forward."""
    logits = model(input_ids=torch.tensor([row]), use_cache=False).logits[0].double()
    return [(logits[at - 1] / temperature).log_softmax(-1)[row[at]] for at in range(1, len(row))]


def row_entropies(model, row, temperature=1.0):
    """Entropy of what every token of one row but the first was drawn from."""
    logits = model(input_ids=torch.tensor([row]), use_cache=False).logits[0].double()
    log_p = [(logits[at - 1] / temperature).log_softmax(-1) for at in range(1, len(row))]
    return [-(entry.exp() * entry).sum() for entry in log_p]


def row_values(model, row):
    """A value model's number before every token of one row but the first, by one plain forward."""
    values = model(input_ids=torch.tensor([row]), use_cache=False).logits[0, :, 0].double()
    return [values[at - 1] for at in range(1, len(row))]


def critic_loss(model, trees, *, clip):
    """The loss of one update of the critic: one row per branch, learning tokens alone."""
    losses = []
    for tree in trees:
        for branch in tree.branches:
            values = row_values(model, [*tree.trunk, *branch.token_ids])[len(tree.trunk) - 1 :]
            for at, learns in enumerate(branch.learns):
                if learns:
                    value, old, target = values[at], branch.values[at], branch.returns[at]
                    free = (value - target) ** 2
                    held = (min(max(float(value.detach()), old - clip), old + clip) - target) ** 2
                    losses.append(0.5 * free if float(free.detach()) >= held else 0 * value + 0.5 * held)
    return sum(losses) / len(losses)


def critic_gradient(model, trees, *, clip):
    """Gradient of `critic_loss` in float64, and the loss."""
    exact = double(model)
    loss = critic_loss(exact, trees, clip=clip)
    loss.backward()
    return flat_gradient(exact), float(loss.detach())


def critic_advantages(critic, reference, trees, *, kl_reward, gamma, gae_lambda, whitened, temperature):
    """Values, returns and advantages of every branch's learning tokens, as a list of branches in order."""
    found = []
    with torch.no_grad():
        for tree in trees:
            for branch in tree.branches:
                row, first = [*tree.trunk, *branch.token_ids], len(tree.trunk) - 1
                values = row_values(double(critic), row)[first:]
                theirs = row_logprobs(double(reference), row, temperature)[first:]
                places = [at for at, learns in enumerate(branch.learns) if learns]
                own = [float(values[at]) for at in places]
                rewards = [
                    branch.rewards[at] - kl_reward * (branch.old_logprobs[at] - float(theirs[at])) for at in places
                ]
                advantages_ = gae(rewards, own, gamma=gamma, gae_lambda=gae_lambda)
                found.append((own, [a + v for a, v in zip(advantages_, own, strict=True)], advantages_))
    if whitened:
        flat = [a for _, _, row in found for a in row]
        white = iter(whiten(flat, [True] * len(flat)))
        found = [(own, returns, [next(white) for _ in row]) for own, returns, row in found]
    return found


def double(model):
    """The same weights in float64."""
    return copy.deepcopy(model).double().requires_grad_(True)


def step_loss(model, trees, config, reference=None, temperature=1.0):
    """The loss of a whole step, one row per branch, token by token.

    Trees without an advantage are left out. Trunk tokens that are anchored count once per tree, a branch's tokens once
    per branch; the first token of a row has no prediction.
    """
    kept = [tree for tree in trees if any(a != 0 for branch in tree.branches for a in branch.advantages)]
    policy, kl_learning, kl_anchored, entropies = [], [], [], []
    num_learning = num_anchored = 0
    for tree in kept:
        for number, branch in enumerate(tree.branches):
            row = [*tree.trunk, *branch.token_ids]
            ours = [None, *row_logprobs(model, row, temperature)]
            spread = row_entropies(model, row, temperature) if config.entropy_bonus else None
            with torch.no_grad():
                theirs = [None, *row_logprobs(reference, row, temperature)] if reference is not None else None
            for at in range(1, len(row)):
                own = at - len(tree.trunk)
                kl = None
                if theirs is not None:
                    log_ratio = theirs[at] - ours[at]
                    kl = torch.exp(log_ratio) - log_ratio - 1
                if own < 0:
                    if number == 0 and tree.trunk_anchored[at]:
                        num_anchored += 1
                        kl_anchored += [kl] if kl is not None else []
                elif branch.learns[own]:
                    num_learning += 1
                    ratio = torch.exp(ours[at] - branch.old_logprobs[own])
                    now, a = float(ratio.detach()), branch.advantages[own]
                    bounded = min(max(now, 1 - config.clip_low), 1 + config.clip_high)
                    if config.type == "reinforce":
                        policy.append(-a * ours[at])
                    else:
                        policy.append(-ratio * a if now * a <= bounded * a else 0 * ratio - bounded * a)
                    entropies += [spread[at - 1]] if spread is not None else []
                    kl_learning += [kl] if kl is not None else []
                elif branch.anchored[own]:
                    num_anchored += 1
                    kl_anchored += [kl] if kl is not None else []
    total = sum(policy) / num_learning
    if entropies:
        total = total - config.entropy_bonus * sum(entropies) / num_learning
    if kl_learning:
        total = total + config.kl_ref * sum(kl_learning) / num_learning
    if kl_anchored:
        total = total + config.kl_anchor * sum(kl_anchored) / num_anchored
    return total


def played_rows(group, config):
    """Every completion of a group that counts, in its own row: what stands before it, its tokens, what is made of them.

    Written from docs/concepts.md, without trees: (context, completion, advantage); an advantage of None is held only.
    """
    history = [token for turn in group.history for token in (*turn.prompt_ids, *turn.completion.token_ids)]
    rewards = [[turn.verdict.reward for turn in branch.tries] for branch in group.branches]
    of_reflection = advantages([sum(row) / len(row) for row in rewards], scale=config.scale_by_std)
    of_retry = iter(advantages([reward for row in rewards for reward in row], scale=config.scale_by_std))
    found = []
    if config.kl_anchor:
        (failed,) = group.history
        found.append((list(failed.prompt_ids), failed.completion, None))
    for branch, advantage in zip(group.branches, of_reflection, strict=True):
        said = [*history, *branch.reflection.prompt_ids]
        if config.credit in ("reflection", "all"):
            found.append((said, branch.reflection.completion, advantage))
        elif config.kl_anchor:
            found.append((said, branch.reflection.completion, None))
        said = [*said, *branch.reflection.completion.token_ids]
        for place, turn in enumerate(branch.tries):
            own, before = next(of_retry), [] if turn.fresh else said
            if config.credit in ("retry", "all"):
                found.append(([*before, *turn.prompt_ids], turn.completion, own))
            elif config.kl_anchor and place == 0:
                found.append(([*before, *turn.prompt_ids], turn.completion, None))
    return found


def played_loss(model, groups, config, reference, temperature=1.0):
    """The loss of a step straight from its groups, a row per completion; groups without any advantage are left out."""
    policy, kl_learning, kl_anchored = [], [], []
    for group in groups:
        rows = played_rows(group, config)
        if not any(advantage for _, _, advantage in rows):
            continue
        for context, said, advantage in rows:
            row = [*context, *said.token_ids]
            ours = row_logprobs(model, row, temperature)[len(context) - 1 :]
            with torch.no_grad():
                theirs = row_logprobs(reference, row, temperature)[len(context) - 1 :]
            for now, other, old in zip(ours, theirs, said.logprobs, strict=True):
                kl = torch.exp(other - now) - (other - now) - 1
                if advantage is None:
                    kl_anchored.append(kl)
                    continue
                ratio = torch.exp(now - old)
                bounded = min(max(float(ratio.detach()), 1 - config.clip_low), 1 + config.clip_high)
                inside = float(ratio.detach()) * advantage <= bounded * advantage
                policy.append(-ratio * advantage if inside else 0 * ratio - bounded * advantage)
                kl_learning.append(kl)
    total = sum(policy) / len(policy) + config.kl_ref * sum(kl_learning) / len(policy)
    return total + (config.kl_anchor * sum(kl_anchored) / len(kl_anchored) if kl_anchored else 0)


def played_gradient(model, groups, config, reference, temperature=1.0):
    """Gradient of `played_loss` in float64, and the loss."""
    exact = double(model)
    loss = played_loss(exact, groups, config, double(reference), temperature)
    loss.backward()
    return flat_gradient(exact), float(loss.detach())


def flat_gradient(model):
    """All gradients in one float64 vector."""
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]
    return torch.cat([part.flatten().double() for part in parts])


def step_gradient(model, trees, config, reference=None, temperature=1.0):
    """Gradient of `step_loss` in float64, and the loss."""
    exact = double(model)
    exact_reference = double(reference) if reference is not None else None
    loss = step_loss(exact, trees, config, exact_reference, temperature)
    loss.backward()
    return flat_gradient(exact), float(loss.detach())


def relative_error(found, wanted):
    """Distance of two vectors, relative to the wanted one."""
    return float((found - wanted).norm() / wanted.norm().clamp_min(1e-30))
