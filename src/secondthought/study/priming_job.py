"""A priming comes before RL in a primed arm of a study: a set is written, and the base is fine-tuned on it.

    OUT/ARM/primed/set.jsonl       the set
    OUT/ARM/primed/set.jsonl.json  the settings of the set: one made with other settings is refused
    OUT/ARM/primed/sft             a run of `train sft`; its model is what the RL of every seed starts from

All three are reused where they are there. As in the paper an arm is primed once and its seeds are seeds of RL, unless
the study asks for a priming of each (`primed_SEED`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from secondthought import jsonl
from secondthought.config import Config, EpisodeConfig, ModelConfig, TaskConfig, describe
from secondthought.config.sft import SftConfig, resolve_sft
from secondthought.config.values import Weights
from secondthought.data.priming.fillers import Length
from secondthought.data.priming.from_primed_model import wrong_tries
from secondthought.data.priming.from_search import SetRequest, Trace, traces
from secondthought.data.priming.kinds import KINDS, kind
from secondthought.data.token_lengths import length_by
from secondthought.disk import why_unread
from secondthought.errors import ConfigError, RunError
from secondthought.runs import files
from secondthought.runs.contents import digest_of_file
from secondthought.runs.directory import is_run
from secondthought.train.likelihood.run import MODEL, model_of
from secondthought.train.sft.run import train_sft

CONTENTS = "contents"
"""Name of the digests beside the settings of a set: a file that was changed afterwards keeps its name."""
SFT = "sft"
"""Run directory of the fine-tuning, in that of the priming."""


class TriesConfig(Config):
    """A `TriesConfig` says how wrong first tries of a model are sampled, as traces."""

    model: ModelConfig
    """The model that tries."""
    task: TaskConfig
    """The task that it tries."""
    episode: EpisodeConfig
    """How a try is sampled, and in how many tokens."""


class TracesConfig(Config):
    """A `TracesConfig` says what a priming set is made of, and how large it is."""

    arm: str
    """The name of a kind, or with `file` or `tries` any name."""
    count: int = Field(1000, ge=1)
    """Number of traces, each about a problem of its own."""
    seed: int = 0
    """Seed of problems and traces."""
    wording: Literal["english", "short"] = "english"
    """Words of the traces: English for any model, or the few that the organisms know."""
    correct: float | None = Field(None, ge=0, le=1)
    """Share of right answers; default: that of the wording."""
    attempts: Weights | None = None
    """Shares of thoughts with 1, 2, 3, ... attempts; default: those of the wording."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task: which problems."""
    # Not written where it is Countdown: sets made before there were others stay equal to themselves.
    task: str = Field("countdown", exclude_if=lambda task: task == "countdown")
    """The task whose writer is asked: that of RL."""
    # Not written where there is none: sets made before it was an option stay equal to themselves.
    file: Path | None = Field(None, exclude_if=lambda file: file is None)
    """Traces that are there already (`prime` from other sources) in place of ones written here; `arm` names them."""
    tries: TriesConfig | None = Field(None, exclude_if=lambda tries: tries is None)
    """Wrong tries of a primed model in place of ones written here; `arm` names them."""

    def request(self) -> SetRequest:
        """Return the request that the writer of sets takes."""
        dials = {"correct": self.correct, "attempts": self.attempts}
        return SetRequest(
            kind=self.arm,
            count=self.count,
            seed=self.seed,
            task=self.task,
            wording=self.wording,
            dials={name: value for name, value in dials.items() if value is not None},
            options=self.options,
            exact_options=True,
        )


class PrimingStage(Config):
    """A `PrimingStage` holds all settings of one priming: those of the set, and those of the fine-tuning on it."""

    traces: TracesConfig
    sft: SftConfig

    @classmethod
    def of(cls, directory: Path, traces: dict[str, Any], sft: dict[str, Any], *, base: ModelConfig) -> PrimingStage:
        """Build the stage of one arm; its base is loaded as RL loads it, whole weights unless `sft` says otherwise.

        Raises:
            ConfigError: a setting is unknown or out of range, or there is no such set.
        """
        chosen = _chosen(traces, str(directory))
        data = {
            **sft,
            "model": {**base.model_dump(mode="json", exclude={"lora"}), **sft.get("model", {})},
            "data": str(directory / "set.jsonl"),
            "run_dir": str(directory / SFT),
        }
        return cls(traces=chosen, sft=resolve_sft(data, source=str(directory)))

    @property
    def directory(self) -> Path:
        """Return the directory of the set, and of the fine-tuning on it."""
        return self.sft.run_dir.parent

    @property
    def model(self) -> Path:
        """Return the path that the primed model will have."""
        return self.sft.run_dir / MODEL


