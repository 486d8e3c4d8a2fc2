"""What comes before RL in a primed arm of a study: a priming set is written, and the base is fine-tuned on it.

OUT/ARM/seed_N.primed/set.jsonl   the set, with its provenance beside it
OUT/ARM/seed_N.primed/sft         a run of `train sft`; its model is what RL starts from
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from secondthought.config import Config, ModelConfig
from secondthought.errors import RunError
from secondthought.policies.loading import load_policy
from secondthought.priming.sets import PROVENANCE, SetConfig, write_set
from secondthought.runs.directory import is_run
from secondthought.train.sft import MODEL, model_of, train_sft
from secondthought.train.sft_config import SftConfig, resolve_sft


class PrimingStage(Config):
    """A set and the fine-tuning on it; paths follow from the directory."""

    traces: SetConfig
    sft: SftConfig

    @classmethod
    def of(cls, directory: Path, traces: dict[str, Any], sft: dict[str, Any], *, base: str, seed: int) -> PrimingStage:
        """The stage of one piece: its own traces and its own fine-tuning, both by the piece's seed."""
        chosen = SetConfig.model_validate({"seed": seed, **traces})
        model = {"path": base, **sft.get("model", {})}
        data = {
            **sft,
            "seed": seed,
            "model": model,
            "data": str(directory / "set.jsonl"),
            "task": "countdown",
            "options": chosen.options,
            "run_dir": str(directory / "sft"),
        }
        return cls(traces=chosen, sft=resolve_sft(data, source=str(directory)))

    @property
    def model(self) -> Path:
        """Where the primed model will be."""
        return self.sft.run_dir / MODEL


def require_same(stage: PrimingStage) -> None:
    """Refuse to go on from a set that was made with other settings.

    Raises:
        RunError: it was.
    """
    data = stage.sft.data
    assert data is not None  # `of` sets it
    provenance = data.with_name(data.name + PROVENANCE)
    if provenance.exists() and not _is_of(stage.traces, provenance):
        raise RunError(f"{data}: was made with other settings; move it away, or give the study another `out`")


def prime(stage: PrimingStage) -> Path:
    """Write the set and fine-tune on it, or go on where that stopped; returns the primed model.

    Raises:
        RunError: what is there was made with other settings.
    """
    require_same(stage)
    data = stage.sft.data
    if data is not None and not data.with_name(data.name + PROVENANCE).exists():
        write_set(stage.traces, data, _counter(stage))
    train_sft(stage.sft, resume=is_run(stage.sft.run_dir), quiet=True)
    return model_of(stage.sft.run_dir)


def _counter(stage: PrimingStage) -> Any:
    """Tokens by the base model's own tokenizer, read only where a set needs it."""
    if stage.traces.arm != "dots":
        return None
    policy = load_policy(ModelConfig(path=stage.sft.model.path))
    return lambda text: len(policy.encode(text).token_ids)


def _is_of(traces: SetConfig, provenance: Path) -> bool:
    found = json.loads(provenance.read_text(encoding="utf-8"))
    wanted = json.loads(traces.model_dump_json())
    return all(found.get(key) == value for key, value in wanted.items())
