"""Architectures that are read from GGUF files: a row says what settings and tensors are called in a checkpoint.

A row is added where its numbers have been compared with the original's. What no row knows is refused: a tensor left
out would be another model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from torch import Tensor
from transformers import AutoConfig

from secondthought.errors import PolicyError, first_line
from secondthought.models.gguf.header import Header
from secondthought.models.gguf.rotary import FACTORS, rope_parameters

Mend: TypeAlias = Callable[[str, Tensor, Header], Tensor]

_WHOLE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_OF_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_LAYER = re.compile(r"blk\.(\d+)\.(\w+)\.(weight|bias)")
_SIZES = {
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "max_position_embeddings": "context_length",
}


def as_they_are(name: str, values: Tensor, header: Header) -> Tensor:
    """Leave the numbers in their order."""
    return values


def heads_unwoven(name: str, values: Tensor, header: Header) -> Tensor:
    """Undo the order of queries' and keys' rows that files of llama's kind have: the halves of a head are interleaved.

    Rotation is by neighbours there, and by halves in `transformers`.
    """
    if ".attn_q." in name:
        heads = header.setting("attention.head_count", int)
    elif ".attn_k." in name:
        heads = _key_heads(header)
    else:
        return values
    pairs = values.reshape(heads, values.shape[0] // heads // 2, 2, *values.shape[1:])
    return pairs.swapaxes(1, 2).reshape(values.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A `Family` is one architecture of GGUF files."""

    model_type: str
    """The `model_type` of the family in `transformers`."""
    factors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Settings that are fractions, by their name in config.json."""
    biases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Settings that say whether there are biases, by a tensor that is there if so."""
    own_head_size: bool = True
    """Whether config.json may name the size of a head."""
    mend: Mend = as_they_are


_BIASES = MappingProxyType({"attention_bias": "blk.0.attn_q.bias"})
_GRANITE = {
    "embedding_multiplier": "embedding_scale",
    "residual_multiplier": "residual_scale",
    "attention_multiplier": "attention.scale",
    "logits_scaling": "logit_scale",
}

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "llama": Family(model_type="llama", biases=_BIASES, mend=heads_unwoven),
        "granite": Family(
            model_type="granite", biases=_BIASES, factors=_GRANITE, own_head_size=False, mend=heads_unwoven
        ),
        "qwen2": Family(model_type="qwen2", own_head_size=False),
        "qwen3": Family(model_type="qwen3", biases=_BIASES),
    }
)
"""Architectures that can be read, by the name that files give them. Mistral's and SmolLM's files are called llama."""


def family_of(header: Header) -> Family:
    """Return the row of a file's architecture.

    Raises:
        PolicyError: there is none.
    """
    found = FAMILIES.get(header.architecture)
    if found is None:
        raise PolicyError(
            f"{header.path}: is of the architecture {header.architecture!r}, and GGUF files of {', '.join(FAMILIES)}"
            " are read; get the model's directory of safetensors, which is read for many more"
        )
    return found


def name_in_checkpoint(name: str) -> str | None:
    """Return what a tensor is called in a checkpoint; None of one that is not known.

    >>> name_in_checkpoint("blk.3.ffn_up.weight")
    'model.layers.3.mlp.up_proj.weight'
    """
    if name in _WHOLE:
        return _WHOLE[name]
    found = _LAYER.fullmatch(name)
    if found is None or found[2] not in _OF_LAYER:
        return None
    return f"model.layers.{found[1]}.{_OF_LAYER[found[2]]}.{found[3]}"


def names_in_checkpoint(header: Header) -> dict[str, str]:
    """Return what each tensor of a file is called in a checkpoint.

    Raises:
        PolicyError: a tensor is not known, so that the model would be another one without it.
    """
    names = {name: name_in_checkpoint(name) for name in header.tensors if name != FACTORS}
    if unknown := sorted(name for name, called in names.items() if called is None):
        raise PolicyError(
            f"{header.path}: holds {unknown[0]}{f' and {len(unknown) - 1} more' if unknown[1:] else ''}, which the "
            f"architecture {header.architecture!r} is not known to have; get the model's directory of safetensors"
        )
    return {name: called for name, called in names.items() if called is not None}


def config_of(header: Header) -> Any:
    """Return the model's config as `transformers` has it, without reading any tensor.

    Raises:
        PolicyError: the architecture is not read, or a setting is missing or wrong.
    """
    family, name = family_of(header), header.architecture
    sizes = {ours: header.need(f"{name}.{theirs}", int) for ours, theirs in _SIZES.items()}
    found = {ours: header.setting(theirs, float) for ours, theirs in family.factors.items()}
    settings = {
        **sizes,
        **{ours: value for ours, value in found.items() if value is not None},
        **{ours: tensor in header.tensors for ours, tensor in family.biases.items()},
        **_special_ids(header),
        "num_key_value_heads": _key_heads(header),
        "rms_norm_eps": header.need(f"{name}.attention.layer_norm_rms_epsilon", float),
        "rope_parameters": rope_parameters(header),
        "vocab_size": _vocabulary_size(header),
        "tie_word_embeddings": "output.weight" not in header.tensors,
    }
    if family.own_head_size:
        settings["head_dim"] = _head_size(header)
    try:
        return AutoConfig.for_model(family.model_type, **settings)
    except Exception as error:  # sizes are somebody's data, and the library checks some of them in its own ways
        raise PolicyError(f"{header.path}: its settings make no {family.model_type}: {first_line(error)}") from None


def _key_heads(header: Header) -> int:
    found = header.setting("attention.head_count_kv", int, header.setting("attention.head_count", int))
    return int(found)


def _head_size(header: Header) -> int:
    heads = header.need(f"{header.architecture}.attention.head_count", int)
    by_width = header.need(f"{header.architecture}.embedding_length", int) // max(heads, 1)
    rotated = header.setting("rope.dimension_count", int, by_width)
    return int(header.setting("attention.key_length", int, rotated))


def _vocabulary_size(header: Header) -> int:
    if "token_embd.weight" not in header.tensors:
        raise PolicyError(f"{header.path}: holds no token_embd.weight, so it is no whole model; get it anew")
    return header.tensors["token_embd.weight"].shape[0]


def _special_ids(header: Header) -> dict[str, int | None]:
    names = {"bos": "bos", "eos": "eos", "pad": "padding"}
    return {f"{ours}_token_id": header.get(f"tokenizer.ggml.{name}_token_id", int) for ours, name in names.items()}
