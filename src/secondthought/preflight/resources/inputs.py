"""Inputs of a plan are read here: the model's config.json and safetensors headers, some prompts, this machine's memory.

No weights are read. The model is built without memory, on torch's `meta` device, to count its parameters.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import cached_file

from secondthought.config import ModelConfig, RunConfig
from secondthought.errors import PolicyError
from secondthought.models import shipped
from secondthought.models.chat_template import Chat
from secondthought.models.device import find_device
from secondthought.models.gguf import described
from secondthought.models.gguf.cache import checkpoint_of
from secondthought.models.gguf.header import is_gguf
from secondthought.models.loading import chat_settings
from secondthought.models.template import choose
from secondthought.preflight.resources.model_shape import ModelShape
from secondthought.preflight.resources.published_shapes import PUBLISHED
from secondthought.preflight.resources.workload import Lengths
from secondthought.protocols import Task
from secondthought.rollout.player import MAX_FEEDBACK, Requests, noted
from secondthought.types import Completion, Problem, StopReason, Verdict

SOME_PROBLEMS = 64
"""Training problems whose prompts are counted."""
CHARACTERS_PER_TOKEN, TEMPLATE_TOKENS = 3, 24
"""Assumed where there is no tokenizer: English text has about 4 characters per token; 3 is on the safe side."""
_NOTHING = Completion(token_ids=(), logprobs=(), text="", stop=StopReason.LENGTH)
FAILED = Verdict(
    correct=False,
    reward=0.0,
    reason="wrong_parameter_values",
    well_formed=True,
    feedback=("what the task says of it " * MAX_FEEDBACK)[:MAX_FEEDBACK],
)
"""A failed try of which as much is told as can be: a long reason, and the longest sentence."""


def find_files(config: ModelConfig) -> Path | None:
    """Return the directory on this machine that holds the model's config.json, or None; nothing is downloaded."""
    where = Path(shipped.resolve(config.path)).expanduser()
    if (where / "config.json").is_file():
        return where
    try:
        found = cached_file(config.path, "config.json", local_files_only=True)
    except (OSError, ValueError):
        found = None
    return Path(found).parent if found else None


def model_files(config: ModelConfig) -> Path:
    """Return the directory on this machine that holds the model's config.json; of a GGUF file, what is made of it.

    Raises:
        PolicyError: it is not on this machine.
    """
    if is_gguf(config.path):
        return checkpoint_of(config.path)
    where = find_files(config)
    if where is None:
        raise PolicyError(
            f"{config.path}: is not on this machine; a plan needs the model's config.json, so download it or give a"
            " directory that holds it"
        )
    return where


def source_of(config: ModelConfig) -> str:
    """Return the words that say where a plan has a model's sizes from."""
    if is_gguf(config.path):
        return described.SOURCE
    return "config.json" if find_files(config) is not None else "published sizes; the model is not on this machine"


