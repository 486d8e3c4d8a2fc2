"""What a reader asks first about a run: what it was, where it ran, with which settings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from secondthought.report.numbers.runs import Run, get, number
from secondthought.report.page.tables import ABSENT, thousands


def facts(run: Run) -> list[tuple[str, str]]:
    """What a reader asks first about a run."""
    environment, config = run.environment, run.config
    versions = get(environment, "packages") or {}
    code = get(environment, "code")
    revision = f"{str(get(code, 'revision'))[:12]}{' + changes' if get(code, 'dirty') else ''}" if code else None
    memory = number(get(environment, "memory_bytes")) / 2**30
    found = [
        ("arm", run.arm),
        ("model", run.model),
        ("task", get(config, "task", "name")),
        ("seed", run.seed),
        ("status", run.status),
        ("steps", f"{run.metrics[-1]['step']:g}" if run.metrics else None),
        ("best step", get(run.summary, "best_step")),
        ("tokens sampled", thousands(number(get(run.summary, "tokens_sampled")))),
        ("started", get(environment, "started")),
        ("machine", ", ".join(str(part) for part in (get(environment, "cpu"), *_gpus(environment)) if part) or None),
        ("cores, threads", f"{get(environment, 'cores')}, {get(environment, 'threads') or 'all'}"),
        ("memory", None if math.isnan(memory) else f"{memory:.0f} GiB"),
        ("versions", ", ".join(f"{name} {value}" for name, value in versions.items() if value) or None),
        ("code", revision),
        ("command", get(environment, "command")),
    ]
    return [(name, str(value)) for name, value in found if value not in (None, "", ABSENT)]


def config_text(run: Run) -> str:
    """The resolved config."""
    return json.dumps(run.config, indent=2, ensure_ascii=False)


def _gpus(environment: Mapping[str, Any]) -> list[Any]:
    gpus = get(environment, "gpus")
    return gpus if isinstance(gpus, list) else []
