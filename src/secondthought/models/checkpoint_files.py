"""The files of a checkpoint directory are looked at before a library reads them: each fault has its file and remedy.

Only headers are read. What the numbers in them are, the model's own loading finds out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from secondthought.disk import read_text, why_unread
from secondthought.errors import PolicyError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_AGAIN = "copy or download it again"
_POINTER = b"version https://git-lfs"


def check_config(directory: Path) -> dict[str, Any]:
    """Return what config.json says, if it is that of a model.

    Raises:
        PolicyError: the file is missing or holds something else; the sentence names it.
    """
    config = read_object(directory / "config.json")
    if not (isinstance(config.get("model_type"), str) and config["model_type"]) and "auto_map" not in config:
        raise PolicyError(
            f"{directory / 'config.json'}: model_type is missing, so nobody can tell which model it is; {_AGAIN}"
        )
    return config


def check_weights(directory: Path, config: Mapping[str, Any]) -> None:
    """Refuse a directory whose weights cannot be those of a model with this config.

    Raises:
        PolicyError: a file is missing, cut off, or holds something else; the sentence names it.
    """
    for file in _weight_files(directory):
        _check_tensors(file, whole_numbers=bool(config.get("quantization_config")))


def stored_kinds(directory: Path) -> set[str]:
    """Return the types of a checkpoint's tensors, as its files call them."""
    kinds = set()
    for file in _weight_files(directory):
        with safe_open(file, framework="pt") as held:
            kinds |= {held.get_slice(name).get_dtype() for name in held.keys()}  # noqa: SIM118 - it is no dict
    return kinds


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of a checkpoint.

    Raises:
        PolicyError: there is no such file, or it holds something else.
    """
    try:
        found = json.loads(read_text(path))
    except OSError as error:
        raise PolicyError(why_unread(path, error)) from None
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: is not a valid JSON file ({error}); {_AGAIN}") from None
    if not isinstance(found, dict):
        raise PolicyError(f"{path}: holds no JSON object but a {type(found).__name__}; {_AGAIN}")
    return found


def _weight_files(directory: Path) -> Iterator[Path]:
    """Yield the files of weights, one or those that an index names."""
    if not (directory / INDEX).is_file():
        yield directory / WEIGHTS
        return
    shards = read_object(directory / INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) for name in shards.values()):
        raise PolicyError(f"{directory / INDEX}: weight_map must name the file of each tensor; {_AGAIN}")
    for name in sorted(set(shards.values())):
        if not (directory / name).is_file():
            raise PolicyError(f"{directory / name}: is named in {INDEX} and not there; {_AGAIN}")
        yield directory / name


def _check_tensors(file: Path, *, whole_numbers: bool) -> None:
    try:
        with file.open("rb") as stream:
            head = stream.read(len(_POINTER))
        if head == _POINTER:
            raise PolicyError(f"{file}: is a pointer of git-lfs, not the weights; get them with: git lfs pull")
        with safe_open(file, framework="pt") as held:
            names = [name for name in held.keys() if name.endswith(".weight")]  # noqa: SIM118 - it is no dict
            kinds = {name: held.get_slice(name).get_dtype() for name in names}
    except FileNotFoundError as error:
        raise PolicyError(f"{why_unread(file, error)}{_other_weights(file.parent)}") from None
    except OSError as error:
        raise PolicyError(why_unread(file, error)) from None
    except SafetensorError as error:
        said = str(error).removeprefix("Error while deserializing header: ")
        raise PolicyError(f"{file}: is cut off, or no file of safetensors ({said}); {_AGAIN}") from None
    odd = next((name for name, kind in kinds.items() if not kind.startswith(("F", "BF"))), None)
    if odd and not whole_numbers:
        raise PolicyError(
            f"{file}: {odd} holds whole numbers ({kinds[odd]}), and config.json has no quantization_config that says"
            " what they mean; take the model as it was before it was quantized"
        )


def _other_weights(directory: Path) -> str:
    """Say what a directory holds in place of safetensors, to be added to a sentence."""
    pickled = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth") for file in directory.glob(pattern))
    if pickled:
        return f"; {pickled[0]} may run code when it is read, so save the model as safetensors first"
    others = sorted(file.name for file in directory.glob("*.gguf"))
    return f"; {others[0]} is for other programs, get the model's safetensors" if others else ""
