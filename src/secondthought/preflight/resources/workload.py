"""The workload is what a run plays and learns from, as counts: calls of the sampler, trees, tokens, operations."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from secondthought.config import RunConfig
from secondthought.evaluate.controls import CONTROLS
from secondthought.preflight.resources.memory import Learning, Trees
from secondthought.preflight.resources.model_shape import ModelShape
from secondthought.preflight.resources.sampling_memory import Rows
from secondthought.types import TurnKind

FORWARD, BACKWARD = 2, 4
"""Operations per parameter of a product and token: one multiplication and one addition, and twice that backward."""
ATTENTION = 4
"""Operations per head dimension and pair of query and key: scores, and the weighted sum of values."""
STORED_CONTROLS = 2
"""Failures stored before training are played again after it: under own reflections, and under an oracle's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """A `Lengths` holds tokens of what nobody samples: the longest seen of each. `source` says how they were found."""

    prompt: int
    reflection_request: int
    retry_request: int
    retry_alone: int
    source: str
    note: int = 0
    note_alone: int = 0
    """What a fresh retry's prompt has besides the problem's: the note without its reflection, and that without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """An `Assumed` holds what cannot be known: shares of first tries that are right, and of the longest length."""

    first_try: float = 0.2
    length_share: float = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A `Phase` is one call of the sampler, repeated: `rows` at most; trunks over the run at most and expected."""

    name: str
    rows: Rows
    calls: int
    most_trunks: float
    expected_trunks: float

    @property
    def most_tokens(self) -> int:
        """Count tokens sampled over the run if every row ran to its end."""
        return math.ceil(self.most_trunks * self.rows.S * self.rows.R)

    def expected_tokens(self, assumed: Assumed) -> float:
        """Return the tokens sampled over the run under the assumptions."""
        return self.expected_trunks * self.rows.S * self.rows.R * assumed.length_share


def step_phases(config: RunConfig, lengths: Lengths, assumed: Assumed, steps: int) -> list[Phase]:
    """Return what `steps` training steps sample."""
    algorithm, episode, n = config.algorithm, config.episode, config.train.groups_per_step
    A, F, G = episode.max_attempt_tokens, episode.max_reflection_tokens, algorithm.group_size
    if algorithm.row.starts_from == "problems":
        first = _phase("first tries", Rows(U=n, S=G, P=lengths.prompt, T=0, R=A), steps)
        return [first, *_second_tries(config, lengths, assumed, steps)]
    wrong = 1.0 - assumed.first_try
    tries = 0 if config.train.failures is not None else config.train.mine_tries
    failing = n * (1.0 - assumed.first_try**tries) if tries else float(n)
    found = []
    if tries:
        mined = n * sum(assumed.first_try**index for index in range(tries)) if wrong else float(n * tries)
        rows = Rows(U=n, S=1, P=lengths.prompt, T=0, R=A)
        found.append(_phase("mining", rows, steps * tries, steps * n * tries, steps * mined))
    trunk = lengths.prompt + A
    if algorithm.row.branches == "retries":
        P, T = (lengths.prompt, lengths.note_alone) if _is_fresh(config) else (trunk + lengths.retry_alone, 0)
        return [*found, _phase("retries", Rows(U=n, S=G, P=P, T=T, R=A), steps, steps * n, steps * failing)]
    P = trunk + lengths.reflection_request
    reflect = Rows(U=n, S=G, P=P, T=0, R=F)
    retry = _retries(config, lengths, U=n, S=G * algorithm.retries, P=P)
    found.append(_phase("reflections", reflect, steps, steps * n, steps * failing))
    found.append(_phase("retries", retry, steps, steps * n, steps * failing))
    return found


def validation_phases(config: RunConfig, lengths: Lengths, assumed: Assumed, steps: int) -> list[Phase]:
    """Return what all validations sample: the first is before step 1, the last after the last step.

    Where one try is played there is no second to compare, and no oracle's reflection on the first.
    """
    times = 1 + math.ceil(steps / config.train.eval_every)
    problems, tries = config.train.eval_problems, min(2, config.evaluation.tries)
    oracle = _failing(_controls("validation: oracle", config, lengths, problems, 1), assumed)
    rounds = _rounds("validation", config, lengths, assumed, problems, tries=tries)
    return [_times(phase, times) for phase in (*rounds, *[oracle] * (tries > 1))]


def final_phases(config: RunConfig, lengths: Lengths, assumed: Assumed) -> list[Phase]:
    """Return what the evaluations before and after training sample, peers left out: they are other models.

    Controls and stored failures are second tries, so there are none where one try is played.
    """
    evaluation = config.evaluation
    controls = len(CONTROLS) if evaluation.controls else STORED_CONTROLS
    rounds = _rounds("evaluation", config, lengths, assumed, evaluation.problems, tries=evaluation.tries)
    sides = [_times(phase, 2 * len(evaluation.temperatures)) for phase in rounds]
    if evaluation.tries == 1:
        return sides
    first = _failing(_controls("evaluation: controls", config, lengths, evaluation.problems, controls), assumed)
    stored = _failing(_controls("evaluation: stored", config, lengths, evaluation.problems, STORED_CONTROLS), assumed)
    return [*sides, _times(first, 2), stored]


