"""A fine-tuning run's plan tells memory, tokens and time, by the formulas of RL. Arithmetic without torch.

What nobody has given (how many examples, how long they are) is None in tokens and times; memory takes the longest
examples that the settings allow, all of their tokens learned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from secondthought.config.sft import SftConfig
from secondthought.preflight.resources import memory, workload
from secondthought.preflight.resources.memory import FP32, RUNTIME_BYTES, Learning, Trees
from secondthought.preflight.resources.model_shape import ModelShape
from secondthought.preflight.resources.plan import (
    OPERATIONS_PER_LAYER,
    UPDATE_UTILISATION,
    MachineSpeed,
    as_toml,
    changed,
    switches,
    worthwhile,
)
from secondthought.preflight.resources.workload import Assumed

_ALL = Assumed(first_try=0.0, length_share=1.0)
"""Examples are given, so nothing of them has to be assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A `Corpus` is what is known of the examples. `source` says from where.

    `step` is an optimizer step of mean examples, `largest` the largest micro-batch, as trees; `number` how many
    micro-batches a step has.
    """

    source: str
    step: Trees
    largest: Trees
    number: int
    examples: int | None = None
    """That are learned from, the held-out ones apart."""
    held_out: int | None = None
    tokens: float | None = None
    """Of a mean example."""
    learned: float | None = None
    """Of a mean example's tokens."""
    steps_per_epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SftPlan:
    """An `SftPlan` holds a config, a model's shape, and what is known of the examples."""

    config: SftConfig
    shape: ModelShape
    corpus: Corpus
    on_cpu: bool = True

    @property
    def learning(self) -> Learning:
        """Return what learns: all parameters, or adapters; nothing is compared with a reference."""
        model = self.config.model
        return Learning(
            trainable=self.shape.adapters(model.lora.rank, model.lora.target_modules)
            if model.lora.rank
            else self.shape.parameters,
            adapters=model.lora.rank > 0,
            reference=False,
            precision=model.precision,
            recompute=self.config.train.gradient_checkpointing,
            on_cpu=self.on_cpu,
        )

    @property
    def steps(self) -> int | None:
        """Return the steps of the whole run, where that is known."""
        train, per_epoch = self.config.train, self.corpus.steps_per_epoch
        return train.steps or (None if per_epoch is None else train.epochs * per_epoch)

    @property
    def evaluations(self) -> int | None:
        """Count measurements of held-out loss: before training, and after each epoch, the last one's part included."""
        if not self.config.eval_share:
            return 0
        if self.steps is None or self.corpus.steps_per_epoch is None:
            return None
        return 1 + math.ceil(self.steps / self.corpus.steps_per_epoch)

    def memory(self) -> dict[str, Any]:
        """Return bytes: what stays, the peaks of the update and of reading held-out examples, and the larger one."""
        stays = memory.resident(self.shape, self.learning)
        laid_out = self.corpus.largest if self.config.train.share_trunk else workload.as_rows(self.corpus.largest)
        update = memory.update(self.shape, laid_out, self.learning, in_flight=memory.LOGITS_FITTED)
        peaks = {"update": memory.peak_of_update(stays, update, self.corpus.number)}
        read = held_out(self.shape, laid_out, self.learning) if self.config.eval_share else {}
        if read:
            peaks["held-out forward"] = memory.total(stays) + memory.total(read)
        batch = {**asdict(self.corpus.largest), "tokens": laid_out.tokens, "number": self.corpus.number}
        return {
            "resident": stays,
            "update": {"micro_batch": batch, "terms": update},
            "held_out": {"terms": read},
            "peaks": peaks,
            "need": max(peaks.values()) + RUNTIME_BYTES,
        }

    def tokens(self) -> dict[str, Any]:
        """Count tokens read and learned, per step, per epoch and over the run; None where that is not known."""
        corpus, size = self.corpus, self.config.train.batch_size
        step = {
            "most": size * self.config.max_length,
            "mean": None if corpus.tokens is None else round(size * corpus.tokens),
            "learned": None if corpus.learned is None else round(size * corpus.learned),
        }
        return {
            "per_step": step,
            "per_epoch": {name: _times(value, corpus.steps_per_epoch) for name, value in step.items()},
            "run": {name: _times(value, self.steps) for name, value in step.items()},
            "steps_per_epoch": corpus.steps_per_epoch,
            "steps": self.steps,
            "evaluations": self.evaluations,
        }

    def time(self, speed: MachineSpeed) -> dict[str, Any]:
        """Return seconds: operations over the assumed share of the measured rate, and calls; None where not known.

        Reading and tokenizing the file, and writing checkpoints, are not in it.
        """
        one = self._step_seconds(speed)
        per_epoch, updates = _times(one, self.corpus.steps_per_epoch), _times(one, self.steps)
        reading = 0.0 if not self.config.eval_share else _times(self._held_out_seconds(speed), self.evaluations)
        parts = {"updates": updates, "held out": reading}
        whole = None if updates is None or reading is None else updates + reading
        return {
            "per_step": {"update": one},
            "per_epoch": {"updates": per_epoch},
            "run": {**parts, "all": whole},
            "rates": {"update": speed.update, "seconds_per_call": speed.call},
            "assumed_utilisation": {"update": UPDATE_UTILISATION},
        }

    def advice(self) -> dict[str, int]:
        """Return the bytes needed with one setting changed, best first; only settings that matter."""
        return worthwhile(self.memory()["need"], {as_toml(*knob): self._need_with(*knob) for knob in self._knobs()})

    def _knobs(self) -> list[tuple[str, Any]]:
        config = self.config
        halved: list[tuple[str, Any]] = [
            ("train.micro_batch_tokens", config.train.micro_batch_tokens // 2),
            ("max_length", config.max_length // 2),
        ]
        switched = switches(config.model, recomputes=config.train.gradient_checkpointing)
        return [*((name, value) for name, value in halved if value >= 2), *switched]

    def _need_with(self, name: str, value: Any) -> int:
        config = changed(self.config, name, value)
        largest = cut(self.corpus.largest, config)
        return int(replace(self, config=config, corpus=replace(self.corpus, largest=largest)).memory()["need"])

    def _step_seconds(self, speed: MachineSpeed) -> float:
        learning = self.learning
        operations = workload.update_operations(self.shape, self.corpus.step, learning, _ALL)
        forwards = self.corpus.number * (3 + learning.recompute)
        return self._seconds(operations, forwards, speed)

    def _held_out_seconds(self, speed: MachineSpeed) -> float | None:
        """Return the time of reading all held-out examples once: a third of forward and backward."""
        if self.corpus.held_out is None:
            return None
        share = self.corpus.held_out / self.corpus.step.U
        once = replace(self.learning, recompute=False)
        operations = share * workload.update_operations(self.shape, self.corpus.step, once, _ALL) / 3
        return self._seconds(operations, math.ceil(share * self.corpus.number), speed)

    def _seconds(self, operations: float, forwards: int, speed: MachineSpeed) -> float:
        calls = forwards * self.shape.layers * OPERATIONS_PER_LAYER
        return operations / (speed.update * UPDATE_UTILISATION) + calls * speed.call


def held_out(shape: ModelShape, trees: Trees, learning: Learning) -> Mapping[str, int]:
    """Return the peak of reading one micro-batch for its loss alone."""
    return {
        "cast weights": memory.cast_weights(shape, learning),
        "forward": memory.forward(shape, trees.tokens, learning.width),
        "logits": FP32 * (memory.LOGITS_SAVED + memory.LOGITS_FITTED) * min(trees.M * shape.vocab, memory.SLICE),
    }


def uniform(config: SftConfig, size: int) -> tuple[Trees, Trees, int]:
    """Return step, largest micro-batch and number of micro-batches of examples of `size` tokens, all learned.

    An example's first token is read only: nothing predicts it. One of `max_length` tokens goes alone where it must.
    """
    step = Trees(U=config.train.batch_size, P=1, G=1, R=size - 1, M=config.train.batch_size * (size - 1))
    batch = cut(step, config)
    longest = Trees(U=1, P=1, G=1, R=config.max_length - 1, M=config.max_length - 1)
    return step, max(batch, longest, key=lambda trees: trees.tokens), math.ceil(step.U / batch.U)


def cut(trees: Trees, config: SftConfig) -> Trees:
    """Return as many of these trees as fit a micro-batch, none longer than `max_length`; at least one.

    >>> cut(Trees(U=9, P=4, G=1, R=6, M=54), SftConfig(train={"micro_batch_tokens": 35}))
    Trees(U=3, P=4, G=1, R=6, M=18)
    """
    R = max(1, min(trees.R, config.max_length - trees.P))
    U = max(1, min(trees.U, config.train.micro_batch_tokens // (trees.P + trees.G * R)))
    return Trees(U=U, P=trees.P, G=trees.G, R=R, M=trees.M * U * R // (trees.U * trees.R))


def _times(value: float | None, count: int | None) -> Any:
    return None if value is None or count is None else value * count