def model_in(directory: Path) -> Path:
    """Return the path of the primed model in the directory of a priming."""
    return directory / SFT / MODEL


def _chosen(traces: dict[str, Any], source: str) -> TracesConfig:
    try:
        chosen = TracesConfig.model_validate(traces)
    except ValidationError as error:
        raise ConfigError(f"{source}: priming: {describe(error)}") from None
    if chosen.file is None and chosen.tries is None:
        kind(chosen.arm)
    return chosen


def require_same(stage: PrimingStage) -> None:
    """Raise an error if the set is there and was made with other settings.

    Raises:
        RunError: the set was made with other settings.
    """
    settings, path = _settings_file(stage), stage.directory / "set.jsonl"
    if not settings.exists():
        return
    found, remedy = files.read_json(settings), "move it away, or give the study another `out`"
    made_of = found.pop(CONTENTS, {})  # not there in a set of an earlier version
    if found != json.loads(stage.traces.model_dump_json()):
        raise RunError(f"{path}: was made with other settings; {remedy}")
    today = _contents(stage)  # a file that the set was made of may be gone: the set is there
    changed = [name for name, digest in made_of.items() if today.get(name, digest) != digest]
    if changed:
        raise RunError(f"{path}: {', '.join(changed)} changed since it was made; {remedy}")


def prime(stage: PrimingStage) -> Path:
    """Write the set and fine-tune on it, or go on where that stopped; return the path of the primed model.

    Raises:
        RunError: the set or the fine-tuning is there and was made with other settings.
    """
    require_same(stage)
    if not _settings_file(stage).exists():
        _write(stage)
    train_sft(stage.sft, resume=is_run(stage.sft.run_dir), quiet=True)
    return model_of(stage.sft.run_dir)


def _write(stage: PrimingStage) -> None:
    path = stage.directory / "set.jsonl"
    rows = _rows(stage)
    with files.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        jsonl.write(path, rows)
    # Last: this file says that the set is whole.
    files.write_json(_settings_file(stage), {**json.loads(stage.traces.model_dump_json()), CONTENTS: _contents(stage)})


def _contents(stage: PrimingStage) -> dict[str, str]:
    """Return digests of the files that a set is, and is made of, where they are there."""
    paths = {"set.jsonl": stage.directory / "set.jsonl", "file": stage.traces.file}
    with files.disk_errors(stage.directory):
        return {name: digest_of_file(path) for name, path in paths.items() if path is not None and path.is_file()}


def _rows(stage: PrimingStage) -> Iterable[Mapping[str, Any]]:
    asked = stage.traces
    if asked.file is not None:
        return _rows_of(asked.file, asked.count)
    if asked.tries is not None:
        tries = asked.tries
        found: Iterable[Trace] = wrong_tries(tries.model, tries.task, tries.episode, count=asked.count, seed=asked.seed)
    else:
        found = traces(asked.request(), _length(stage))
    return (trace.row() for trace in found)


def _rows_of(file: Path, count: int) -> list[Mapping[str, Any]]:
    """Return the first rows of a file.

    Raises:
        RunError: the file cannot be read, or holds fewer rows.
    """
    try:
        lines = list(islice(jsonl.read(file), count))
    except OSError as error:
        raise RunError(why_unread(file, error)) from None
    for line in lines:
        if line.value is None:
            raise RunError(f"{file}, line {line.number}: {line.error}")
    if len(lines) < count:
        raise RunError(f"{file}: holds {len(lines)} traces, not {count}; lower `count`")
    return [line.value for line in lines if line.value is not None]


def _settings_file(stage: PrimingStage) -> Path:
    return stage.directory / "set.jsonl.json"


def _length(stage: PrimingStage) -> Length | None:
    """Return the counter of tokens by the base model's own tokenizer, read only where a set needs it."""
    known = KINDS.get(stage.traces.arm)
    return length_by(stage.sft.model.path) if known is not None and known.filler else None
