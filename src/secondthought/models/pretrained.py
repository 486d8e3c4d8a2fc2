"""A checkpoint is read whole or refused: what a library says of a damaged one is told with file, field and remedy."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from secondthought.errors import PolicyError
from secondthought.models import checkpoint_files
from secondthought.models.hub import only_here

logger = logging.getLogger(__name__)

_UNLOADED = "cannot be loaded as a causal language model"
_SHOWN = 3
"""Names of tensors that a sentence shows."""
_LAYER = re.compile(r"(^|\.)(layers|h|blocks|block)\.\d+\.")


def read_pretrained(path: str | Path, *, trust_remote_code: bool = False, as_stored: bool = False) -> tuple[Any, Any]:
    """Return tokenizer and model, in fp32, from safetensors only: no pickle is ever opened.

    With `as_stored` a directory whose files are all in bf16 is read so, without weights in fp32 on the way.

    Raises:
        PolicyError: something is missing, damaged, or does not fit together; the sentence names it.
    """
    directory = Path(path) if Path(path).is_dir() else None
    config = checkpoint_files.check_config(directory) if directory else {}
    where = {"trust_remote_code": trust_remote_code, "local_files_only": only_here(path)}
    with _named(f"{path}{'/' if directory else ': '}config.json", _UNLOADED):
        AutoConfig.from_pretrained(path, **where)
    if directory:
        checkpoint_files.check_weights(directory, config)
    with _named(f"{path}", "its tokenizer cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(path, **where)
    is_bf16 = as_stored and directory is not None and checkpoint_files.stored_kinds(directory) == {"BF16"}
    with _named(f"{path}", _UNLOADED), _without_report():
        model, found = _read_model(path, torch.bfloat16 if is_bf16 else torch.float32, where)
        if any(buffer.dtype == torch.bfloat16 for buffer in model.buffers()):  # constants that no file holds
            model, found = _read_model(path, torch.float32, where)
    if getattr(model, "_hf_peft_config_loaded", False):  # an adapter on the hub, put in by transformers unasked
        raise PolicyError(f"{path}: is an adapter; download it and give the name of its directory")
    _require_whole(str(path), found)
    _require_ids(str(path), model)
    return tokenizer, model


def require_embedded(tokenizer: Any, model: PreTrainedModel) -> None:
    """Refuse a tokenizer with tokens that have no embedding; a token that only pads is never read.

    Raises:
        PolicyError: there are some; the sentence names the first.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    beyond = {text: token for text, token in tokenizer.get_vocab().items() if token >= rows}
    beyond.pop(tokenizer.pad_token or "", None)
    if beyond:
        token, first = min((number, text) for text, number in beyond.items())
        raise PolicyError(
            f"tokenizer.json holds {len(beyond)} tokens without an embedding, the first {first!r} with id {token}: "
            f"the model embeds {rows} (config.json, vocab_size); use the model's own tokenizer, or add rows to the "
            "model with resize_token_embeddings and save it"
        )


def _read_model(path: str | Path, dtype: torch.dtype, where: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return a model and what its loading says of tensors; those of another shape are refused later, by name."""
    found: tuple[Any, Any] = AutoModelForCausalLM.from_pretrained(
        path, dtype=dtype, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True, **where
    )
    return found


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on whatever device: that is no fault of a file."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _require_whole(path: str, found: Mapping[str, Any]) -> None:
    """Refuse weights that are not those of the model that the config describes: the rest would be random numbers.

    Raises:
        PolicyError: tensors are missing, of another shape, or of layers that the config does not have.
    """
    if mismatched := sorted(found.get("mismatched_keys", ())):
        name, held, wanted = mismatched[0]
        raise PolicyError(
            f"{path}: {name} is {list(held)} in the file and {list(wanted)} by config.json{_others(mismatched)}; config"
            " and weights are of two models, or a size in config.json was edited"
        )
    if missing := sorted(found.get("missing_keys", ())):
        raise PolicyError(
            f"{path}: the weights lack {_listed(missing)}, which config.json asks for; the file is of another model or"
            " was saved in part, so copy or download it again"
        )
    unexpected = sorted(found.get("unexpected_keys", ()))
    if beyond := [name for name in unexpected if _LAYER.search(name)]:
        raise PolicyError(
            f"{path}: the weights hold {_listed(beyond)}, which the model of config.json does not have; look at its"
            " number of layers and its model_type"
        )
    if unexpected:
        logger.warning("%s: the weights also hold %s; the model does without", path, _listed(unexpected))


def _require_ids(path: str, model: Any) -> None:
    """Refuse ids of special tokens that are no whole numbers.

    Raises:
        PolicyError: the sentence names file and field.
    """
    for file, settings in (("config.json", model.config), ("generation_config.json", model.generation_config)):
        for field in ("bos_token_id", "eos_token_id", "pad_token_id"):
            value = getattr(settings, field, None)
            ids = value if isinstance(value, list) else [] if value is None else [value]
            if not all(type(one) is int for one in ids):
                raise PolicyError(f"{path}: {file}: {field} is {value!r}; it must be the number of a token, or several")


def _listed(names: Collection[str]) -> str:
    shown = list(names)[:_SHOWN]
    return ", ".join(shown) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _others(faults: Collection[Any]) -> str:
    return f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""


@contextlib.contextmanager
def _named(place: str, what: str) -> Iterator[None]:
    """Turn what a library raises into one sentence that begins with the place."""
    try:
        yield
    except PolicyError:
        raise
    except Exception as error:  # a checkpoint is somebody's data, and libraries fail on it in any way
        if is_out_of_memory(error):
            raise
        raise PolicyError(f"{place}: {what}: {_said(error)}") from error


def _said(error: Exception) -> str:
    """Return a library's message on one line, with the remedy where its own words give none."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if lines[0].startswith(("Validation error", "Class validation error")) and len(lines) > 1:
        return re.sub(r"^\w+Error: ", "", lines[1].strip()) + "; mend it, or get the file again"
    if isinstance(error, KeyError):
        return f"{lines[0]} is not known to this version of transformers; look for the word in the file"
    if "does not recognize this architecture" in lines[0]:
        return f"{lines[0]} Try: pip install --upgrade transformers"
    if isinstance(error, OSError | ValueError | ImportError):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}; a field is wrong or missing"


@contextlib.contextmanager
def _without_report() -> Iterator[None]:
    """Keep `transformers` from printing its table of tensors: what of it matters is said in a sentence."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
