"""Time a training update: by our shared path, our unshared path, and TRL's GRPOTrainer on the same rows.

The rows are one group: a trunk of P tokens and G branches of R tokens, all of which learn; equal precision and threads.
An update is forward, loss, backward, gradient clipping and the optimizer step; medians over the timed steps. Ours is
timed after each peer, so that a change of the machine's load meets all. Beside the wall clock stands the processor time
of the measuring process, which other processes lengthen less: on a busy machine, read that one. TRL runs in the
interpreter given as `peer_python`, twice: with the retry left out of its rows, and with `retry` more tokens kept in
each row and masked, as a trainer that cannot leave them out must. Ratios above 1 mean that we are faster.

`gradient_difference` is that of the shared from the unshared path; under bf16 both are also compared with the unshared
fp32 gradient, so that what sharing adds can be told from what bf16 costs. `matmul_share` is the rate of the products
that an update needs (counted, not measured) over the rate of square matrix products in the same precision.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from secondthought import rng
from secondthought.bench import model_update
from secondthought.bench.clocks import Seconds, medians, now, ratios
from secondthought.bench.peers.client import run_peer
from secondthought.bench.tokenizer import byte_tokenizer
from secondthought.config import AlgorithmConfig, OptimConfig, TrainConfig
from secondthought.inference.local import LocalPolicy
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch

VOCABULARY = 512
WARMUP = 1


def run(
    *,
    trunk: int = 700,
    branch: int = 100,
    group: int = 16,
    retry: int = 500,
    hidden: int = 256,
    layers: int = 6,
    steps: int = 5,
    threads: int = 1,
    precision: Literal["fp32", "bf16"] = "fp32",
    unshared: bool = True,
    peer_python: str | None = None,
    model: str | None = None,
    lora_rank: int = 16,
) -> dict[str, Any]:
    """Time all sides; return settings, seconds per step, the gradients' relative difference and ratios of medians."""
    asked = dict(locals())
    if model is not None:
        return model_update.run(**{name: asked[name] for name in model_update.SETTINGS})
    torch.set_num_threads(int(threads))
    load_before = os.getloadavg()
    tree = make_tree(int(trunk), int(branch), int(group))
    policy = LocalPolicy(make_model(int(hidden), int(layers)), byte_tokenizer(), name="bench", precision=precision)
    matmul = matmul_rate(precision)
    differences = _gradient_differences(policy, tree) if unshared else {}
    taken, left_out = _both_sides(policy, tree, int(retry), peer_python, int(steps), int(threads))
    if unshared:
        taken["unshared"] = _ours(policy, tree, share=False, steps=int(steps))
    found = medians(taken)
    return {
        "settings": {
            **{name: asked[name] for name in ("trunk", "branch", "group", "retry", "steps", "threads", "precision")},
            **measured_with(policy, load_before),
        },
        "raw": {"seconds": {name: asdict(seconds) for name, seconds in taken.items()}, "left_out": left_out},
        "median_seconds": found["wall"],
        "median_cpu_seconds": found["cpu"],
        **differences,
        "matmul_gflops": matmul / 1e9,
        "matmul_share": products(policy.model, tree) / found["cpu"]["shared"] / matmul,
        "ratios": ratios(found, "shared"),
    }


def _both_sides(
    policy: LocalPolicy, tree: TokenTree, retry: int, peer_python: str | None, steps: int, threads: int
) -> tuple[dict[str, Seconds], dict[str, str]]:
    """Time TRL without and with the retry, ours after each; return the times, and why a peer was left out."""
    taken, left_out = {"shared": Seconds()}, {}
    for name, tokens in (("trl", 0), ("trl_with_retry", retry)):
        if peer_python is None:
            left_out[name] = "no peer_python given"
        else:
            taken[name] = _trl(policy, tree, tokens, peer_python, steps, threads)
        taken["shared"] += _ours(policy, tree, share=True, steps=steps)
    return taken, left_out


def measured_with(policy: LocalPolicy, load_before: tuple[float, float, float]) -> dict[str, Any]:
    """Return what times depend on beside the settings: the model's size, torch, the machine's load before and now."""
    return {
        "parameters": policy.model.num_parameters(),
        "torch": torch.__version__,
        "load": [load_before, os.getloadavg()],
    }