def trees(config: RunConfig, lengths: Lengths) -> Trees:
    """Return all groups of a step as trees of the largest size."""
    algorithm, episode = config.algorithm, config.episode
    A, F, G, k = episode.max_attempt_tokens, episode.max_reflection_tokens, algorithm.group_size, algorithm.retries
    anchors = algorithm.kl_anchor > 0
    U, trunk = config.train.groups_per_step, lengths.prompt + A
    if algorithm.row.starts_from == "problems":
        G += _retried(config)
        return Trees(U=U, P=lengths.prompt, G=G, R=A, M=U * G * A)
    if algorithm.row.branches == "retries" and _is_fresh(config):
        return Trees(U=U, P=lengths.prompt + lengths.note_alone, G=G, R=A, M=U * G * A)
    if algorithm.row.branches == "retries":
        return Trees(U=U, P=trunk + lengths.retry_alone, G=G, R=A, M=U * (G * A + anchors * A))
    if _is_fresh(config):
        return _with_fresh_trees(config, lengths)
    P, whole = trunk + lengths.reflection_request, F + lengths.retry_request + A
    if algorithm.learned_kinds == (TurnKind.REFLECTION,):
        read = G * F + anchors * (G * A + A)
        return Trees(U=U, P=P, G=G, R=whole if anchors else F, M=U * read)
    learned = G * k * A + (G * F if TurnKind.REFLECTION in algorithm.learned_kinds else anchors * G * F)
    return Trees(U=U, P=P, G=G * k, R=whole, M=U * (learned + anchors * A))


def _with_fresh_trees(config: RunConfig, lengths: Lengths) -> Trees:
    """Return the trees of a step whose retries have one of their own: two a group are counted as of the larger size."""
    algorithm, episode, U = config.algorithm, config.episode, config.train.groups_per_step
    A, F, G, k = episode.max_attempt_tokens, episode.max_reflection_tokens, algorithm.group_size, algorithm.retries
    anchors, learns = algorithm.kl_anchor > 0, algorithm.learned_kinds
    found = []
    if anchors or TurnKind.REFLECTION in learns:
        trunk = lengths.prompt + A + lengths.reflection_request
        found.append(Trees(U=U, P=trunk, G=G, R=F, M=U * (G * F + anchors * A)))
    if anchors or TurnKind.RETRY in learns:
        tries = G * k if TurnKind.RETRY in learns else G
        found.append(Trees(U=U, P=lengths.prompt, G=tries, R=lengths.note + F + A, M=U * tries * A))
    number = len(found)
    P, G, R, M = (max(getattr(tree, name) for tree in found) for name in "PGRM")
    return Trees(U=U * number, P=P, G=G, R=R, M=M * number)


