"""Facts of a run are what a reader asks first: what it was, where it ran, with which settings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from secondthought.report.numbers.about import task_of
from secondthought.report.numbers.runs import Run, get, number
from secondthought.report.page.tables import ABSENT, thousands


def facts(run: Run) -> list[tuple[str, str]]:
    """Return what a reader asks first about a run: what it was, where it ran, with which settings."""
    found = [*_about(run), *_surroundings(run.environment)]
    return [(name, str(value)) for name, value in found if value not in (None, "", ABSENT)]


def config_text(run: Run) -> str:
    """Return the resolved config."""
    return json.dumps(run.config, indent=2, ensure_ascii=False)


def _about(run: Run) -> list[tuple[str, Any]]:
    return [
        ("arm", run.arm),
        ("model", run.model),
        ("task", task_of(run)),
        ("seed", run.seed),
        ("status", run.status),
        ("steps", f"{run.metrics[-1]['step']:g}" if run.metrics else None),
        ("best step", get(run.summary, "best_step")),
        ("tokens sampled", thousands(number(get(run.summary, "tokens_sampled")))),
    ]


def _surroundings(environment: Mapping[str, Any]) -> list[tuple[str, Any]]:
    code, versions = get(environment, "code"), get(environment, "packages") or {}
    memory, gpus = number(get(environment, "memory_bytes")) / 2**30, get(environment, "gpus")
    parts = (get(environment, "cpu"), *(gpus if isinstance(gpus, list) else ()))
    return [
        ("started", get(environment, "started")),
        ("machine", ", ".join(str(part) for part in parts if part)),
        ("cores, threads", f"{get(environment, 'cores')}, {get(environment, 'threads') or 'all'}"),
        ("memory", None if math.isnan(memory) else f"{memory:.0f} GiB"),
        ("versions", ", ".join(f"{name} {value}" for name, value in versions.items() if value)),
        ("code", f"{str(get(code, 'revision'))[:12]}{' + changes' if get(code, 'dirty') else ''}" if code else None),
        ("command", get(environment, "command")),
    ]
