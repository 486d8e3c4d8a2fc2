"""Count tokens sampled per second: ours, `transformers` generate, its continuous batching, and vLLM, on the same rows.

With `model` a checkpoint samples trunks of its own vocabulary, in every number of `rows` and size of `groups`. Without
one there are two workloads on a random Qwen2. `trunks`: a few trunks of one length, all branches equally long.
`rollouts`: what training samples, trunks of many lengths and branches that end early, one here and one there. A random
model ends nothing by itself, so each row's length is drawn beforehand, equally for all engines; only tokens up to it
count. Temperature 1, nothing cut off the distribution. Ours computes as in training (bf16 is autocast, with each weight
cast once) and keeps log-probabilities; the others hold weights in bf16 and need not.

Medians over the timed rounds, of which a slow engine has fewer: they end once they took `seconds`, so that the whole
takes minutes. Ours is timed after each peer, so that a change of the machine's load meets all. Beside the wall clock
stands the processor time of the measuring process: on a busy machine, read that one. Ratios above 1 mean that we are
faster. vLLM runs in the interpreter given as `vllm_python`.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedModel

from secondthought import rng
from secondthought.bench.clocks import Seconds, medians, now, ratios
from secondthought.bench.peers import hf_generate, vllm_sample
from secondthought.bench.peers.client import run_peer
from secondthought.bench.tokenizer import byte_tokenizer
from secondthought.bench.update import make_model, measured_with
from secondthought.errors import PolicyError, RunError
from secondthought.inference.decoding import SharedSampler
from secondthought.inference.local import LocalPolicy
from secondthought.types import Prompt, Sampling, TokenIds

WARMUP_TOKENS = 4
"""Every engine first samples all rows to this length, untimed."""
CACHE_GIB = 2
"""vLLM's cache: every row of the default workloads fits."""
PARTS = ("raw", "median_seconds", "median_cpu_seconds", "tokens_per_second", "tokens_per_cpu_second", "ratios")
"""Results of each workload."""
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}

Engine: TypeAlias = Callable[["Workload"], list[int]]
"""An engine samples every row and returns how many tokens each got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A `Workload` holds rows to sample, in the order of arrival; branches of a trunk are neighbours."""

    prompts: tuple[Prompt, ...]
    limits: tuple[int, ...]
    """Tokens of each row, no fewer and no more."""
    generate_rows: int
    """Rows of one batch of `generate`."""

    @property
    def ids(self) -> list[TokenIds]:
        """Return the prompts as engines read them that know no trunks."""
        return [prompt.ids for prompt in self.prompts]

    @property
    def short(self) -> Workload:
        """Return the same rows, cut off after a few tokens."""
        return replace(self, limits=tuple(min(limit, WARMUP_TOKENS) for limit in self.limits))


def run(
    *,
    workload: Literal["both", "trunks", "rollouts"] = "both",
    trunks: int = 8,
    trunk: int = 400,
    tokens: int = 100,
    branches: int = 16,
    failures: int = 32,
    shortest_trunk: int = 60,
    shortest: int = 8,
    mean: int = 48,
    longest: int = 200,
    generate_rows: int = 64,
    hidden: int = 256,
    layers: int = 6,
    model: str | None = None,
    rows: Sequence[int] = (64, 256),
    groups: Sequence[int] = (8, 16),
    precision: Literal["bf16", "fp32"] = "bf16",
    rounds: int = 3,
    seconds: float = 20.0,
    threads: int = 1,
    generate: bool = True,
    continuous: bool = True,
    vllm_python: str | None = None,
) -> dict[str, Any]:
    """Time every engine; return settings, seconds, tokens per second and ratios of medians by workload and engine."""
    settings = dict(locals())
    torch.set_num_threads(threads)
    load_before = os.getloadavg()
    if model is not None:
        return {"settings": settings, **_of_model(model, rows, groups, settings)}
    lengths = (shortest, mean, longest)
    works = {
        "trunks": trunks_workload(trunks, trunk, branches, tokens),
        "rollouts": rollouts_workload(failures, (shortest_trunk, trunk), branches, lengths, generate_rows),
    }
    policy = LocalPolicy(_endless(make_model(hidden, layers)), byte_tokenizer(), name="bench", precision=precision)
    asked = {name: work for name, work in works.items() if workload in ("both", name)}
    measured = {name: _Measurement(policy, work, settings).time_all() for name, work in asked.items()}
    settings |= {"transformers": transformers.__version__, **measured_with(policy, load_before)}
    return {"settings": settings, **{part: {name: found[part] for name, found in measured.items()} for part in PARTS}}