def read_config(config: ModelConfig) -> Any:
    """Read the model's config, defaults filled in; of a model that is not here, the published one if it is known.

    Raises:
        PolicyError: config.json is missing or describes no model that transformers knows.
    """
    if is_gguf(config.path):
        return described.config_in(config.path)
    if config.path in PUBLISHED and find_files(config) is None:
        return AutoConfig.for_model(**PUBLISHED[config.path])
    where = model_files(config)
    try:
        return AutoConfig.from_pretrained(where, trust_remote_code=config.trust_remote_code, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        first = (str(error).strip().splitlines() or ["unknown error"])[0]
        raise PolicyError(f"{where / 'config.json'}: cannot be read as a model's config: {first}") from error


def read_shape(config: ModelConfig) -> ModelShape:
    """Read sizes and parameters of the model.

    Raises:
        PolicyError: there is no config.json, or it describes no causal language model.
    """
    model_config = read_config(config)
    return shape_of(model_config, source=config.path, trust_remote_code=config.trust_remote_code)


def shape_of(model_config: Any, *, source: str, trust_remote_code: bool = False) -> ModelShape:
    """Return sizes and parameters of a model that is built without memory."""
    model = build_empty(model_config, source=source, trust_remote_code=trust_remote_code)
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    return ModelShape.of(model_config.to_dict(), shapes, source=source)


def build_empty(model_config: Any, *, source: str, trust_remote_code: bool = False) -> Any:
    """Build the model without memory for its weights.

    Raises:
        PolicyError: the config describes no causal language model.
    """
    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(model_config, trust_remote_code=trust_remote_code)
    except (ValueError, KeyError, ImportError, AttributeError, TypeError) as error:
        first = (str(error).strip().splitlines() or ["unknown error"])[0]
        raise PolicyError(f"{source}: its config.json makes no causal language model: {first}") from error


def weights_of(config: ModelConfig) -> dict[str, int]:
    """Count parameters and bytes of the model's weights, by the headers of its files; it raises as `stored_weights`."""
    return described.weights_in(config.path) if is_gguf(config.path) else stored_weights(find_files(config))


def stored_weights(where: Path | None) -> dict[str, int]:
    """Count parameters and bytes of the safetensors files, by their headers; zeros where there are none.

    Raises:
        PolicyError: a file is cut short or is not safetensors.
    """
    count = size = 0
    for file in sorted(where.glob("*.safetensors")) if where is not None else ():
        for entry in _header(file).values():
            begin, end = entry["data_offsets"]
            size += end - begin
            count += _product(entry["shape"])
    return {"parameters": count, "bytes": size}


def _header(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header: dict[str, Any] = json.loads(stream.read(min(length, file.stat().st_size)))
    except (struct.error, ValueError) as error:
        raise PolicyError(f"{file}: its header is not that of a safetensors file; copy it again") from error
    header.pop("__metadata__", None)
    return header


def _product(sizes: list[int]) -> int:
    count = 1
    for size in sizes:
        count *= size
    return count


def read_lengths(config: RunConfig, task: Task) -> Lengths:
    """Return the longest of some prompts and requests, in the model's own tokens where its tokenizer is at hand.

    Raises:
        PolicyError: the model's conversations cannot be used: it would be refused when it is loaded, too.
    """
    count = min(SOME_PROBLEMS, config.task.train_problems)
    problems = task.problems("train", count, config.task.seed)
    requests = Requests.resolve(task, config.episode)
    try:
        tokenizer = read_tokenizer(config.model)
    except (OSError, ValueError, KeyError, ImportError, AttributeError, PolicyError):
        return _guessed_lengths(problems, requests)
    choose(tokenizer, config.model.chat_template)
    chat = Chat(tokenizer, **chat_settings(config.model))
    prompts = [len(chat.start(problem.messages, problem.tools)) for problem in problems]

    def more_with(note: str) -> int:
        whole = [len(chat.start(noted(problem.messages, note), problem.tools)) for problem in problems]
        return max(after - before for after, before in zip(whole, prompts, strict=True))

    return Lengths(
        prompt=max(prompts),
        reflection_request=max(len(chat.follow(_NOTHING, requests.reflection_on(p, FAILED))) for p in problems),
        retry_request=max(len(chat.follow(_NOTHING, requests.retry_after_reflection(p))) for p in problems),
        retry_alone=max(len(chat.follow(_NOTHING, requests.retry_alone(p, FAILED))) for p in problems),
        source=f"the longest of {count} training problems",
        note=more_with(requests.note_with("")),
        note_alone=more_with(requests.note_alone(FAILED)),
    )


def read_tokenizer(config: ModelConfig) -> Any:
    """Read the tokenizer alone; of a GGUF file nothing is unpacked for that.

    Raises:
        PolicyError: the model is not on this machine; what the library raises on damaged files comes through.
    """
    if is_gguf(config.path):
        return described.tokenizer_in(config.path)
    return AutoTokenizer.from_pretrained(model_files(config), local_files_only=True)


def _guessed_lengths(problems: list[Problem], requests: Requests) -> Lengths:
    def tokens(text: str) -> int:
        return TEMPLATE_TOKENS + len(text) // CHARACTERS_PER_TOKEN

    return Lengths(
        prompt=max(tokens(" ".join(message.content for message in problem.messages)) for problem in problems),
        reflection_request=max(tokens(requests.reflection_on(problem, FAILED)) for problem in problems),
        retry_request=max(tokens(requests.retry_after_reflection(problem)) for problem in problems),
        retry_alone=max(tokens(requests.retry_alone(problem, FAILED)) for problem in problems),
        source=f"no usable tokenizer here: a token for every {CHARACTERS_PER_TOKEN} characters",
        note=tokens(requests.note_with("")),
        note_alone=tokens(requests.note_alone(FAILED)),
    )


def device_of(config: ModelConfig) -> torch.device:
    """Return the device on which training would put the model.

    Raises:
        PolicyError: torch knows no such device.
    """
    return find_device(config.device)


def machine_memory(device: torch.device) -> dict[str, int]:
    """Return bytes in all and free now; of a container, what it is allowed."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return {"total": total, "free": free}
    page = os.sysconf("SC_PAGE_SIZE")
    total = page * os.sysconf("SC_PHYS_PAGES")
    free = page * os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in os.sysconf_names else total
    free = _meminfo("MemAvailable") or free
    limit, used = (_number(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if limit is not None and limit < total:
        total, free = limit, min(free, max(limit - (used or 0), 0))
    return {"total": total, "free": free}


def _meminfo(name: str) -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
