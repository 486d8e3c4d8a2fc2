"""A shape holds the sizes of a causal LM that memory and time follow from, read off its config and its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.errors import PolicyError

Shapes = Mapping[str, Sequence[int]]
"""Parameters by name; tied ones once."""

_NAMES = {
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "heads": ("num_attention_heads", "n_head"),
    "vocab": ("vocab_size",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A `ModelShape` holds the symbols of the formulas.

    E hidden, F intermediate, L layers, H heads, K kv heads, D head size, V vocabulary.
    `norms` are those of a layer over the hidden state, `head_norms` is true where queries and keys have their own.
    `expanded_layers` have a window or cap their scores (`capped`): their branches attend to copies of the trunk.
    """

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocab: int
    norms: int
    head_norms: bool
    gated: bool
    expanded_layers: int
    capped: bool
    parameters: int
    matrices: int
    """Parameters of all layers' matrices: what a token's products run through, embeddings and head left out."""
    sides: Mapping[str, int]
    """Rows + columns of the layers' matrices by the last part of their names, summed over layers: what LoRA adapts."""

    @property
    def head(self) -> int:
        """Return the parameters of the product that makes logits: V*E."""
        return self.vocab * self.hidden

    @property
    def queries(self) -> int:
        """Return the width of a token's queries: H*D."""
        return self.heads * self.head_size

    @property
    def keys(self) -> int:
        """Return the width of a token's keys, or of its values: K*D."""
        return self.kv_heads * self.head_size

    def adapters(self, rank: int, targets: Sequence[str]) -> int:
        """Count the parameters of low-rank adapters beside the matrices that `targets` name."""
        chosen = self.sides if "all-linear" in targets else [name for name in self.sides if name in targets]
        return rank * sum(self.sides[name] for name in chosen)

    @classmethod
    def of(cls, config: Mapping[str, Any], shapes: Shapes, *, source: str = "model") -> ModelShape:
        """Build a shape from a complete config (defaults filled in) and the parameters' shapes.

        Raises:
            PolicyError: the config does not say how large a causal LM is.
        """
        config = config.get("text_config") or config
        found = {name: _first(config, keys, source) for name, keys in _NAMES.items()}
        layer = _first_layer(shapes)
        return cls(
            **found,
            intermediate=int(_largest(config.get("intermediate_size") or config.get("n_inner")) or 4 * found["hidden"]),
            kv_heads=int(config.get("num_key_value_heads") or found["heads"]),
            head_size=int(config.get("head_dim") or found["hidden"] // found["heads"]),
            norms=sum("norm" in name and not _is_head_norm(name) for name in layer if name.endswith("weight")) or 2,
            head_norms=any(_is_head_norm(name) for name in layer),
            gated=any("gate" in name for name in layer),
            expanded_layers=_expanded_layers(config, found["layers"]),
            capped=bool(config.get("attn_logit_softcapping")),
            parameters=sum(math.prod(shape) for shape in shapes.values()),
            matrices=sum(math.prod(s) for name, s in shapes.items() if len(s) > 1 and not _is_vocabulary(name)),
            sides=_sides(shapes),
        )


def _first(config: Mapping[str, Any], names: Sequence[str], source: str) -> int:
    for name in names:
        if isinstance(config.get(name), int) and config[name] > 0:
            return int(config[name])
    raise PolicyError(f"{source}: its config.json has no {names[0]}; a plan needs that of a causal language model")


def _largest(value: Any) -> Any:
    """Return the largest width: some families give one per layer."""
    return max(value) if isinstance(value, (list, tuple)) else value


def _sides(shapes: Shapes) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, sizes in shapes.items():
        if len(sizes) == 2 and not _is_vocabulary(name):
            last = name.removesuffix(".weight").rsplit(".", 1)[-1]
            found[last] = found.get(last, 0) + sum(sizes)
    return found


def _expanded_layers(config: Mapping[str, Any], layers: int) -> int:
    if config.get("attn_logit_softcapping"):
        return layers
    if not config.get("sliding_window") or config.get("use_sliding_window") is False:
        return 0
    kinds = config.get("layer_types")
    return sum(kind == "sliding_attention" for kind in kinds) if kinds else layers


def _first_layer(shapes: Shapes) -> list[str]:
    """Return the names of the first layer's parameters, cut to what follows its number."""
    return [name.split(".0.", 1)[1] for name in shapes if ".0." in name]


def _is_head_norm(name: str) -> bool:
    return any(part in name for part in ("q_norm", "k_norm", "q_layernorm", "k_layernorm"))


def _is_vocabulary(name: str) -> bool:
    return any(part in name for part in ("embed", "lm_head", "wte", "wpe"))
