"""A low-rank adapter trains over a frozen model, by `peft`; switched off, the model is its base to the bit.

The layers are put into the model in place, so for all other code it stays the ordinary `transformers` model that it
was: sampling and shared trunks know of no adapter. On disk an adapter is what `peft` reads and writes:

    adapter_config.json         rank, layers, and the name of the base model
    adapter_model.safetensors   the low-rank matrices alone
    base_model.json             ours: a digest of the base's weights; a header's entries have no fixed order

`peft` is optional and imported only where an adapter is asked for.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from secondthought import rng
from secondthought.config import LoraConfig
from secondthought.errors import ConfigError, PolicyError, first_line
from secondthought.models.adapter_file import read_fields
from secondthought.models.pretrained import is_out_of_memory

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
BASE = "base_model.json"
PROBES = 64
"""Numbers of each weight that the digest reads."""

_BEYOND_LOW_RANK = (
    "modules_to_save",
    "trainable_token_indices",
    "layer_replication",
    "alora_invocation_tokens",
    "target_parameters",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
)
_KEEPS_BASE = (True, False, "gaussian", "orthogonal", "eva")
"""First values of the matrices that leave the base's weights as they are."""


class Adapter:
    """An `Adapter` is in a model, and its matrices are the only parameters that train."""

    def __init__(self, wrapped: Any, digest: str) -> None:
        """Keep `wrapped`, the `PeftModel` around the model; use `add` or `load` to make an adapter."""
        self._wrapped = wrapped
        self._digest = digest

    def switched_off(self) -> AbstractContextManager[None]:
        """Have the model compute in the block what its base computes."""
        found: AbstractContextManager[None] = self._wrapped.disable_adapter()
        return found

    def save(self, directory: Path) -> None:
        """Write the adapter, without anything of its base."""
        directory.mkdir(parents=True, exist_ok=True)
        settings = self._wrapped.peft_config["default"].to_dict()
        text = json.dumps(settings, default=sorted, indent=2, sort_keys=True)  # its sets have no order of their own
        (directory / CONFIG).write_text(text + "\n", encoding="utf-8")
        tensors = {name: value.detach().cpu().contiguous() for name, value in self._tensors().items()}
        save_file(tensors, directory / WEIGHTS, metadata={"format": "pt"})
        (directory / BASE).write_text(json.dumps({"digest": self._digest}) + "\n", encoding="utf-8")

    def restore(self, directory: Path) -> None:
        """Read the matrices that `save` wrote into the model.

        Raises:
            PolicyError: the matrices are missing, damaged, of another shape, or of another base model.
        """
        tensors = _read_weights(directory)
        if _digest_in(directory) not in (None, self._digest):
            raise PolicyError(
                f"{directory}: was trained on other weights than its base model "
                f"{self._wrapped.peft_config['default'].base_model_name_or_path} has now; put the old ones back"
            )
        shapes = {name: value.shape for name, value in self._tensors().items()}
        if {name: value.shape for name, value in tensors.items()} != shapes:
            raise PolicyError(f"{directory}: its matrices are not those that {CONFIG} describes, or of another model")
        _peft().set_peft_model_state_dict(self._wrapped, tensors)

    def merge(self) -> None:
        """Add the products to the weights and take the adapter's layers out of the model again."""
        try:
            self._wrapped.merge_and_unload(safe_merge=True)
        except ValueError as error:
            raise PolicyError(f"the adapter cannot be merged: {error}") from None

    def _tensors(self) -> dict[str, Tensor]:
        """Return the matrices under the names that `peft` gives them in files."""
        found: dict[str, Tensor] = _peft().get_peft_model_state_dict(self._wrapped, save_embedding_layers=False)
        return found


def add(model: PreTrainedModel, config: LoraConfig, *, base: str) -> Adapter:
    """Put a new adapter into a model; until it is trained, the model computes what it did before.

    Raises:
        ConfigError: `peft` is missing, or the model has no such layers.
    """
    targets: Any = "all-linear" if config.target_modules == ("all-linear",) else list(config.target_modules)
    settings = _peft().LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM"
    )
    try:
        adapter = _put_in(model, settings, base)
    except ValueError as error:
        raise ConfigError(f"model.lora.target_modules: {str(error).strip().splitlines()[0]}") from None
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_A." in name:
                parameter.copy_(_first_matrix(parameter.shape, rng.key("lora", config.seed, name)))
    return adapter


