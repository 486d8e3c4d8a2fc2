"""The environment of a run is described without importing torch: versions, code revision, machine, command line."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("secondthought", "torch", "transformers", "tokenizers", "safetensors", "numpy", "peft", "pydantic")


CPU_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Instructions of processors without which products are several times slower, those in bf16 ten times."""

PACKAGE = Path(__file__).resolve().parents[1]
"""The directory of this package."""


def describe(*, seed: int, threads: int | None, command: Sequence[str]) -> dict[str, Any]:
    """Describe the environment as environment.json holds it. Whatever cannot be found out is null."""
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(command),
        "seed": seed,
        "threads": threads,
        **machine(),
    }


def machine(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Describe what runs the code: versions, revision, processor, memory. Whatever cannot be found out is null."""
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in packages},
        "code": revision(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cpu_features": _cpu_features(),
        "cores": _cores(),
        "memory_bytes": _memory_bytes(),
        "gpus": _gpus(),
    }


def revision() -> dict[str, str | None] | None:
    """Return the git revision of the package's own checkout, and a hash of what differs from it (null if nothing does).

    An installed package has none: None. A repository that merely contains the installed package is not its checkout.
    """
    root = PACKAGE.parent.parent
    if PACKAGE.parent.name != "src" or not (root / ".git").exists():
        return None
    head = _output("git", "-C", str(root), "rev-parse", "HEAD")
    return None if head is None else {"revision": head, "dirty": _difference(root)}


def _difference(root: Path) -> str | None:
    changed = _output("git", "-C", str(root), "diff", "--binary", "HEAD", "--", "src", "pyproject.toml") or ""
    names = _output("git", "-C", str(root), "ls-files", "--others", "--exclude-standard", "--", "src") or ""
    digest = hashlib.sha256(changed.encode())
    for name in names.splitlines():
        path = root / name
        digest.update(name.encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()[:16] if changed or names else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_features() -> list[str] | None:
    """Return which instructions the processor has that speed depends on; None where the system does not tell."""
    info = next((line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("flags")), None)
    return None if info is None else [name for name in CPU_FEATURES if name in info.split()]


def _cpu_model() -> str | None:
    info = _read("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or None


def _cores() -> int | None:
    """Count the cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _gpus() -> list[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    return (_output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader") or "").splitlines()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip()
