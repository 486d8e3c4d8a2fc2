"""A run's plan tells memory, tokens and time, each with what it is made of: arithmetic over `memory` and `workload`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from secondthought.config import Config, ModelConfig, RunConfig
from secondthought.inference.row_limit import most_rows
from secondthought.preflight.resources import memory, sampling_memory, workload
from secondthought.preflight.resources.memory import RUNTIME_BYTES, Learning, Trees
from secondthought.preflight.resources.model_shape import ModelShape
from secondthought.preflight.resources.sampling_memory import DRAW_BYTES, DRAW_COPIES, DRAW_ROWS
from secondthought.preflight.resources.workload import Assumed, Lengths, Phase

ConfigT = TypeVar("ConfigT", bound=Config)

UPDATE_UTILISATION = 0.5
"""Assumed share of the measured matrix-product rate that the update reaches."""
SAMPLING_UTILISATION = 0.35
"""The same of sampling, whose products are small and whose attention reads memory."""
OPERATIONS_PER_LAYER = 50
"""Calls of the tensor library per layer and forward, none of which takes less than the time of an empty one."""
KNOBS = (
    "train.micro_batch_tokens",
    "train.groups_per_step",
    "algorithm.group_size",
    "episode.max_attempt_tokens",
    "episode.max_reflection_tokens",
    "train.eval_problems",
    "evaluation.problems",
)
"""Settings that lower a peak when they are halved."""
LORA_RANK = 16
"""Adapters that are suggested where all parameters learn."""
WORTHWHILE = 0.97
"""A knob is named if it brings the need below this share."""
FORMULAS = {
    "libraries, heap": (
        f"{memory.LIBRARY_BYTES['fp32']} (bf16: {memory.LIBRARY_BYTES['bf16']}), and {memory.HEAP_SLACK} of the"
        " update's other terms on a CPU"
    ),
    "weights, reference": "4 N each (N parameters; frozen beside bf16 adapters 2 N, and no other reference)",
    "critic": "as the policy: 4 N of weights, 4 of gradients and 8 of moments per parameter that learns",
    "gradients, moments": "4 and 8 per parameter that learns: N, or rank (in + out) of every adapted matrix",
    "cache": "2 L K D b (U P + U S C); C = T + R - 1 rounded up to a multiple of 32; trunks again if kept, up to 2^30",
    "logits of a decode step": f"{DRAW_COPIES} x 4 U S V + {DRAW_BYTES} x min(U S, {DRAW_ROWS}) V",
    "activations of the update": "L X (norms 8 n E + 8 E (bf16: 10 E) + b (4 F + H D)) + L attention, X = U (P + G R)",
    "recomputing layers": "4 L X E of inputs, and one layer's activations, in place of all layers'",
    "attention": (
        f"b U ({memory.TRUNK_QUERIES + memory.TRUNK_KEYS} H D P + {memory.BRANCH_QUERIES} H D G R"
        f" + {memory.OWN_KEYS} K D G R), and {memory.JOINED_KEYS} H D G (P + R) for layers with"
        " windows or capped scores, and for all on a GPU"
    ),
    "logits of the update": (
        f"4 M V x ({memory.LOGITS_SAVED} kept + {memory.LOGITS_IN_FLIGHT} in flight"
        f" + {memory.LOGITS_REFERENCE} of the reference); of more than {memory.SLICE} logits b M E kept, and that many"
        " in flight"
    ),
    "operations": (
        "2 N per token sampled, 6 N per token of trees, 2 N of the reference; attention 4 L H D per query and key,"
        " 12 with the backward"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpeed:
    """A `MachineSpeed` is measured in place.

    Operations per second of the update's and of decoding's products, and seconds of an empty call.
    """

    update: float
    decode: float
    call: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """A `RunPlan` holds a config, a model's shape, the lengths of its prompts, and what has to be assumed."""

    config: RunConfig
    shape: ModelShape
    lengths: Lengths
    assumed: Assumed
    on_cpu: bool = True

    @property
    def most_rows(self) -> int:
        """Return how many rows are sampled at once at most."""
        return most_rows(self.shape.parameters, on_cpu=self.on_cpu)

    @property
    def learning(self) -> Learning:
        """Return what learns: all parameters, or adapters.

        Where a KL term needs a reference, the model with its adapters switched off is one.
        """
        algorithm, lora = self.config.algorithm, self.config.model.lora
        return Learning(
            trainable=self.shape.adapters(lora.rank, lora.target_modules) if lora.rank else self.shape.parameters,
            adapters=lora.rank > 0,
            reference=algorithm.kl_ref > 0 or algorithm.kl_anchor > 0 or algorithm.kl_reward > 0,
            critic=algorithm.row.baseline == "critic",
            entropy=algorithm.entropy_bonus > 0,
            precision=self.config.model.precision,
            recompute=self.config.train.gradient_checkpointing,
            on_cpu=self.on_cpu,
        )

    @property
    def steps(self) -> int:
        """Return the steps of the run, as far as the token budget lets it go."""
        return workload.num_steps(self.config, sum(p.expected_tokens(self.assumed) for p in self.step_phases))

    @property
    def step_phases(self) -> list[Phase]:
        """Return what one step samples."""
        return self._step_phases(1)

    @property
    def phases(self) -> dict[str, list[Phase]]:
        """Return everything that the run samples."""
        given = (self.config, self.lengths, self.assumed)
        return {
            "training": self._step_phases(self.steps),
            "validation": workload.validation_phases(*given, self.steps),
            "evaluation": workload.final_phases(*given),
        }

    @property
    def micro_batch(self) -> tuple[Trees, int]:
        """Return the largest micro-batch, and how many a step has."""
        return workload.micro_batch(self.config, workload.trees(self.config, self.lengths))

    def memory(self) -> dict[str, Any]:
        """Return bytes: what stays, the peaks of every phase of sampling and of the update, and the largest of all."""
        stays = memory.resident(self.shape, self.learning)
        calls = {phase.name: phase for group in self.phases.values() for phase in group}
        sampling = {
            name: sampling_memory.sampling(self.shape, phase.rows, self.learning) for name, phase in calls.items()
        }
        largest = max(sampling, key=lambda name: memory.total(sampling[name]))
        batch, count = self.micro_batch
        laid_out = batch if self.config.train.share_trunk else workload.as_rows(batch)
        update = memory.update(self.shape, laid_out, self.learning)
        peaks = {
            "sampling": memory.total(stays) + memory.total(sampling[largest]),
            "update": memory.peak_of_update(stays, update, count),
        }
        return {
            "resident": stays,
            "sampling": {"largest": largest, "phases": sampling},
            "update": {"micro_batch": {**asdict(batch), "tokens": laid_out.tokens, "number": count}, "terms": update},
            "peaks": peaks,
            "need": max(peaks.values()) + RUNTIME_BYTES,
        }

    def tokens(self) -> dict[str, Any]:
        """Count sampled tokens: at most and expected, per step and over the run."""
        per_step = {p.name: self._both([p]) for p in self.step_phases}
        whole = {part: self._both(phases) for part, phases in self.phases.items()}
        every = [phase for phases in self.phases.values() for phase in phases]
        step = workload.trees(self.config, self.lengths)
        return {
            "per_step": {**per_step, "all": self._both(self.step_phases)},
            "read_by_an_update": {"most": step.tokens, "learned_or_anchored": step.M},
            "steps": self.steps,
            "validations": self.phases["validation"][0].calls,
            "run": {**whole, "all": self._both(every)},
        }

    def time(self, speed: MachineSpeed) -> dict[str, Any]:
        """Return seconds: operations over the assumed share of the measured rates, and calls that cannot be quicker.

        Tokenizing, judging, reading and writing are not in it: nearer a lower bound than a middle.
        """
        parts = {part: sum(self._sampling_seconds(p, speed) for p in phases) for part, phases in self.phases.items()}
        one_step = {phase.name: self._sampling_seconds(phase, speed) for phase in self.step_phases}
        update = self._update_seconds(speed)
        return {
            "per_step": {**one_step, "update": update},
            "run": {**parts, "updates": update * self.steps, "all": sum(parts.values()) + update * self.steps},
            "rates": {"update": speed.update, "decode": speed.decode, "seconds_per_call": speed.call},
            "assumed_utilisation": {"update": UPDATE_UTILISATION, "sampling": SAMPLING_UTILISATION},
        }

    def advice(self) -> dict[str, int]:
        """Return the bytes needed with one setting changed, best first; only settings that matter."""
        need = self.memory()["need"]
        return worthwhile(need, {as_toml(*knob): self._need_with(*knob) for knob in self._knobs()})

    def _knobs(self) -> list[tuple[str, Any]]:
        model = self.config.model
        halved: list[tuple[str, Any]] = [(name, self._value(name) // 2) for name in KNOBS if self._value(name) >= 4]
        return [*halved, *switches(model, recomputes=self.config.train.gradient_checkpointing)]

    def _value(self, name: str) -> Any:
        section, field = name.split(".")
        return getattr(getattr(self.config, section), field)

    def _need_with(self, name: str, value: Any) -> int:
        return int(replace(self, config=changed(self.config, name, value)).memory()["need"])

    def _step_phases(self, steps: int) -> list[Phase]:
        return workload.step_phases(self.config, self.lengths, self.assumed, steps)

    def _both(self, phases: Sequence[Phase]) -> Mapping[str, int]:
        return {
            "most": sum(phase.most_tokens for phase in phases),
            "expected": round(sum(phase.expected_tokens(self.assumed) for phase in phases)),
        }

    def _sampling_seconds(self, phase: Phase, speed: MachineSpeed) -> float:
        operations = workload.sampling_operations(self.shape, phase, self.assumed)
        calls = workload.sampling_forwards(phase, self.most_rows) * self.shape.layers * OPERATIONS_PER_LAYER
        return operations / (speed.decode * SAMPLING_UTILISATION) + calls * speed.call

    @property
    def _forwards_per_batch(self) -> int:
        """Count a forward and a backward, which is two; the reference's; the critic's three and that of its advantages.

        Where layers are computed again, one more in each backward.
        """
        learning = self.learning
        return 3 + learning.reference + 4 * learning.critic + learning.recompute * (1 + learning.critic)

    def _update_seconds(self, speed: MachineSpeed) -> float:
        step = workload.trees(self.config, self.lengths)
        operations = workload.update_operations(self.shape, step, self.learning, self.assumed)
        calls = self.micro_batch[1] * self._forwards_per_batch * self.shape.layers * OPERATIONS_PER_LAYER
        return self.config.train.epochs * (operations / (speed.update * UPDATE_UTILISATION) + calls * speed.call)


def switches(model: ModelConfig, *, recomputes: bool) -> list[tuple[str, Any]]:
    """Return settings with two values or so that lower a peak, where they are not set yet."""
    again = [] if recomputes else [("train.gradient_checkpointing", True)]
    precision = [("model.precision", "bf16")] if model.precision == "fp32" else []
    adapted = [("model.lora.rank", LORA_RANK)] if not model.lora.rank else []
    return [*again, *precision, *adapted]


def changed(config: ConfigT, name: str, value: Any) -> ConfigT:
    """Return a config with one setting, named by its dotted path, changed."""
    *sections, field = name.split(".")
    data = config.model_dump()
    table = data
    for section in sections:
        table = table.setdefault(section, {})
    table[field] = value
    return type(config).model_validate(data)


def as_toml(name: str, value: Any) -> str:
    """Write a setting as TOML has it.

    >>> as_toml("train.gradient_checkpointing", True), as_toml("model.precision", "bf16")
    ('train.gradient_checkpointing = true', 'model.precision = bf16')
    """
    return f"{name} = {str(value).lower() if isinstance(value, bool) else value}"


def worthwhile(need: int, with_changes: Mapping[str, int]) -> dict[str, int]:
    """Return what is needed after each change, best first; only changes that matter."""
    kept = {name: value for name, value in with_changes.items() if value < WORTHWHILE * need}
    return dict(sorted(kept.items(), key=lambda item: item[1]))
