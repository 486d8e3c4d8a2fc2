"""Measure one call of the sampler, or one update, in a process of its own: its peak of memory and its seconds.

`python -m secondthought.bench.probes.memory JOB.json` prints one JSON object. Weights are random: memory and time do
not depend on them. The process is fresh, because a process that was larger before keeps what it once had; and the peak
is that of the process itself (VmHWM, set back through clear_refs), because what the kernel reports of a child
(ru_maxrss) counts its parent's size too. An optimizer step on a tiny tree comes first, so that gradients, moments and
buffers are there.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from secondthought import rng
from secondthought.bench.tokenizer import byte_tokenizer
from secondthought.config import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
from secondthought.inference.local import LocalPolicy
from secondthought.preflight.resources.memory import Trees
from secondthought.preflight.resources.sampling_memory import Rows
from secondthought.train.critic.advantages import with_advantages
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import Prompt, Sampling, TokenIds


def main(path: str) -> int:
    """Do the job and print what it took."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    device = torch.device(job["device"])
    torch.ones(64, 64, device=device) @ torch.ones(64, 64, device=device)
    bare = memory_now(device)
    shape = AutoConfig.from_pretrained(job["model"])
    model = AutoModelForCausalLM.from_config(shape, dtype=torch.float32).to(device)  # as policies load it
    policy = LocalPolicy(model, byte_tokenizer(), name="probe", precision=job["precision"])
    policy.stop_ids = frozenset()
    train = TrainConfig.model_validate(job["train"])
    algorithm, critic = AlgorithmConfig.model_validate(job["algorithm"]), CriticConfig.model_validate(job["critic"])
    learner = Learner(policy, algorithm, OptimConfig(), train, critic=critic)
    vocabulary = model.get_input_embeddings().weight.shape[0]
    _learn(learner, Trees(U=1, P=3, G=2, R=2, M=4), vocabulary, 1)
    stays = memory_now(device)
    is_exact = forget_peak(device)
    began = time.perf_counter()
    if "rows" in job:
        _sample(policy, Rows(**job["rows"]), vocabulary, share=train.share_trunk)
    else:
        _learn(learner, Trees(**job["trees"]), vocabulary, 2)
    seconds = time.perf_counter() - began
    found = {
        "peak": peak(device) - bare,
        "resident": stays - bare,
        "bare": bare,
        "seconds": seconds,
        "exact": is_exact,
        "unshared_reason": policy.unshared_reason,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def memory_now(device: torch.device) -> int:
    """Return the bytes that the process holds: the resident set, or what torch has allocated on the GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return torch.cuda.memory_allocated(device)
    return _status("VmRSS") or _max_rss()


def peak(device: torch.device) -> int:
    """Return the most bytes that the process held since `forget_peak`."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _status("VmHWM") or _max_rss()


def forget_peak(device: torch.device) -> bool:
    """Begin a new peak; return False where the system forbids it and the peak stays that of the whole process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)


def _max_rss() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _sample(policy: LocalPolicy, rows: Rows, vocabulary: int, *, share: bool) -> None:
    prompts = [
        Prompt(
            trunk=_ids(vocabulary, rows.P, "trunk", u),
            tail=_ids(vocabulary, rows.T, "tail", u, s),
            key=rng.key("probe", u, s),
        )
        for u in range(rows.U)
        for s in range(rows.S)
    ]
    policy.sample(prompts, Sampling(temperature=1.0, max_tokens=rows.R), share=share)


def _learn(learner: Learner, trees: Trees, vocabulary: int, step: int) -> None:
    """Do with a step's groups what the loop does: have a critic, where there is one, give advantages, then update."""
    made = _trees(trees, vocabulary)
    if learner.critic is not None:
        made, _ = with_advantages(made, learner, learner.critic)
    learner.update(made, step)


def _trees(trees: Trees, vocabulary: int) -> list[TokenTree]:
    """Build U trees whose branches learn on their first tokens, as many as make M in all; signs alternate."""
    learning = min(trees.R, -(-trees.M // (trees.U * trees.G)))
    return [
        TokenTree(
            trunk=_ids(vocabulary, trees.P, "trunk", u),
            trunk_anchored=(False,) * trees.P,
            branches=tuple(_branch(vocabulary, trees.R, learning, u, g) for g in range(trees.G)),
        )
        for u in range(trees.U)
    ]


def _branch(vocabulary: int, size: int, learning: int, u: int, g: int) -> TreeBranch:
    learns = (True,) * learning + (False,) * (size - learning)
    advantage = 0.5 if g % 2 else -0.5
    return TreeBranch(
        token_ids=_ids(vocabulary, size, "branch", u, g),
        old_logprobs=(-1.0,) * size,
        advantages=tuple(advantage * learn for learn in learns),
        learns=learns,
        anchored=(False,) * size,
        rewards=tuple(float(learn and advantage > 0) for learn in learns),
    )


def _ids(vocabulary: int, count: int, *names: str | int) -> TokenIds:
    random = rng.stream("probe", *names)
    return tuple(random.randrange(vocabulary) for _ in range(count))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