def products(model: PreTrainedModel, tree: TokenTree) -> float:
    """Count the floating point operations of one update's matrix products: forward and twice as many backward.

    Every token meets every weight matrix but the embedding, a learning one the head; attention multiplies each query
    with the keys and values that it may see. A masked half that is computed all the same is not counted.
    """
    config = model.config
    hidden, layers = config.hidden_size, config.num_hidden_layers
    body = sum(p.numel() for name, p in model.named_parameters() if p.dim() > 1 and "embed" not in name)
    trunk = len(tree.trunk)
    seen = trunk * trunk / 2 + sum(len(b.token_ids) * (trunk + len(b.token_ids) / 2) for b in tree.branches)
    head = config.vocab_size * hidden * tree.num_learning
    return float(3 * 2 * (body * tree.num_tokens + head + 2 * hidden * layers * seen))


def matmul_rate(precision: str, size: int = 2048, repeats: int = 5) -> float:
    """Measure floating point operations per second of processor time, so per core, in products of square matrices."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    a, b = (torch.ones(size, size, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(repeats + 1):
        start = time.process_time()
        a @ b
        best = min(best, time.process_time() - start)
    return 2 * size**3 / best


def make_model(hidden: int, layers: int) -> PreTrainedModel:
    """Build a random Qwen2; at hidden 256 and 6 layers it has 5.0M parameters."""
    heads = max(1, hidden // 64)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=256,
        pad_token_id=256,
    )
    generator = torch.Generator().manual_seed(0)
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
    return model


def make_tree(trunk: int, branch: int, group: int) -> TokenTree:
    """Build a tree of random ids; rewards alternate, so half of the branches learn up and half down."""
    random = rng.stream("bench", "update")

    def ids(count: int) -> tuple[int, ...]:
        return tuple(random.randrange(256) for _ in range(count))

    branches = tuple(
        TreeBranch(
            token_ids=ids(branch),
            old_logprobs=(-6.24,) * branch,
            advantages=(0.5 if index % 2 else -0.5,) * branch,
            learns=(True,) * branch,
            anchored=(False,) * branch,
        )
        for index in range(group)
    )
    return TokenTree(trunk=ids(trunk), trunk_anchored=(False,) * trunk, branches=branches)


def _learner(policy: LocalPolicy, *, share: bool) -> Learner:
    whole_step = TrainConfig(share_trunk=share, micro_batch_tokens=1_000_000)
    return Learner(policy, AlgorithmConfig(kl_ref=0.0), OptimConfig(), whole_step)


def _ours(policy: LocalPolicy, tree: TokenTree, *, share: bool, steps: int) -> Seconds:
    learner = _learner(policy, share=share)
    taken = Seconds()
    for step in range(1, WARMUP + steps + 1):
        start = now()
        learner.update([tree], step)
        taken += Seconds.between(start, now())
    return taken.skip(WARMUP)


def _gradient_differences(policy: LocalPolicy, tree: TokenTree) -> dict[str, float]:
    """Return distances between gradients, relative to the length of the second."""
    shared, unshared = (_gradient(policy, tree, share=share) for share in (True, False))
    found = {"gradient_difference": _distance(shared, unshared)}
    if policy.precision == "bf16":
        exact = LocalPolicy(policy.model, policy.chat.tokenizer, name="exact")
        truth = _gradient(exact, tree, share=False)
        found["bf16_error_shared"], found["bf16_error_unshared"] = _distance(shared, truth), _distance(unshared, truth)
    return found


def _gradient(policy: LocalPolicy, tree: TokenTree, *, share: bool) -> Tensor:
    learner = _learner(policy, share=share)
    learner.backward([tree])
    return torch.cat([p.grad.flatten().double() for p in learner.parameters if p.grad is not None])


def _distance(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def _trl(
    policy: LocalPolicy, tree: TokenTree, retry: int, peer_python: str | Path, steps: int, threads: int
) -> Seconds:
    """Time TRL on the same trunk and branches as it reads them: one padded row per branch, the retry masked."""
    random = rng.stream("bench", "retry")
    size = len(tree.branches[0].token_ids)
    with tempfile.TemporaryDirectory() as folder:
        policy.save(Path(folder))
        job = {
            "checkpoint": folder,
            "trunk": tree.trunk,
            "completions": [
                [*branch.token_ids, *(random.randrange(256) for _ in range(retry))] for branch in tree.branches
            ],
            "masks": [[1] * size + [0] * retry for _ in tree.branches],
            "rewards": [float(branch.advantages[0] > 0) for branch in tree.branches],
            "steps": steps,
            "warmup": WARMUP,
            "threads": threads,
            "bf16": policy.precision == "bf16",
        }
        answer = run_peer(peer_python, "trl_update.py", job)
    return Seconds(answer["seconds"], answer["cpu_seconds"])
