"""Time requests with and without the proxy between, side by side, and count what is lost among faults.

So many clients ask in a circle: each sends its next request when the last is answered. The upstream takes as long for
every answer, so what a request takes more with the proxy is the proxy's. Phases alternate, so that a change of the
machine's load meets all of them; clients, proxy and upstream share its cores. Last come requests whose upstream fails
in passing, a first try in two of them wrong: each must be answered, under its own name.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from secondthought.bench.serving.upstream import FAULTS
from secondthought.errors import RunError

if TYPE_CHECKING:
    import httpx2

_FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "named",
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}
_PHASES: Mapping[str, Mapping[str, Any]] = {"passed_on": {}, "checked": {"response_format": _FORM}}
"""What a request through the proxy says besides: nothing, and is passed on, or a schema, and is checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """`LoadSettings` say how much is asked."""

    clients: int
    requests: int
    """Requests of each phase and round."""
    rounds: int
    upstream_ms: float
    faulty: int
    """Requests whose upstream fails in passing."""
    faulty_clients: int


def run(**sizes: Any) -> dict[str, Any]:
    """Measure; `sizes` are `LoadSettings`."""
    settings = LoadSettings(**sizes)
    with _upstream(settings.upstream_ms) as server, _proxy(server, settings) as proxy:
        return asyncio.run(_measured(settings, server, proxy))


async def _measured(settings: LoadSettings, server: str, proxy: str) -> dict[str, Any]:
    import httpx2

    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=120, limits=limits, trust_env=False) as client:
        spread_s = settings.upstream_ms / 1000
        seconds: dict[str, list[float]] = {"direct": [], **{name: [] for name in _PHASES}}
        for number in range(-1, settings.rounds):  # the first one warms up
            for phase, taken in seconds.items():
                url = server if phase == "direct" else proxy
                names = [f"{phase}-{number}-{place}0" for place in range(settings.requests)]
                found = await _asked(client, url, names, settings.clients, _PHASES.get(phase, {}), spread_s)
                if wrong := [name for name, answer in found.items() if answer.text != json.dumps({"name": name})]:
                    raise RunError(f"{phase}: {wrong[0]} got {found[wrong[0]]}")
                taken += [answer.seconds for answer in found.values()] if number >= 0 else []
        faulty = await _faulty(client, proxy, settings)
    medians = {phase: 1000 * statistics.median(taken) for phase, taken in seconds.items()}
    return {
        "settings": {**asdict(settings), "cores": os.cpu_count()},
        "median_ms": medians,
        "p95_ms": {phase: 1000 * statistics.quantiles(taken, n=20)[-1] for phase, taken in seconds.items()},
        "overhead_ms": {phase: medians[phase] - medians["direct"] for phase in _PHASES},
        "faulty": faulty,
    }


async def _faulty(client: httpx2.AsyncClient, proxy: str, settings: LoadSettings) -> dict[str, Any]:
    """Ask under faults and count answers by what became of them."""
    if not settings.faulty:
        return {}
    names = [f"f{place} {FAULTS[place % len(FAULTS)]}" for place in range(settings.faulty)]
    begun, spread_s = time.perf_counter(), settings.upstream_ms / 1000
    found = await _asked(client, proxy, names, settings.faulty_clients, _PHASES["checked"], spread_s)
    kinds = Counter(_kind(name.partition(" ")[0], answer) for name, answer in found.items())
    counted = {kind: kinds[kind] for kind in ("right", "unrescued", "lost", "anothers")}
    return {"requests": len(found), **counted, "seconds": time.perf_counter() - begun}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    text: str
    seconds: float


def _kind(name: str, answer: _Answer) -> str:
    """Tell what became of a request: its own right answer, its own wrong one, none, or another's."""
    if answer.status != 200:
        return "lost"
    if answer.text == json.dumps({"name": name}):
        return "right"
    return "unrescued" if answer.text == f"My name is {name}." else "anothers"


async def _asked(
    client: httpx2.AsyncClient, url: str, names: list[str], clients: int, more: Mapping[str, Any], spread_s: float
) -> dict[str, _Answer]:
    """Have so many clients ask under these names, one request after another each; they begin spread over a time.

    Clients that began at once would go on in step, and each wait for the others.
    """
    left, found = iter(names), {}

    async def one_client(place: int) -> None:
        await asyncio.sleep(spread_s * place / clients)
        for name in left:
            body = {"model": "m", "messages": [{"role": "user", "content": name}], **more}
            begun = time.perf_counter()
            status, text = await _posted(client, url, body)
            found[name] = _Answer(status, text, time.perf_counter() - begun)

    await asyncio.gather(*map(one_client, range(clients)))
    return found


async def _posted(client: httpx2.AsyncClient, url: str, body: Mapping[str, Any]) -> tuple[int, str]:
    import httpx2

    try:
        reply = await client.post(f"{url}/chat/completions", json=body)
        return reply.status_code, str(reply.json()["choices"][0]["message"]["content"])
    except (httpx2.HTTPError, ValueError, LookupError) as error:
        return 0, repr(error)


@contextlib.contextmanager
def _upstream(milliseconds: float) -> Iterator[str]:
    with _process("secondthought.bench.serving.upstream", str(milliseconds)) as first_line:
        yield f"http://127.0.0.1:{first_line}/v1"


@contextlib.contextmanager
def _proxy(server: str, settings: LoadSettings) -> Iterator[str]:
    most = max(settings.clients, settings.faulty_clients)
    words = ["serve", f"{server}#m", "--port", "0", "--concurrency", str(most), "--queue", str(most), "--attempts", "6"]
    with _process("secondthought", *words) as first_line:
        yield first_line.split()[0]


@contextlib.contextmanager
def _process(module: str, *words: str) -> Iterator[str]:
    """Run a module as long as the context lasts, and yield the first line that it prints."""
    process = subprocess.Popen([sys.executable, "-m", module, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline().strip()
        if not line:
            raise RunError(f"{module} did not start; is the extra `serve` installed?")
        yield line
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