def micro_batch(config: RunConfig, step: Trees) -> tuple[Trees, int]:
    """Return the largest micro-batch of a step and how many there are in a pass over all mini-batches."""
    parts = min(config.train.mini_batches, step.U)
    in_part = math.ceil(step.U / parts)
    U = max(1, min(in_part, config.train.micro_batch_tokens // (step.P + step.G * step.R)))
    return Trees(U=U, P=step.P, G=step.G, R=step.R, M=step.M * U // step.U), parts * math.ceil(in_part / U)


def as_rows(trees: Trees) -> Trees:
    """Return trees without sharing: every branch a row of its own, trunk included, with logits at every position."""
    rows, size = trees.U * trees.G, trees.P + trees.R
    return Trees(U=rows, P=size, G=1, R=0, M=rows * size)


def num_steps(config: RunConfig, per_step: float) -> int:
    """Return the steps until the last or until the token budget is spent, given the tokens that a step samples."""
    budget = config.train.max_sampled_tokens
    if budget is None:
        return config.train.steps
    return max(1, min(config.train.steps, math.ceil(budget / per_step)))


def sampling_operations(shape: ModelShape, phase: Phase, assumed: Assumed) -> float:
    """Return the operations of a phase over the run: each trunk and tail read once, then token by token."""
    rows, share = phase.rows, assumed.length_share
    T, R = rows.T * share, rows.R * share
    per_pair = ATTENTION * shape.layers * shape.queries
    trunk = FORWARD * shape.matrices * rows.P + per_pair * rows.P**2 / 2
    tail = FORWARD * shape.matrices * T + per_pair * T * (rows.P + T / 2)
    decode = FORWARD * (shape.matrices + shape.head) * R + per_pair * R * (rows.P + T + R / 2)
    return phase.expected_trunks * (trunk + rows.S * (tail + decode))


def sampling_forwards(phase: Phase, most_rows: int) -> int:
    """Count the forwards of a phase over the run: one per position, and those that read trunks and tails."""
    now = phase.rows.at_once(most_rows)
    batches = math.ceil(phase.rows.U * phase.rows.S / (now.U * now.S))
    return phase.calls * batches * (phase.rows.R + 1 + (phase.rows.T > 0))


def update_operations(shape: ModelShape, step: Trees, learning: Learning, assumed: Assumed) -> float:
    """Return the operations of one pass over a step's trees: forward, backward, and the reference's forward.

    With a critic besides: its forward before the updates, and one forward and backward in them, all without logits.
    Where layers are computed again, a forward of theirs in each backward.
    """
    share, again = assumed.length_share, int(learning.recompute)
    R, M = step.R * share, step.M * share
    pairs = step.U * (step.P**2 / 2 + step.G * R * (step.P + R / 2))
    tokens = step.U * (step.P + step.G * R)
    layers = FORWARD * shape.matrices * tokens + ATTENTION * shape.layers * shape.queries * pairs
    once = (FORWARD + BACKWARD) / FORWARD
    of_policy = (layers + FORWARD * shape.head * M) * (once + (1 if learning.reference else 0)) + again * layers
    return of_policy + (layers * (once + 1 + again) if learning.critic else 0)


def _rounds(
    name: str, config: RunConfig, lengths: Lengths, assumed: Assumed, problems: int, *, tries: int
) -> Iterable[Phase]:
    """Yield the phases of whole episodes: problems are tried, failures reflected on and tried again, round by round."""
    A, F = config.episode.max_attempt_tokens, config.episode.max_reflection_tokens
    yield _phase(f"{name}: first tries", Rows(U=problems, S=1, P=lengths.prompt, T=0, R=A), 1)
    P = lengths.prompt + A + lengths.reflection_request
    for _ in range(tries - 1):
        reflect = Rows(U=problems, S=1, P=P, T=0, R=F)
        retry = _retries(config, lengths, U=problems, S=1, P=P)
        yield _failing(_phase(f"{name}: reflections", reflect, 1), assumed)
        yield _failing(_phase(f"{name}: retries", retry, 1), assumed)
        P = retry.P + retry.T + A + lengths.reflection_request


def _second_tries(config: RunConfig, lengths: Lengths, assumed: Assumed, steps: int) -> Iterable[Phase]:
    """Yield the phases of failed first tries of a step that are reflected on and tried again, each by itself."""
    n, tries = config.train.groups_per_step, _retried(config)
    if not tries:
        return
    P = lengths.prompt + config.episode.max_attempt_tokens + lengths.reflection_request
    reflect = Rows(U=n * tries, S=1, P=P, T=0, R=config.episode.max_reflection_tokens)
    U, S = (n, tries) if _is_fresh(config) else (n * tries, 1)
    yield _failing(_phase("reflections", reflect, steps), assumed)
    yield _failing(_phase("retries", _retries(config, lengths, U=U, S=S, P=P), steps), assumed)


def _retried(config: RunConfig) -> int:
    """Return how many first tries of a group are tried again where they fail."""
    size = config.algorithm.group_size
    return size - size // 2 if config.algorithm.row.branches == "attempts-and-retries" else 0


def _controls(name: str, config: RunConfig, lengths: Lengths, problems: int, controls: int) -> Phase:
    """Count retries of every failure under several controls, which share its trunk."""
    P = lengths.prompt + config.episode.max_attempt_tokens + lengths.reflection_request
    return _phase(name, _retries(config, lengths, U=problems, S=controls, P=P), 1)


def _retries(config: RunConfig, lengths: Lengths, *, U: int, S: int, P: int) -> Rows:
    """Return rows that follow reflections, which begin after `P` tokens: there, or anew with the problem and a note."""
    A, F = config.episode.max_attempt_tokens, config.episode.max_reflection_tokens
    if _is_fresh(config):
        return Rows(U=U, S=S, P=lengths.prompt, T=F + lengths.note, R=A)
    return Rows(U=U, S=S, P=P, T=F + lengths.retry_request, R=A)


def _is_fresh(config: RunConfig) -> bool:
    return config.episode.retry_sees == "reflection"


def _phase(name: str, rows: Rows, calls: int, most: float | None = None, expected: float | None = None) -> Phase:
    most = calls * rows.U if most is None else most
    return Phase(
        name=name, rows=rows, calls=calls, most_trunks=most, expected_trunks=most if expected is None else expected
    )


def _failing(phase: Phase, assumed: Assumed) -> Phase:
    """Return a phase of failures alone; how many a later round has is not assumed, so each counts the first's."""
    return _phase(
        phase.name, phase.rows, phase.calls, phase.most_trunks, phase.expected_trunks * (1.0 - assumed.first_try)
    )


def _times(phase: Phase, times: int) -> Phase:
    return _phase(phase.name, phase.rows, phase.calls * times, phase.most_trunks * times, phase.expected_trunks * times)