def load(model: PreTrainedModel, directory: Path) -> Adapter:
    """Put a saved adapter into its base model.

    Raises:
        ConfigError: `peft` is missing.
        PolicyError: the adapter is missing, damaged, of another kind, or of another base model.
    """
    base = base_of(directory)
    try:
        settings = _peft().LoraConfig.from_pretrained(str(directory))
        settings.base_model_name_or_path = None  # set below; peft would warn that it changes
        settings.inference_mode = False
        adapter = _put_in(model, settings, base)
    except Exception as error:  # a file is somebody's data, and the library fails on it in any way
        if is_out_of_memory(error):
            raise
        first = first_line(error)
        raise PolicyError(f"{directory}: does not fit its base model {base}: {first}") from None
    adapter.restore(directory)
    return adapter


def base_of(directory: Path) -> str:
    """Return the name of a saved adapter's base model, after a check that the adapter is one that we can use.

    Raises:
        ConfigError: `peft` is missing.
        PolicyError: the adapter is not a plain low-rank one, or does not name its base.
    """
    _peft()
    path = directory / CONFIG
    settings = read_fields(path)
    if settings.get("peft_type") != "LORA":
        raise PolicyError(f"{path}: is not a LoRA adapter; merge it into its base model with peft first")
    beyond = [name for name in _BEYOND_LOW_RANK if settings.get(name)]
    beyond += ["bias"] if settings.get("bias", "none") != "none" else []
    beyond += ["init_lora_weights"] if settings.get("init_lora_weights", True) not in _KEEPS_BASE else []
    if beyond:
        raise PolicyError(
            f"{path}: changes more than low-rank matrices ({', '.join(beyond)}), so that switched off it is not its "
            "base model; merge it with peft first"
        )
    base = settings.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise PolicyError(f"{path}: does not name its base model; set base_model_name_or_path in it")
    return base


def _peft() -> Any:
    try:
        return importlib.import_module("peft")
    except ImportError:
        raise ConfigError("LoRA needs the package peft; install it with: pip install 'secondthought[lora]'") from None


def _put_in(model: PreTrainedModel, settings: Any, base: str) -> Adapter:
    digest = _digest(model)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():  # peft draws first values from a global state
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)  # peft's to mend, not a user's
        wrapped = _peft().get_peft_model(model, settings)
    settings = wrapped.peft_config["default"]
    settings.base_model_name_or_path = base
    embeddings = model.get_input_embeddings()
    for name, layer in _layers(model):
        if isinstance(layer, nn.Embedding) or layer.weight is embeddings.weight:
            raise ValueError(f"{name} is the embedding, or shares its weights; an adapter there could not be merged")
    model.eval()  # a saved adapter may ask for dropout, which would make recorded log-probabilities wrong
    return Adapter(wrapped, digest)


def _layers(model: PreTrainedModel) -> Iterator[tuple[str, Any]]:
    """Yield name and module of the frozen layers that have an adapter beside them."""
    for name, module in model.named_modules():
        if hasattr(module, "lora_A"):
            yield name, module.get_base_layer()


def _first_matrix(shape: torch.Size, seed: int) -> Tensor:
    """Draw as `peft` does, uniform within one over the root of the inputs, but by name and not from a global state."""
    bound = 1 / math.sqrt(shape[1])
    generator = torch.Generator().manual_seed(seed % 2**63)
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def _digest(model: PreTrainedModel) -> str:
    """Hash some numbers of each weight: enough to notice that a base was trained anew."""
    digest = hashlib.blake2b(digest_size=8)
    for name, parameter in model.named_parameters():
        flat = parameter.detach().flatten()
        at = torch.linspace(0, flat.numel() - 1, min(PROBES, flat.numel()), dtype=torch.float64).long()
        probed = flat[at.to(flat.device)].float().cpu().numpy().tobytes()
        digest.update(f"{name}:{tuple(parameter.shape)}:".encode() + probed)
    return digest.hexdigest()


def _digest_in(directory: Path) -> str | None:
    """Read the digest of a saved adapter's base; adapters from elsewhere have none."""
    try:
        found: str | None = json.loads((directory / BASE).read_text(encoding="utf-8"))["digest"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"{directory / BASE}: cannot be read: {error}") from None
    return found


def _read_weights(directory: Path) -> dict[str, Tensor]:
    try:
        found: dict[str, Tensor] = load_file(directory / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise PolicyError(f"{directory / WEIGHTS}: cannot be read: {error}; save the adapter again") from None
    if odd := next((name for name, value in found.items() if not torch.isfinite(value.float()).all()), None):
        raise PolicyError(f"{directory / WEIGHTS}: {odd} holds numbers that are not finite; take an earlier checkpoint")
    return found