def _of_model(path: str, rows: Sequence[int], groups: Sequence[int], settings: dict[str, Any]) -> dict[str, Any]:
    """Time every engine on trunks of a checkpoint's own vocabulary, for each number of rows and size of group."""
    policy = LocalPolicy.load(path, precision=settings["precision"], device="cpu", frozen=True)
    own = AutoModelForCausalLM.from_pretrained(path, dtype=DTYPES[policy.precision], use_safetensors=True).eval()
    peer = Peer(_endless(own), path)
    size = policy.model.get_input_embeddings().weight.shape[0]
    measured = {}
    for count in rows:
        for group in groups:
            work = trunks_workload(count // group, settings["trunk"], group, settings["tokens"], size)
            work = replace(work, generate_rows=settings["generate_rows"])
            timed = _Measurement(policy, work, {**settings, "continuous": False}, peer)
            measured[f"{count} rows, groups of {group}"] = timed.time_all()
    return {part: {name: found[part] for name, found in measured.items()} for part in PARTS}


def trunks_workload(trunks: int, trunk: int, branches: int, tokens: int, vocabulary: int = 256) -> Workload:
    """Build rows of equal lengths, which show nothing but the engine's own speed.

    `generate` gets all rows as one batch.
    """
    prompts = _prompts("trunks", [trunk] * trunks, branches, vocabulary)
    return Workload(prompts=prompts, limits=(tokens,) * len(prompts), generate_rows=len(prompts))


def rollouts_workload(
    failures: int, trunk: tuple[int, int], branches: int, lengths: tuple[int, int, int], generate_rows: int
) -> Workload:
    """Build rows with trunks between two lengths and branches of a shortest, about a mean and at most a longest length.

    Lengths beyond the shortest are exponential: most rows end early, a few run on and on.
    """
    draws = rng.stream("bench", "sample", "lengths")
    shortest, mean, longest = lengths
    prompts = _prompts("rollouts", [draws.randint(*sorted(trunk)) for _ in range(failures)], branches)
    beyond = (draws.expovariate(1.0 / max(1, mean - shortest)) for _ in prompts)
    limits = tuple(min(longest, shortest + int(value)) for value in beyond)
    return Workload(prompts=prompts, limits=limits, generate_rows=generate_rows)


def _prompts(name: str, trunk_lengths: Sequence[int], branches: int, vocabulary: int = 256) -> tuple[Prompt, ...]:
    draws = rng.stream("bench", "sample", name)
    trunks = [tuple(draws.randrange(vocabulary) for _ in range(length)) for length in trunk_lengths]
    return tuple(
        Prompt(trunk=ids, key=rng.key("bench", name, number, branch))
        for number, ids in enumerate(trunks)
        for branch in range(branches)
    )


def _endless(model: PreTrainedModel) -> PreTrainedModel:
    """Take the end of turn from a model, for engines that would stop at one; return the model."""
    model.config.eos_token_id = None
    model.generation_config.eos_token_id = None
    return model


class Peer(NamedTuple):
    """A `Peer` is a checkpoint as other engines read it: loaded by `transformers`, and its directory."""

    model: PreTrainedModel
    checkpoint: str


class _Measurement:
    """A `_Measurement` has every engine in turn sample one workload."""

    def __init__(
        self, policy: LocalPolicy, work: Workload, settings: Mapping[str, Any], peer: Peer | None = None
    ) -> None:
        self.policy, self.work, self.asked = policy, work, settings
        self.rounds, self.seconds, self.threads = (settings[name] for name in ("rounds", "seconds", "threads"))
        self.model = copy.deepcopy(policy.model).to(DTYPES[policy.precision]) if peer is None else peer.model
        self.checkpoint = None if peer is None else peer.checkpoint
        self.taken = {"ours": Seconds()}
        self.left_out: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def time_all(self) -> dict[str, Any]:
        """Time each engine that is asked for, ours after every other one, and return the results."""
        asked, python = self.asked, self.asked["vllm_python"]
        peers: dict[str, Callable[[], Seconds] | str] = {
            "generate": (lambda: self._timed(self._generate)) if asked["generate"] else "not asked for",
            "continuous": (lambda: self._timed(self._continuous)) if asked["continuous"] else "not asked for",
            "vllm": (lambda: self._vllm(python)) if python else "no vllm_python given",
        }
        self._ours(self.work.short)
        for name, peer in peers.items():
            if isinstance(peer, str):
                self.left_out[name] = peer
            else:
                self._try(name, peer)
            self.taken["ours"] += self._timed(self._ours)
        return self._results()

    def _try(self, name: str, peer: Callable[[], Seconds]) -> None:
        try:
            self.taken[name] = peer()
        except (PolicyError, ImportError, NotImplementedError, RuntimeError, ValueError) as error:
            self.left_out[name] = str(error)

    def _results(self) -> dict[str, Any]:
        found = medians(self.taken)
        useful = sum(self.work.limits)
        return {
            "raw": {
                "seconds": {name: asdict(seconds) for name, seconds in self.taken.items()},
                "left_out": self.left_out,
                "vllm_versions": self.versions,
                "rows": len(self.work.prompts),
                "tokens": useful,
                "prompt_tokens": sum(map(len, self.work.ids)),
            },
            "median_seconds": found["wall"],
            "median_cpu_seconds": found["cpu"],
            "tokens_per_second": {name: useful / value for name, value in found["wall"].items()},
            "tokens_per_cpu_second": {name: useful / value for name, value in found["cpu"].items()},
            "ratios": ratios(found, "ours"),
        }

    def _timed(self, engine: Engine) -> Seconds:
        if engine != self._ours:
            engine(self.work.short)
        taken = Seconds()
        for _ in range(self.rounds):
            start = now()
            lengths = engine(self.work)
            taken += Seconds.between(start, now())
            _require_lengths(self.work, lengths)
            if sum(taken.wall) > self.seconds:
                break
        return taken

    def _ours(self, work: Workload) -> list[int]:
        """Sample with the policy's own sampler, which gets lengths instead of an end of turn."""
        sampler = SharedSampler(self.policy.model, frozenset())
        with self.policy.computing():
            rows = sampler.sample(work.prompts, Sampling(max_tokens=max(work.limits)), limits=work.limits)
        return [len(row.token_ids) for row in rows]

    def _generate(self, work: Workload) -> list[int]:
        return hf_generate.generate(self.model, work.ids, work.limits, batch_rows=work.generate_rows)

    def _continuous(self, work: Workload) -> list[int]:
        return hf_generate.continuous(self.model, work.ids, work.limits)

    def _vllm(self, python: str) -> Seconds:
        with tempfile.TemporaryDirectory() as folder:
            if self.checkpoint is None:
                self.policy.save(Path(folder))
            job = {
                "checkpoint": self.checkpoint or folder,
                "prompts": self.work.ids,
                "limits": self.work.limits,
                "rounds": self.rounds,
                "seconds": self.seconds,
                "warmup": WARMUP_TOKENS,
                "dtype": str(DTYPES[self.policy.precision]).removeprefix("torch."),
            }
            environment = vllm_sample.environment(self.threads, CACHE_GIB)
            answer = run_peer(python, "vllm_sample.py", job, environment=environment, preload=vllm_sample.PRELOAD)
        _require_lengths(self.work, answer["lengths"])
        self.versions = answer["versions"]
        return Seconds(answer["seconds"], answer["cpu_seconds"])


def _require_lengths(work: Workload, lengths: Sequence[int]) -> None:
    """Refuse an engine that sampled fewer tokens, since it would look fast.

    Raises:
        RunError: a row has another length than was asked for.
    """
    wrong = sum(got != wanted for got, wanted in zip(lengths, work.limits, strict=True))
    if wrong:
        raise RunError(f"bench sample: an engine gave {wrong} of {len(work.limits)} rows another length than asked for")
